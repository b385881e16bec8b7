"""The composition root: it connects the settings, stores, senders, engine and views.

api/ ──▶ domain/ ──▶ ports ◀── store/     Redis
                           ◀── senders/   Twilio, the console
"""

from __future__ import annotations

import logging
import os
import secrets
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from operator import attrgetter
from threading import BoundedSemaphore
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from flask import Flask, Request, Response
from flask.globals import request_ctx
from flask.sessions import (
    NullSession,
    SecureCookieSession,
    SecureCookieSessionInterface,
)
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import NotFound
from werkzeug.routing import MapAdapter

from otp_engine import api, background, web
from otp_engine.api import (
    auth_views,
    body,
    error_handlers,
    forwarded,
    jwks,
    provider_webhooks,
    response_headers,
    verify_v2,
)
from otp_engine.api.authentication import ApiKeyAuthenticator
from otp_engine.api.context import Dependencies
from otp_engine.api.cors import OriginPolicy
from otp_engine.api.json_responses import JSONResponse
from otp_engine.api.public_path import PublicPath
from otp_engine.api.trusted_proxies import TrustedProxies
from otp_engine.config import Settings
from otp_engine.config.event_webhook import EventWebhookSettings
from otp_engine.crypto import hash_queue
from otp_engine.crypto.hash_queue import HashQueue
from otp_engine.crypto.proof_tokens import ProofTokenIssuer
from otp_engine.domain import engine_router
from otp_engine.domain.delivery_recorder import DeliveryRecorder
from otp_engine.domain.engine import Engine, leave_out_address
from otp_engine.domain.engine_router import EngineRouter
from otp_engine.domain.event_webhook import sealing
from otp_engine.domain.event_webhook.cloud_events import Account
from otp_engine.domain.event_webhook.followed import FollowedVerification
from otp_engine.domain.events import Event, EventListener
from otp_engine.domain.limits import hits
from otp_engine.domain.messages.delivery_reports import DeliveryReport
from otp_engine.domain.messages.templates import Message
from otp_engine.domain.pending_verifications import IDEMPOTENCY_KEY_BYTES
from otp_engine.domain.phones import countries
from otp_engine.domain.phones.destinations import AllowedDestinations
from otp_engine.domain.policy.changes import BasePolicy
from otp_engine.domain.policy.live import LivePolicy
from otp_engine.domain.policy.policy import Policy
from otp_engine.domain.policy.signed_versions import SignedPolicyVersions
from otp_engine.domain.policy.versions import PolicyVersion
from otp_engine.domain.ports import Sender, VerificationStore
from otp_engine.domain.safe_numbers import SafeNumbers
from otp_engine.domain.sandbox_numbers import SandboxNumbers
from otp_engine.domain.services import Service
from otp_engine.errors import StoreUnavailable
from otp_engine.ops import health, request_log
from otp_engine.ops.event_webhook import EventWebhook
from otp_engine.resilience.dependency_metrics import DependencyMetrics
from otp_engine.resilience.due_tasks import DueTasks
from otp_engine.senders import build_report_receivers, build_senders
from otp_engine.senders.console import ConsoleProvider
from otp_engine.senders.event_webhook import EventPoster
from otp_engine.senders.null import NullSender
from otp_engine.senders.provider import Provider
from otp_engine.senders.simulated import SimulatedProvider
from otp_engine.store.provider_health_monitor import ProviderHealthMonitor
from otp_engine.store.redis_store import RedisStore, build_store

if TYPE_CHECKING:
    # For the type checker only, for the reason in `build_metrics`.
    from otp_engine.ops.event_metrics import EventMetrics
    from otp_engine.ops.prometheus import PrometheusMetrics

log = logging.getLogger(__name__)

MAX_CONCURRENT_SENDS = 32
"""Messages that can wait for a provider at once, in each worker."""

THREADS = hash_queue.DEFAULT_WAITING + MAX_CONCURRENT_SENDS + 32
"""Threads for requests in each worker. They start on demand, and most of them wait for
a hash, for a provider or for Redis, which has 32 connections. There are enough for all
three at once, so a check never waits for a send, and a health check for neither."""

_SLOW_REPORT = timedelta(seconds=10)
"""Time from a fallback after a silence to the simulated report of a slow message."""

_MAX_CONCURRENT_REPORTS = 4
"""Bodies of delivery reports that are read at once, in each worker."""

METRICS_DIR_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
"""The variable with the directory of the metrics that the workers share."""


