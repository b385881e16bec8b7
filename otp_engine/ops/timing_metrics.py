"""Histograms of durations, and counters of the errors of dependencies."""

from __future__ import annotations

from functools import partial
from http import HTTPStatus

from prometheus_client import CollectorRegistry, Counter, Histogram

from otp_engine.ops import labeled_metrics

_SHORT = tuple(ms / 1000 for ms in (0.5, 1, 2.5, 5, 10, 25, 50, 100, 250, 500, 1000))
_LONG = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 15)
_KNOWN_REDIS_ERRORS = ("NoAnswer", "ConnectionError", "CircuitOpen")
_UNREADABLE = ("missing", "hidden", "malformed")
_APIS = ("auth", "verify_v2", "metrics", "callbacks", "console")


class TimingMetrics:
    """Durations of requests, Redis, providers and hashes, in seconds.

    Implements `resilience.dependency_metrics.DependencyMetrics`.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        """Register the metrics in *registry*."""
        self._add_http(registry)
        self._add_provider(registry)
        self._add_hashing(registry)
        self._add_redis(registry)

    def _add_http(self, registry: CollectorRegistry) -> None:
        self._requests = labeled_metrics.build(
            Histogram,
            "otp_http_request_duration_seconds",
            "Duration of HTTP requests.",
            ["method", "route", "status"],
            buckets=_LONG,
            registry=registry,
        )
        counter = partial(Counter, registry=registry)
        self._internal_errors = counter(
            "otp_internal_errors", "Requests that were answered with 500."
        )
        self._unauthorized = counter(
            "otp_authentication_failures",
            "Requests that were answered with 401: no key, a wrong key, or a delivery"
            " report with a wrong signature.",
            ["api"],
        )
        for api in _APIS:
            self._unauthorized.labels(api)
        self._unreadable_client_ips = counter(
            "otp_unreadable_client_ips",
            "Requests that counted for no address of their own, because the entry in"
            " X-Forwarded-For is missing, hidden or malformed.",
            ["reason"],
        )
        for reason in _UNREADABLE:
            self._unreadable_client_ips.labels(reason)

    def _add_provider(self, registry: CollectorRegistry) -> None:
        self._provider = labeled_metrics.build(
            Histogram,
            "otp_provider_duration_seconds",
            "Duration of requests to providers.",
            ["sender", "outcome"],
            buckets=_LONG,
            registry=registry,
        )
        self._provider_errors = Counter(
            "otp_provider_errors",
            "Failed requests to providers, by the provider's error code.",
            ["sender", "error"],
            registry=registry,
        )

    def _add_hashing(self, registry: CollectorRegistry) -> None:
        histogram = partial(Histogram, registry=registry, buckets=_SHORT)
        self._hash_waits = histogram(
            "otp_hashing_wait_seconds", "Time that hashes waited for their turn."
        )
        self._hashes = histogram("otp_hashing_duration_seconds", "Duration of hashes.")
        self._hash_rejections = Counter(
            "otp_hash_queue_rejections",
            "Requests rejected because their wait for a hash was too long.",
            registry=registry,
        )

    def _add_redis(self, registry: CollectorRegistry) -> None:
        self._redis = Histogram(
            "otp_redis_duration_seconds",
            "Duration of Redis calls.",
            buckets=_SHORT,
            registry=registry,
        )
        self._redis_errors = Counter(
            "otp_redis_errors", "Failed Redis calls.", ["error"], registry=registry
        )
        for error in _KNOWN_REDIS_ERRORS:
            self._redis_errors.labels(error)

    def observe_hash(self, *, waited: float, took: float) -> None:
        """Record a hash.

        Args:
            waited: Seconds in the queue.
            took: Seconds of hashing.
        """
        self._hash_waits.observe(waited)
        self._hashes.observe(took)

    def count_hash_rejection(self) -> None:
        """Count a hash that the queue rejected."""
        self._hash_rejections.inc()

    def observe_store_call(self, took: float | None, error: str | None) -> None:
        """Record a Redis call.

        Args:
            took: Seconds until the reply or the error; None where no call was made.
            error: The kind of the error, if it failed.
        """
        if took is not None:
            self._redis.observe(took)
        if error:
            self._redis_errors.labels(error).inc()

    def observe_delivery(
        self, sender: str, took: float, outcome: str, error: str | None
    ) -> None:
        """Record a message passed to a provider.

        Args:
            sender: The provider's name in `OTP_SENDERS`.
            took: Seconds until the response or the timeout.
            outcome: `accepted`, or the code of the error.
            error: The provider's own error code, or the code of the error.
        """
        self._provider(sender, outcome).observe(took)
        if error:
            self._provider_errors.labels(sender, error).inc()

    def observe_request(
        self, method: str, route: str, status: int, seconds: float
    ) -> None:
        """Record an HTTP request.

        Args:
            method: The HTTP method; empty if it is not a standard one.
            route: The pattern of the route; empty if none matched.
            status: The status of the response.
            seconds: The duration.
        """
        self._requests(method, route, status).observe(seconds)
        if status == HTTPStatus.INTERNAL_SERVER_ERROR:
            self._internal_errors.inc()

    def unauthorized(self, api: str) -> None:
        """Count a request without a valid key to *api*, the name of a blueprint."""
        self._unauthorized.labels(api).inc()

    def unreadable_client_ip(self, reason: str) -> None:
        """Count a request without a readable client IP; *reason* as in the metric."""
        self._unreadable_client_ips.labels(reason).inc()
