"""What becomes of events: metrics, the stream, the inbox and the event webhook."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from otp_engine.config import Settings
from otp_engine.config.event_webhook import EventWebhookSettings
from otp_engine.domain.event_webhook import sealing
from otp_engine.domain.event_webhook.cloud_events import Account
from otp_engine.domain.event_webhook.followed import FollowedVerification
from otp_engine.domain.events import Event, EventListener
from otp_engine.ops.event_webhook import EventWebhook
from otp_engine.senders.event_webhook import EventPoster
from otp_engine.store.redis_store import RedisStore

if TYPE_CHECKING:
    # For the type checker only, for the reason in `metrics.build_metrics`.
    from otp_engine.ops.event_metrics import EventMetrics
    from otp_engine.ops.prometheus import PrometheusMetrics


def build_listener(
    settings: Settings, store: RedisStore, metrics: EventMetrics
) -> EventListener:
    """Return what counts and stores an event.

    Args:
        settings: The settings of the operator.
        store: Stores the event, and in dev mode the end of a message in the inbox.
        metrics: Counts it.
    """
    inbox = store.inbox if settings.inbox else None

    def emit(event: Event) -> None:
        metrics.on_event(event)
        store.events.add(event)
        if inbox:
            inbox.on_event(event)

    return emit


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


def start_event_webhook(
    settings: Settings,
    target: EventWebhookSettings,
    store: RedisStore,
    metrics: PrometheusMetrics,
) -> None:
    """Start to post events.

    Args:
        settings: The settings of the operator.
        target: Where to post them.
        store: Has the events.
        metrics: Measures the posts.
    """
    EventWebhook(
        store.event_feed,
        EventPoster(target).post,
        event_account(settings, store),
        metrics.event_webhook,
        token=secrets.token_hex(8),
    ).start()