class _PageSessions(SecureCookieSessionInterface):
    """Sessions of the pages, in a cookie. Requests to the APIs have none."""

    _none = NullSession()

    def open_session(self, app: Flask, request: Request) -> SecureCookieSession | None:
        """Return the session of *request*; see `SessionInterface.open_session`."""
        if request.path.startswith(api.PATHS):
            # To prepare the signature of a cookie would cost as much as 15 µs.
            return self._none
        return super().open_session(app, request)


class _App(Flask):
    """Flask with a log that contains nothing of a request."""

    session_interface = _PageSessions()

    def log_exception(self, exc_info: Any) -> None:  # noqa: ANN401 - Flask's signature
        """Log the error; the line of Flask contains the path."""
        log.error("unexpected error", exc_info=exc_info)

    def create_url_adapter(self, request: Request | None) -> MapAdapter | None:
        """Return the router of *request*.

        Overrides the method of Flask, which reads the host twice.

        Raises:
            BadHost: The name in `Host` is not valid.
        """
        if request is None:
            return super().create_url_adapter(request)
        return self.url_map.bind(
            request.host,
            script_name=request.root_path,
            url_scheme=request.scheme,
            path_info=request.path,
            default_method=request.method,
        )

    def make_response(self, rv: ResponseReturnValue) -> Response:
        """Build the response from what a view returned.

        Overrides the method of Flask, for bodies in JSON.
        """
        match rv:
            case dict():
                return JSONResponse(rv)
            case (dict() as body, int() as status):
                return JSONResponse(body, status)
            case (dict() as body, int() as status, dict() as headers):
                return JSONResponse(body, status, headers)
            case _:
                return super().make_response(rv)

    def do_teardown_request(self, exc: BaseException | None = None) -> None:
        """Do nothing: no function runs at the end of a request.

        Overrides the method of Flask, which searches every blueprint for one.
        """

    def do_teardown_appcontext(self, exc: BaseException | None = None) -> None:
        """Do nothing, as `do_teardown_request`."""

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """Return *func*: no view and no hook is a coroutine.

        Overrides the method of Flask, which looks for one at each call of a hook.
        """
        return func


def create_app(
    settings: Settings,
    *,
    store: RedisStore | None = None,
    senders: Mapping[str, Sender] | None = None,
    draining: Callable[[], bool] = bool,
    metrics_dir: str | None = None,
) -> Flask:
    """Build the service that *settings* describe.

    Args:
        settings: The settings of the operator.
        store: The store; by default the Redis of the settings.
        senders: The senders by name; by default those of the settings.
        draining: Returns whether this process is about to stop; by default False.
        metrics_dir: The directory of the metrics that several workers share; see
            `ops.prometheus`.

    Returns:
        The WSGI application.

    Raises:
        InvalidSettings: The URL of Redis cannot be parsed.
    """
    metrics = build_metrics(settings, metrics_dir)
    store = store or build_store(settings, metrics.timings)
    due = background.build_fallbacks(
        settings, store, lambda: dependencies.current_engines().production
    )
    monitor = store.monitor_providers(
        settings.steps, _listener(settings, store, metrics.events)
    )
    recorder = _build_recorder(settings, store, metrics, due)
    recorder = replace(recorder, health=monitor)
    senders = senders or _build_senders(settings, store, metrics, recorder)
    engine = build_engine(settings, store, senders, metrics.timings)
    engine = replace(
        engine,
        prefer=monitor.prefer,
        track=background.build_track(settings, store, due),
    )
    dependencies = _build_dependencies(settings, store, engine, metrics.events, monitor)
    app = build_flask()
    dependencies.init_app(app)
    background.add_to(app, due)
    _add_hooks(app, settings, metrics)
    _add_views(app, settings, store, dependencies)
    _add_report_receivers(app, settings, recorder)
    app.register_blueprint(health.blueprint(store.ping, draining))
    # The admin listener has them instead, so that no client reaches them.
    if settings.has_metrics and settings.admin_port is None:
        _add_metrics(app, settings, store, metrics, dependencies)
    _add_middleware(app, settings)
    if settings.event_webhook:
        _start_event_webhook(settings, settings.event_webhook, store, metrics)
    return app


def _add_metrics(
    app: Flask,
    settings: Settings,
    store: RedisStore,
    metrics: PrometheusMetrics,
    dependencies: Dependencies,
) -> None:
    """Add the view of the metrics."""
    refresh = add_store_gauges(
        settings,
        store,
        metrics,
        lambda: dependencies.current_engines().production.policy,
    )
    app.register_blueprint(metrics.blueprint(settings.metrics_key, refresh))


