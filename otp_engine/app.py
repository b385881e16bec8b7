"""The composition root: it connects the settings, stores, senders, engine and views.

api/ ──▶ domain/ ──▶ ports ◀── store/     Redis
                           ◀── senders/   Twilio, the console
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from threading import BoundedSemaphore
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from flask import Flask

from otp_engine import web
from otp_engine.api import (
    auth_views,
    error_handlers,
    forwarded,
    jwks,
    page_links,
    provider_webhooks,
    response_headers,
    totp_views,
    verify_v2,
)
from otp_engine.api.authentication import ApiKeyAuthenticator
from otp_engine.api.context import Dependencies
from otp_engine.api.cors import OriginPolicy
from otp_engine.api.public_path import PublicPath
from otp_engine.api.trusted_proxies import TrustedProxies
from otp_engine.composition import background, service_webhooks
from otp_engine.composition.deliveries import build_recorder, build_service_senders
from otp_engine.composition.engine import (
    build_engine,
    build_live_policy,
    build_sandbox_numbers,
)
from otp_engine.composition.events import build_listener, start_event_webhook
from otp_engine.composition.factors import build_data_keys, build_factors
from otp_engine.composition.flask_app import build_flask, reject_double_slash
from otp_engine.composition.metrics import add_store_gauges, build_metrics
from otp_engine.config import Settings
from otp_engine.crypto.proof_tokens import ProofTokenIssuer
from otp_engine.domain.delivery_recorder import DeliveryRecorder
from otp_engine.domain.engine import Engine
from otp_engine.domain.engine_router import EngineRouter
from otp_engine.domain.limits import hits
from otp_engine.domain.pending_verifications import IDEMPOTENCY_KEY_BYTES
from otp_engine.domain.policy.live import LivePolicy
from otp_engine.domain.ports import Sender, VerificationStore
from otp_engine.domain.safe_numbers import SafeNumbers
from otp_engine.domain.services import Service
from otp_engine.errors import StoreUnavailable
from otp_engine.ops import health, request_log
from otp_engine.senders import build_report_receivers, build_senders
from otp_engine.store import lua_scripts
from otp_engine.store.provider_health_monitor import ProviderHealthMonitor
from otp_engine.store.redis_store import RedisStore, build_store

if TYPE_CHECKING:
    # For the type checker only, for the reason in `build_metrics`.
    from otp_engine.ops.prometheus import PrometheusMetrics


_MAX_CONCURRENT_REPORTS = 4
"""Bodies of delivery reports that are read at once, in each worker."""


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
        settings.steps, build_listener(settings, store, metrics.events)
    )
    recorder = build_recorder(settings, store, metrics, due, monitor)
    senders = senders or build_service_senders(settings, store, metrics, recorder)
    engine = build_engine(settings, store, senders, metrics.timings)
    engine = replace(
        engine,
        prefer=monitor.prefer,
        track=background.build_track(settings, store, senders, due),
    )
    dependencies = _build_dependencies(settings, store, engine, metrics, monitor)
    app = build_flask()
    dependencies.init_app(app)
    background.add_to(app, due, senders.values())
    _add_hooks(app, settings, metrics)
    _add_views(app, settings, store, dependencies)
    if settings.has_console:
        _add_console(app, settings, store, dependencies, metrics)
    _add_report_receivers(app, settings, recorder)
    app.register_blueprint(health.blueprint(store.ping, draining))
    # The admin listener has them instead, so that no client reaches them.
    if settings.has_metrics and settings.admin_port is None:
        _add_metrics(app, settings, store, metrics, dependencies)
    _add_middleware(app, settings)
    if settings.event_webhook:
        start_event_webhook(settings, settings.event_webhook, store, metrics)
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


def preload(settings: Settings) -> None:
    """Load what workers load later, so that they share it as forks of this process.

    Args:
        settings: The settings of the operator.
    """
    # The variable of the directory of the metrics is set by now, see `build_metrics`.
    import otp_engine.ops.prometheus  # noqa: F401, PLC0415 - see above

    if settings.factor_keys:
        import segno  # noqa: F401, PLC0415 - as in `qr_codes.to_svg`
    if settings.has_console:
        from otp_engine import console  # noqa: F401, PLC0415 - as in `_add_hooks`
    lua_scripts.load_all()
    build_senders(settings, max_concurrent=1)


def _add_hooks(app: Flask, settings: Settings, metrics: PrometheusMetrics) -> None:
    """Add what runs for every request or error."""
    request_log.init_app(
        app, metrics.timings.observe_request, metrics.timings.unauthorized
    )
    if settings.trusted_proxies:
        forwarded.init_app(app, metrics.timings.unreadable_client_ip)
    handlers: dict[str, error_handlers.ErrorHandler]
    handlers = {"/v2/": verify_v2.errors.handle} | web.error_handlers(settings)
    if settings.has_console:
        # Imported only where it is enabled: a worker without it needs less memory.
        from otp_engine.console import error_pages  # noqa: PLC0415 - see above

        # Before that of `/`: the first one that matches counts.
        paths = ["/console", "/console/"]
        handlers = dict.fromkeys(paths, error_pages.handle_error) | handlers
    error_handlers.register(app, handlers)
    response_headers.init_app(app)
    app.before_request(reject_double_slash)
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
    app.register_blueprint(totp_views.bp)
    app.register_blueprint(page_links.bp)
    app.register_blueprint(verify_v2.blueprint())
    app.register_blueprint(jwks.blueprint(dependencies.proofs))
    web.init_app(app, settings, store.inbox)


def _add_console(
    app: Flask,
    settings: Settings,
    store: RedisStore,
    dependencies: Dependencies,
    metrics: PrometheusMetrics,
) -> None:
    """Add the pages of operators."""
    from otp_engine import console  # noqa: PLC0415 - as in `_add_hooks`

    pages = console.build(
        settings,
        store,
        emit=build_listener(settings, store, metrics.events),
        current_policy=lambda: dependencies.current_engines().production.policy,
        count_failure=_auth_failure_limit(
            dependencies.current_engines, store, settings
        ),
    )
    console.init_app(app, pages)


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


def _build_dependencies(
    settings: Settings,
    store: RedisStore,
    engine: Engine,
    metrics: PrometheusMetrics,
    monitor: ProviderHealthMonitor,
) -> Dependencies:
    data_keys = build_data_keys(settings, store)
    notify = service_webhooks.build_notify(settings, store, data_keys, metrics)
    sandbox_numbers = build_sandbox_numbers(settings)
    safe_numbers = SafeNumbers(store.safe_list, settings.peppers)
    credit, is_safe = store.events.add_credit, safe_numbers.exempts
    engine = replace(engine, is_safe_number=is_safe, credit=credit)
    live = build_live_policy(
        settings,
        store,
        engine,
        metrics.events,
        sandbox_numbers=sandbox_numbers,
        monitor=monitor,
    )
    return Dependencies(
        dev=settings.dev,
        sandbox_numbers=sandbox_numbers,
        current_engines=live.current,
        peppers=settings.peppers,
        authenticator=_build_authenticator(settings, live, store),
        default_region=settings.default_region,
        account_sid=settings.account_sid,
        service=settings.service,
        auth_service=Service(sid=settings.service.sid, brand=settings.brand),
        services=store.services,
        records=store.records,
        safe_numbers=safe_numbers,
        events=store.events,
        public_url=settings.public_url,
        parse_webhook_url=settings.service_webhooks.parse_url,
        challenge_store=store.challenges,
        webhook_secret=service_webhooks.build_webhook_secret(data_keys),
        proofs=_build_proofs(settings),
        verify_page=settings.verify_page,
        page_links=store.page_links,
        utcnow=lambda: datetime.now(UTC),
        recovery_store=store.recovery_codes,
        build_factors=build_factors(settings, store, data_keys, notify),
    )


def _build_proofs(settings: Settings) -> ProofTokenIssuer:
    keys = settings.verify_page.proof_keys
    return ProofTokenIssuer(keys, issuer=settings.public_url)


def _build_authenticator(
    settings: Settings, live: LivePolicy[EngineRouter], store: VerificationStore
) -> ApiKeyAuthenticator:
    failed = _auth_failure_limit(live.current, store, settings)
    return ApiKeyAuthenticator(settings.api_keys, failed=failed)


def _auth_failure_limit(
    current: Callable[[], EngineRouter], store: VerificationStore, settings: Settings
) -> Callable[[str], None]:
    """Return a function that counts a wrong key of an address, up to a limit."""

    def count(address: str) -> None:
        policy = current().production.policy
        failure = hits.for_failed_authentication(address, policy, settings.peppers[0])
        # Without Redis the response is 401, as for any wrong key.
        with suppress(StoreUnavailable):
            store.acquire_hits(
                failure, idempotency_key=os.urandom(IDEMPOTENCY_KEY_BYTES)
            )

    return count
