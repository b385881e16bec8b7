"""Posts events to the receiver of the operator, signed by Standard Webhooks."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from datetime import UTC, datetime

from otp_engine.config.event_webhook import EventWebhookSettings
from otp_engine.crypto import webhook_signatures
from otp_engine.domain.event_webhook.posts import CloudEvents, PostResult
from otp_engine.senders import webhook_posts
from otp_engine.senders.http_client import PooledHttpClient

# CloudEvents 1.0, JSON event format, section 4.
_MEDIA_TYPE = "application/cloudevents-batch+json; charset=utf-8"
_MAX_ANSWER_BYTES = 64 * 1024
# The time that Standard Webhooks gives a receiver.
_TIMEOUT = 15.0  # seconds


class EventPoster:
    """Posts events, and returns how the receiver answered."""

    def __init__(
        self,
        settings: EventWebhookSettings,
        http: PooledHttpClient | None = None,
        utcnow: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """Create the poster, without a connection to the receiver.

        Args:
            settings: The URL of the receiver, and the secrets.
            http: Transports the posts; a new pool by default.
            utcnow: Returns the time in UTC.
        """
        self._url = settings.url
        self._secrets = settings.secrets
        self._http = http or PooledHttpClient(
            respond=_TIMEOUT,
            max_body_bytes=_MAX_ANSWER_BYTES,
            proxy=settings.proxy,
            addresses=settings.addresses,
        )
        self._utcnow = utcnow

    def post(self, events: CloudEvents) -> PostResult:
        """Post events as one batch.

        The id of the message is made of the ids of its events, so that it is the same
        in each repetition.

        Args:
            events: At least one event, oldest first.

        Returns:
            The result. Only an answer from 200 to 299 accepts the events: a redirect
            would lead them to a URL that the operator has not set.
        """
        body = json.dumps(events, ensure_ascii=False).encode()
        ids = " ".join(event["id"] for event in events)
        headers = webhook_signatures.sign(
            self._secrets,
            message_id=f"evt_{hashlib.sha256(ids.encode()).hexdigest()[:32]}",
            at=self._utcnow(),
            body=body,
        )
        request = self._http.prepare(
            "POST", self._url, {"Content-Type": _MEDIA_TYPE, **headers}
        )
        return webhook_posts.send(self._http, request, body, now=self._utcnow)