def add_store_gauges(
    settings: Settings,
    store: RedisStore,
    metrics: PrometheusMetrics,
    current_policy: Callable[[], Policy],
) -> Callable[[], None]:
    """Add the gauges that are read from the store.

    Args:
        settings: The settings of the operator.
        store: The store.
        metrics: Exposes the gauges.
        current_policy: Returns the live policy, and sets its gauges.

    Returns:
        A function that reads them, and the live policy.
    """
    guard = metrics.add_guard(store.guard.list_notable)
    budget = metrics.add_budget(
        store.budget.read, lambda: current_policy().budget_rules(settings.currency)
    )
    providers = metrics.add_providers(
        lambda: store.provider_health.read().figures(current_policy().slow_after),
        settings.steps,
    )

    def refresh() -> None:
        current_policy()
        guard.refresh()
        budget.refresh()
        providers.refresh()

    return refresh


def _start_event_webhook(
    settings: Settings,
    target: EventWebhookSettings,
    store: RedisStore,
    metrics: PrometheusMetrics,
) -> None:
    EventWebhook(
        store.event_feed,
        EventPoster(target).post,
        event_account(settings, store),
        metrics.event_webhook,
        token=secrets.token_hex(8),
    ).start()


def event_account(settings: Settings, store: RedisStore) -> Account:
    """Return the values of the account in the events of the event webhook.

    Args:
        settings: The settings of the operator.
        store: The store with the names of services.
    """

    def service_name(sid: str) -> str | None:
        if not sid:
            return settings.service.brand or settings.brand
        service = store.services.get(sid)
        return service.brand if service else None

    def open_address(followed: FollowedVerification) -> str | None:
        if followed.sealed_address is None:
            return None
        return sealing.unseal(
            followed.sealed_address, settings.peppers, verification_id=followed.id
        )

    return Account(
        sid=settings.account_sid,
        default_service=settings.service.sid,
        service_name=service_name,
        open_address=open_address,
    )


def preload(settings: Settings) -> None:
    """Import what `create_app` imports later, so that forked workers share it.

    Args:
        settings: The settings of the operator.
    """
    # The variable of the directory of the metrics is set by now, see `build_metrics`.
    import otp_engine.ops.prometheus  # noqa: F401, PLC0415 - see above

    build_senders(settings, max_concurrent=1)


def build_flask() -> Flask:
    """Return an application without views that answers and logs as the service."""
    app = _App("otp_engine", static_folder=None)
    # One byte more distinguishes a body that was cut off from one that just fits.
    app.config["MAX_CONTENT_LENGTH"] = body.MAX_BYTES + 1
    # Flask's own response to OPTIONS is HTML.
    app.config["PROVIDE_AUTOMATIC_OPTIONS"] = False
    # The response to a wrong path is a 404 and no redirect.
    app.url_map.merge_slashes = False
    return app


def _add_hooks(app: Flask, settings: Settings, metrics: PrometheusMetrics) -> None:
    """Add what runs for every request or error."""
    request_log.init_app(
        app, metrics.timings.observe_request, metrics.timings.unauthorized
    )
    if settings.trusted_proxies:
        forwarded.init_app(app, metrics.timings.unreadable_client_ip)
    error_handlers.register(
        app, {"/v2/": verify_v2.errors.handle} | web.error_handlers(settings)
    )
    response_headers.init_app(app)
    app.before_request(_reject_double_slash)
    OriginPolicy(
        allowed=settings.cors_origins,
        public_url=settings.public_url,
        anonymous=not settings.api_keys,
        dev=settings.dev,
    ).init_app(app)


def _add_middleware(app: Flask, settings: Settings) -> None:
    """Wrap *app*, as Flask documents it, after its views are registered."""
    wsgi_app = app.wsgi_app
    if settings.trusted_proxies:
        wsgi_app = TrustedProxies(wsgi_app, settings.trusted_proxies)
    if settings.public_path:
        own_paths = {
            rule.rule.split("/")[1]
            for rule in app.url_map.iter_rules()
            if not rule.endpoint.endswith(provider_webhooks.BELOW_A_PATH)
        }
        wsgi_app = PublicPath(wsgi_app, settings.public_path, own_paths)
    app.wsgi_app = wsgi_app  # type: ignore[method-assign] # Flask's own way to add a middleware


def _add_views(
    app: Flask, settings: Settings, store: RedisStore, dependencies: Dependencies
) -> None:
    app.register_blueprint(auth_views.bp)
    app.register_blueprint(verify_v2.blueprint())
    app.register_blueprint(jwks.blueprint(dependencies.proofs))
    web.init_app(app, settings, store.inbox)


