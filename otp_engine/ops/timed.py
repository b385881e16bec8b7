"""How long things took, in numbers; a `resilience.metrics.Metrics`."""

from __future__ import annotations

from functools import partial
from http import HTTPStatus

from prometheus_client import CollectorRegistry, Counter, Histogram

_SHORT = tuple(ms / 1000 for ms in (0.5, 1, 2.5, 5, 10, 25, 50, 100, 250, 500, 1000))
_KNOWN_ERRORS = ("NoAnswer", "ConnectionError", "CircuitOpen")
_APIS = ("auth", "verify_v2", "metrics", "callbacks")
_LONG = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 15)


class Timed:
    """Keeps how often each thing took how long, in seconds."""

    def __init__(self, registry: CollectorRegistry) -> None:
        """Keep it in *registry*."""
        counter = partial(Counter, registry=registry)
        histogram = partial(Histogram, registry=registry)
        self._requests = histogram(
            "otp_http_request_duration_seconds",
            "How long requests took to answer.",
            ["method", "route", "status"],
            buckets=_LONG,
        )
        self._bugs = counter("otp_bugs", "Requests that were answered with 500.")
        self._carrier = histogram(
            "otp_carrier_duration_seconds",
            "How long carriers took to answer.",
            ["sender", "outcome"],
            buckets=_LONG,
        )
        self._carrier_errors = counter(
            "otp_carrier_errors",
            "What carriers answered but yes, by their own numbers.",
            ["sender", "error"],
        )
        self._waits = histogram(
            "otp_hashing_wait_seconds",
            "How long hashes waited for a thread.",
            buckets=_SHORT,
        )
        self._hashes = histogram(
            "otp_hashing_duration_seconds", "How long hashes took.", buckets=_SHORT
        )
        self._not_hashed = counter(
            "otp_hashing_refused",
            "Requests that found no place in the queue of hashes.",
        )
        self._begin_redis(registry)
        self._begin_authentication(registry)

    def _begin_authentication(self, registry: CollectorRegistry) -> None:
        self._unauthorized = Counter(
            "otp_authentication_failures",
            "Requests that were answered with 401: no key, a wrong one, or a report"
            " with a wrong signature.",
            ["api"],
            registry=registry,
        )
        for api in _APIS:
            self._unauthorized.labels(api)

    def _begin_redis(self, registry: CollectorRegistry) -> None:
        self._redis = Histogram(
            "otp_redis_duration_seconds",
            "How long Redis took to answer.",
            buckets=_SHORT,
            registry=registry,
        )
        self._redis_errors = Counter(
            "otp_redis_errors",
            "Questions that Redis did not answer.",
            ["error"],
            registry=registry,
        )
        for error in _KNOWN_ERRORS:
            self._redis_errors.labels(error)

    def observe_hash(self, *, waited: float, took: float) -> None:
        """Keep a hash."""
        self._waits.observe(waited)
        self._hashes.observe(took)

    def count_hash_rejection(self) -> None:
        """Count a hash that found no place."""
        self._not_hashed.inc()

    def observe_store_call(self, took: float | None, error: str | None) -> None:
        """Keep a question to Redis."""
        if took is not None:
            self._redis.observe(took)
        if error:
            self._redis_errors.labels(error).inc()

    def observe_delivery(
        self, sender: str, took: float, outcome: str, error: str | None
    ) -> None:
        """Keep a message that a carrier was given."""
        self._carrier.labels(sender, outcome).observe(took)
        if error:
            self._carrier_errors.labels(sender, error).inc()

    def answered(self, method: str, route: str, status: int, took: float) -> None:
        """Keep a request to *route*, a pattern."""
        self._requests.labels(method, route, status).observe(took)
        if status == HTTPStatus.INTERNAL_SERVER_ERROR:
            self._bugs.inc()

    def unauthorized(self, api: str) -> None:
        """Count a request without a valid key to *api*, the name of a blueprint."""
        self._unauthorized.labels(api).inc()
