"""Posts the notices of factors to the webhooks of their service, as Verify does.

A notice is posted in the background, and a few times at most: clients that must not
miss anything read the resources, and operators have the event webhook.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from urllib.parse import urlencode

from twilio.request_validator import RequestValidator

from otp_engine.config.service_webhooks import ServiceWebhookSettings
from otp_engine.domain.event_webhook.posts import (
    DROPPED,
    PostResult,
    ServiceWebhookMetrics,
)
from otp_engine.domain.factors.notices import FactorNotice
from otp_engine.domain.services import Service, Webhook
from otp_engine.errors import StoreUnavailable
from otp_engine.resilience.background_queue import BackgroundQueue
from otp_engine.resilience.retry_queue import RetryQueue
from otp_engine.senders import http_client, webhook_posts
from otp_engine.senders.http_client import PooledHttpClient

log = logging.getLogger(__name__)

_MEDIA_TYPE = "application/x-www-form-urlencoded; charset=utf-8"
_MAX_ANSWER_BYTES = 16 * 1024
# Seconds, as Twilio waits for the answer of a webhook.
_TIMEOUT = 15.0
_INTERVALS = (5.0, 30.0, 120.0)  # seconds
# Each has idle connections, and clients choose the hosts.
_MAX_CLIENTS = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class _Post:
    """A notice for one webhook.

    Attributes:
        webhook: SID of the webhook.
        notice: The notice.
        id: Identifies the post in all its attempts.
    """

    webhook: str
    notice: FactorNotice
    id: str


class ServiceWebhooks:
    """Posts notices; `notify` is a `Notify` of factors."""

    def __init__(  # noqa: PLR0913 - dependencies, and the outside as options
        self,
        settings: ServiceWebhookSettings,
        *,
        account: str,
        get_service: Callable[[str], Service | None],
        get_secret: Callable[[str], str],
        metrics: ServiceWebhookMetrics,
        timeout: float = _TIMEOUT,
        intervals: tuple[float, ...] = _INTERVALS,
        resolve: Callable[[str, int], Sequence[str]] = http_client.resolve,
    ) -> None:
        """Create the queues; their threads start with the first notice.

        Args:
            settings: The addresses that a post may go to.
            account: SID of the account.
            get_service: Returns a service as it is stored; None without webhooks. It
                raises `StoreUnavailable`.
            get_secret: Returns the secret of the webhook with that SID. It raises
                `Unavailable`.
            metrics: Counts the attempts.
            timeout: Seconds to wait for an answer.
            intervals: Seconds between the attempts.
            resolve: Returns the addresses of a host.
        """
        self._settings = settings
        self._account = account
        self._get_service = get_service
        self._get_secret = get_secret
        self._metrics = metrics
        self._timeout = timeout
        self._resolve = resolve
        self._client = lru_cache(_MAX_CLIENTS)(self._build_client)
        self._notices = BackgroundQueue(self._spread, name="notices")
        self._posts: RetryQueue[_Post] = RetryQueue(
            self._post, name="service webhooks", intervals=intervals
        )

    def notify(self, notice: FactorNotice) -> None:
        """Post a notice in the background to each webhook that wants its type."""
        try:
            has_room = self._notices.add(notice)
        except RuntimeError:
            # The machine has no thread left, which must not fail the request.
            has_room = False
        if not has_room:
            self._drop(notice, "too many notices wait")

    def _spread(self, notice: FactorNotice) -> None:
        """Add a post for each webhook of the service."""
        try:
            service = self._get_service(notice.service)
        except StoreUnavailable:
            self._drop(notice, "the webhooks of its service are not known")
            return
        for webhook in service.webhooks if service else ():
            if webhook.wants(notice.type):
                post = _Post(webhook=webhook.sid, notice=notice, id=str(uuid.uuid4()))
                if not self._posts.add(webhook.sid, post):
                    self._drop(notice, "too many notices wait", webhook.sid)

    def _post(self, post: _Post, is_last: bool) -> bool:  # noqa: FBT001 - as the queue calls it
        """Attempt a post; return whether another attempt can succeed."""
        result = self._attempt(post)
        if result is None or result.is_accepted:
            return False
        fails = _is_temporary(result)
        if is_last or not fails:
            self._drop(post.notice, result.outcome, post.webhook)
        return fails

    def _attempt(self, post: _Post) -> PostResult | None:
        """Send a post, if its webhook still exists and wants it."""
        try:
            webhook = self._find_webhook(post)
            secret = self._get_secret(post.webhook) if webhook else ""
        except Exception as error:  # noqa: BLE001 - without the store or its key the post waits
            return PostResult(outcome=f"not sent: {type(error).__name__}")
        if webhook is None:
            return None
        result = self._send(webhook.url, secret, self._form(post))
        self._metrics.count_post(result.outcome)
        return result

    def _send(self, url: str, secret: str, form: Mapping[str, str]) -> PostResult:
        headers = {
            "Content-Type": _MEDIA_TYPE,
            "User-Agent": "otp-engine",
            "X-Twilio-Signature": RequestValidator(secret).compute_signature(url, form),
            "I-Twilio-Idempotency-Token": form["uuid"],
        }
        http = self._client(url)
        return webhook_posts.send(
            http,
            http.prepare("POST", url, headers),
            urlencode(form).encode(),
            now=lambda: datetime.now(UTC),
        )

    def _find_webhook(self, post: _Post) -> Webhook | None:
        service = self._get_service(post.notice.service)
        return next(
            (
                webhook
                for webhook in (service.webhooks if service else ())
                if webhook.sid == post.webhook and webhook.wants(post.notice.type)
            ),
            None,
        )

    def _form(self, post: _Post) -> Mapping[str, str]:
        notice = post.notice
        form = {
            "uuid": post.id,
            "type": notice.type.value,
            "account_sid": self._account,
            "service_sid": notice.service,
            "entity_identity": notice.identity,
            "factor_sid": notice.factor_sid,
            "factor_type": "totp",
            "factor_friendly_name": notice.factor_name,
        }
        if notice.challenge_sid:
            form["challenge_sid"] = notice.challenge_sid
        return form

    def _build_client(self, url: str) -> PooledHttpClient:
        return PooledHttpClient(
            respond=self._timeout,
            max_body_bytes=_MAX_ANSWER_BYTES,
            proxy=self._settings.proxy(url),
            addresses=self._settings.addresses(url),
            resolve=self._resolve,
        )

    def _drop(self, notice: FactorNotice, reason: str, webhook: str = "-") -> None:
        """Log and count a notice that no further attempt follows for."""
        log.warning(
            "service webhook %s: 60330 Failed to invoke the webhook: %s of service %s"
            " is not posted: %s",
            *(webhook, notice.type.value, notice.service, reason),
        )
        self._metrics.count_post(DROPPED)


def _is_temporary(result: PostResult) -> bool:
    """Return whether the same post can be accepted later."""
    kind, _, status = result.outcome.partition(" ")
    return kind != "status" or status == "429" or status.startswith("5")