def _add_report_receivers(
    app: Flask, settings: Settings, recorder: DeliveryRecorder
) -> None:
    base_url = settings.callback_url or settings.public_url
    path = urlsplit(base_url or "").path
    if path == settings.public_path or path.startswith(f"{settings.public_path}/"):
        # The middleware removes the public path.
        path = path.removeprefix(settings.public_path)

    if receivers := build_report_receivers(settings):
        app.register_blueprint(
            provider_webhooks.blueprint(
                receivers,
                recorder.record,
                BoundedSemaphore(_MAX_CONCURRENT_REPORTS),
                base_url=base_url,
                path=path,
            )
        )


def build_metrics(settings: Settings, directory: str | None) -> PrometheusMetrics:
    """Register the metrics of this process.

    Args:
        settings: The settings of the operator.
        directory: The directory of the metrics that several processes share.
    """
    # `prometheus_client` reads the variable of the directory when it is imported. The
    # parent of the workers imports this module before it creates the directory.
    from otp_engine.ops.prometheus import PrometheusMetrics  # noqa: PLC0415 - see above

    counted = countries.counted(settings.policy.allowed_countries)
    metrics = PrometheusMetrics(directory, sorted(counted), settings.offered_channels)
    if directory is None:
        # Of several processes, the one that applies a policy sets the gauges.
        metrics.events.set_policy(0, settings.policy)
    return metrics


def _build_dependencies(
    settings: Settings,
    store: RedisStore,
    engine: Engine,
    metrics: EventMetrics,
    monitor: ProviderHealthMonitor,
) -> Dependencies:
    sandbox_numbers = _sandbox_numbers(settings)
    safe_numbers = SafeNumbers(store.safe_list, settings.peppers)
    engine = replace(
        engine, is_safe_number=safe_numbers.exempts, credit=store.events.add_credit
    )
    live = _live_policy(
        settings,
        store,
        engine,
        metrics,
        sandbox_numbers=sandbox_numbers,
        monitor=monitor,
    )
    return Dependencies(
        dev=settings.dev,
        sandbox_numbers=sandbox_numbers,
        current_engines=live.current,
        peppers=settings.peppers,
        authenticator=ApiKeyAuthenticator(
            settings.api_keys, failed=_auth_failure_limit(live, store, settings)
        ),
        default_region=settings.default_region,
        account_sid=settings.account_sid,
        service=settings.service,
        auth_service=Service(sid=settings.service.sid, brand=settings.brand),
        services=store.services,
        records=store.records,
        safe_numbers=safe_numbers,
        events=store.events,
        public_url=settings.public_url,
        proofs=ProofTokenIssuer(
            settings.verify_page.proof_keys, issuer=settings.public_url
        ),
        utcnow=lambda: datetime.now(UTC),
    )


def _sandbox_numbers(settings: Settings) -> SandboxNumbers:
    # Of two entries of a number, the one that lasts longer.
    ordered = sorted(settings.test_numbers, key=attrgetter("valid_through"))
    return SandboxNumbers(
        {sandbox.number.e164: sandbox for sandbox in ordered},
        lambda: datetime.now(UTC).date(),
    )


def _live_policy(  # noqa: PLR0913 - the parts that a new policy version changes
    settings: Settings,
    store: RedisStore,
    engine: Engine,
    metrics: EventMetrics,
    *,
    sandbox_numbers: SandboxNumbers,
    monitor: ProviderHealthMonitor,
) -> LivePolicy[EngineRouter]:
    """Return the live policy, with engines that are built once for each version."""
    emit = background.with_feedback(
        _listener(settings, store, metrics), settings, store, engine
    )

    def build_engines(policy: Policy) -> EngineRouter:
        live = replace(engine, policy=policy, emit=emit)
        monitor.slow_after = policy.slow_after
        for problem in policy.routes.find_problems(live.channels_by_provider):
            log.warning("routes %s: the step is skipped", problem)
        null_senders = {
            name: NullSender(name, sender.channels)
            for name, sender in engine.senders.items()
        }
        return engine_router.build(live, sandbox_numbers, null_senders)

    return LivePolicy(
        settings.policy,
        policy_versions(settings, store, emit),
        build_engines,
        gauges=metrics,
    )


