"""The webhooks of services: their posts, and the secrets that sign them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from otp_engine.config import Settings
from otp_engine.domain.factors.data_keys import DataKeys
from otp_engine.domain.factors.notices import Notify, ignore_notice
from otp_engine.senders.service_webhooks import ServiceWebhooks
from otp_engine.store.redis_store import RedisStore

if TYPE_CHECKING:
    # For the type checker only, for the reason in `metrics.build_metrics`.
    from otp_engine.ops.prometheus import PrometheusMetrics


def build_notify(
    settings: Settings,
    store: RedisStore,
    data_keys: DataKeys | None,
    metrics: PrometheusMetrics,
) -> Notify:
    """Return what posts notices in the background, without a thread yet.

    Args:
        settings: The settings of the operator.
        store: Has the webhooks of each service.
        data_keys: As for `build_webhook_secret`.
        metrics: Counts the posts.
    """
    get_secret = build_webhook_secret(data_keys)
    if get_secret is None:
        return ignore_notice
    webhooks = ServiceWebhooks(
        settings.service_webhooks,
        account=settings.account_sid,
        get_service=store.services.get,
        get_secret=get_secret,
        metrics=metrics.service_webhooks,
    )
    return webhooks.notify


def build_webhook_secret(data_keys: DataKeys | None) -> Callable[[str], str] | None:
    """Return what derives the secret of the webhook with a SID.

    The function raises `FactorsUnreadable` and `StoreUnavailable` as `DataKeys` does.

    Args:
        data_keys: Returns the key that secrets are derived from; None if factors are
            not configured.
    """
    if data_keys is None:
        return None

    def derive(sid: str) -> str:
        data_key = data_keys.get() or data_keys.get_or_create()
        return data_key.webhook_secret(sid)

    return derive
