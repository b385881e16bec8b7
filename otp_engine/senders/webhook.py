"""Sends messages by signed POST requests to a receiver of the operator.

docs/providers.md describes the requests and the answers for the authors of receivers. A
request is never repeated: the engine decides what happens after each outcome.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import asdict
from datetime import UTC, datetime

from otp_engine.config.webhook_settings import Preset, WebhookSettings
from otp_engine.crypto import webhook_signatures
from otp_engine.domain.messages.templates import Message
from otp_engine.errors import (
    DeliveryFailed,
    DeliveryUnconfirmed,
    OTPError,
    ProviderUnavailable,
)
from otp_engine.senders import webhook_answers
from otp_engine.senders.error_codes import ErrorCodes
from otp_engine.senders.hand_over import hand_over
from otp_engine.senders.http_client import HttpClient, NotConnected, PooledHttpClient
from otp_engine.senders.http_connection import HttpResponse

log = logging.getLogger(__name__)

_VERSION = 1
_MAX_BODY_BYTES = 64 * 1024


class WebhookProvider:
    """Sends messages to one receiver."""

    has_deadline = True

    def __init__(
        self,
        settings: WebhookSettings,
        pool: PooledHttpClient | None = None,
        *,
        report_url: str | None = None,
        utcnow: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """Create the provider, without a connection to its receiver.

        Args:
            settings: The receiver.
            pool: Transports the requests; a new pool by default.
            report_url: URL for delivery reports; None if no receiver reaches it.
            utcnow: Returns the time in UTC.
        """
        self.name = settings.name
        self.channels = settings.channels
        self.reports_delivery = settings.has_reports and report_url is not None
        self._settings = settings
        self._report_url = report_url
        self._utcnow = utcnow
        self._codes = ErrorCodes()
        headers = {"Content-Type": "application/json", "User-Agent": "otp-engine"}
        if settings.authorization:
            headers["Authorization"] = settings.authorization
        pool = pool or PooledHttpClient(
            max_body_bytes=_MAX_BODY_BYTES,
            proxy=settings.proxy,
            addresses=settings.addresses,
        )
        self._http = HttpClient(settings.url, headers, pool=pool)

    def send(self, message: Message) -> str | None:
        """Send *message*, and return the id that the receiver has given it.

        Raises:
            ProviderUnavailable, DeliveryFailed, DestinationNotAllowed, InvalidPhone,
            DeliveryUnconfirmed: As documented by `Provider.send`.
        """
        response = self._post(message)
        try:
            if self._settings.preset is Preset.FROM_TO_BODY:
                webhook_answers.read_status(response)
                return None
            return webhook_answers.read(response)
        except OTPError as error:
            error.provider_error = self._codes.limit(error.provider_error, message.code)
            self._log(error, response, message)
            raise

    def ping(self) -> None:
        """Open a connection to the receiver, and send no request.

        A request without a message has no meaning that all receivers agree on.

        Raises:
            ProviderUnavailable: No connection was established.
        """
        try:
            self._http.connect()
        except NotConnected as error:
            raise ProviderUnavailable(f"does not answer: {error}") from None

    def _post(self, message: Message) -> HttpResponse:
        body = json.dumps(self._document(message)).encode()
        headers = {
            "Idempotency-Key": message.delivery_id,
            "webhook-id": message.delivery_id,
        }
        if self._settings.secrets:
            headers |= webhook_signatures.sign(
                self._settings.secrets,
                message_id=message.delivery_id,
                at=self._utcnow(),
                body=body,
            )
        with hand_over(self.name):
            return self._http.post("", body, headers)

    def _document(self, message: Message) -> Mapping[str, object]:
        if self._settings.preset is Preset.FROM_TO_BODY:
            # Receivers for authentik send `Message` where it exists, else `Body`.
            return {
                "From": message.sender_id or message.brand,
                "To": message.to,
                "Body": message.body,
                "Message": message.body,
            }
        return {
            "version": _VERSION,
            "delivery_id": message.delivery_id,
            "channel": message.channel.value,
            "to": message.to,
            "country": message.country,
            "text": message.body,
            "code": message.code,
            "locale": message.language,
            "brand": message.brand,
            "minutes": int(message.variables["minutes"]),
            "expires_at": message.expires_at.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "template_id": message.template_id,
            "sender_id": message.sender_id,
            "variables": dict(message.variables),
            "subject": message.subject,
            "speech": asdict(message.speech) if message.speech else None,
            "report_url": self._report_url,
        }

    def _log(self, error: OTPError, response: HttpResponse, message: Message) -> None:
        """Log an answer that accepts no message, without its body."""
        is_ours = isinstance(error, DeliveryFailed) and error.retry_elsewhere
        is_unclear = isinstance(error, DeliveryUnconfirmed) and response.status < 500  # noqa: PLR2004 - a server error
        # The operator has to act: the receiver, or the request to it, is not correct.
        level = logging.ERROR if is_ours or is_unclear else logging.WARNING
        log.log(
            level,
            "%s: the message to %s is not accepted: status %s: %s",
            *(self.name, message.masked, response.status, error.error_code),
        )