def policy_versions(
    settings: Settings, store: RedisStore, emit: EventListener
) -> SignedPolicyVersions:
    """Return the versions of the policy.

    Args:
        settings: The settings of the operator.
        store: The store with the versions.
        emit: Receives the event of each version at the end of a change.
    """
    base = BasePolicy(settings.policy, settings.explicit_policy_names)

    def on_end(before: PolicyVersion, after: PolicyVersion) -> None:
        emit(base.changed_event(before.state, after))

    return SignedPolicyVersions(store.policy_versions, settings.peppers, on_end)


def _build_recorder(
    settings: Settings, store: RedisStore, metrics: PrometheusMetrics, due: DueTasks
) -> DeliveryRecorder:
    return DeliveryRecorder(
        store=store.deliveries,
        pepper=settings.peppers[0],
        emit=_listener(settings, store, metrics.events),
        metrics=metrics.deliveries,
        on_due=lambda: due.due_in(0),
        mark_unreachable=store.mark_channel_unreachable,
    )


def _build_senders(
    settings: Settings,
    store: RedisStore,
    metrics: PrometheusMetrics,
    recorder: DeliveryRecorder,
) -> dict[str, Sender]:
    def report(report: DeliveryReport) -> None:
        with suppress(StoreUnavailable):
            # A store that was emptied in the meantime stays empty.
            if store.inbox.has_message(report.delivery_id or ""):
                recorder.record(report)
                store.inbox.add_status(report)

    def console() -> Provider:
        provider = ConsoleProvider()
        if not settings.inbox:
            return provider
        slow_delay = settings.policy.fallback_after + _SLOW_REPORT
        return SimulatedProvider(
            provider,
            store.inbox.simulated_outcomes,
            report,
            slow_delay=slow_delay.total_seconds(),
        )

    return build_senders(
        settings,
        max_concurrent=MAX_CONCURRENT_SENDS,
        metrics=metrics.timings,
        health=recorder.health,
        console=console,
        on_accepted=store.inbox.add,
    )


def _listener(
    settings: Settings, store: RedisStore, metrics: EventMetrics
) -> EventListener:
    inbox = store.inbox if settings.inbox else None

    def emit(event: Event) -> None:
        metrics.on_event(event)
        store.events.add(event)
        if inbox:
            inbox.on_event(event)

    return emit


def _auth_failure_limit(
    live: LivePolicy[EngineRouter], store: VerificationStore, settings: Settings
) -> Callable[[str], None]:
    """Return a function that counts a wrong API key of an address, up to a limit."""

    def count(address: str) -> None:
        policy = live.current().production.policy
        failure = hits.for_failed_authentication(address, policy, settings.peppers[0])
        # Without Redis the response is 401, as for any wrong key.
        with suppress(StoreUnavailable):
            store.acquire_hits(
                failure, idempotency_key=os.urandom(IDEMPOTENCY_KEY_BYTES)
            )

    return count


def _reject_double_slash() -> None:
    """Reject `//auth`, which Werkzeug routes as `/auth` past the rules of a proxy."""
    if request_ctx.request.environ.get("PATH_INFO", "").startswith("//"):
        raise NotFound


def build_engine(
    settings: Settings,
    store: VerificationStore,
    senders: Mapping[str, Sender],
    metrics: DependencyMetrics,
) -> Engine:
    """Build the engine on *store* and *senders*."""
    return Engine(
        store=store,
        senders=senders,
        hash_queue=HashQueue(
            _concurrent_hashes(settings.workers),
            wait=settings.hash_wait,
            metrics=metrics,
        ),
        peppers=settings.peppers,
        policy=settings.policy,
        argon2=settings.argon2,
        destinations=AllowedDestinations(settings.policy.allowed_countries),
        text_defaults=settings.text_defaults,
        prices=settings.prices,
        seal_address=_seal_address(settings),
        random_bytes=os.urandom,
        clock=time.monotonic,
    )


def _seal_address(settings: Settings) -> Callable[[Message], str | None]:
    """Return what encrypts addresses for the event webhook, if it has them."""
    if not (settings.event_webhook and settings.event_webhook.with_numbers):
        return leave_out_address

    def seal(message: Message) -> str:
        return sealing.seal(
            message.to, settings.peppers[0], verification_id=message.verification_id
        )

    return seal


def _concurrent_hashes(workers: int) -> int:
    """Return how many hashes a worker runs at once.

    Connections are not spread evenly over the workers. So each one has a hash more than
    its share of the cores, and no core idles while requests wait in another worker.

    Args:
        workers: Number of workers.
    """
    return min(cpu_count(), cpu_count() // workers + 1)


def cpu_count() -> int:
    """Return the number of cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
