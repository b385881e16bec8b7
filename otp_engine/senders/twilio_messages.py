"""Text messages and WhatsApp: the request of the Messages resource for a message."""

from __future__ import annotations

import json
import logging

from otp_engine import parsing
from otp_engine.config import TwilioSettings
from otp_engine.config.twilio_channels import CONTENT_SID, TwilioWhatsApp
from otp_engine.domain.messages import whatsapp
from otp_engine.domain.messages.templates import Message
from otp_engine.domain.models import Channel
from otp_engine.errors import DeliveryFailed
from otp_engine.senders.twilio_callbacks import CallbackUrls

log = logging.getLogger(__name__)

Field = tuple[str, str]

WHATSAPP_PREFIX = "whatsapp:"
"""What precedes a number on WhatsApp."""

# Seconds, from https://www.twilio.com/docs/messaging/api/message-resource.
_MAX_VALIDITY_PERIOD = 36_000
# The templates for codes have one variable, which is the code.
_CODE_VARIABLE = "1"


class MessageForms:
    """Builds the requests of messages."""

    def __init__(self, settings: TwilioSettings, urls: CallbackUrls | None) -> None:
        """Create the builder.

        Args:
            settings: The senders, and the templates of WhatsApp.
            urls: The URLs that Twilio posts to; None if it cannot reach this service.
        """
        self._settings = settings
        self._urls = urls
        self._feedback = [("ProvideFeedback", "true")] if settings.feedback else []

    def build(self, message: Message) -> list[Field]:
        """Return the form fields of the request for a message.

        Raises:
            DeliveryFailed: WhatsApp would not accept the code. Nothing was sent.
        """
        on_whatsapp = message.channel is Channel.WHATSAPP
        form = self._whatsapp(message) if on_whatsapp else self._sms(message)
        # A message that arrives after its code has expired is useless.
        validity = min(int(message.ttl.total_seconds()), _MAX_VALIDITY_PERIOD)
        form.append(("ValidityPeriod", str(validity)))
        form += self._feedback
        if self._urls:
            form.append(("StatusCallback", self._urls.of_message(message.delivery_id)))
        return form

    def _sms(self, message: Message) -> list[Field]:
        form = [
            ("To", message.to),
            ("Body", message.body),
            self._sms_sender(message),
        ]
        if message.skip_risk_check:
            form.append(("RiskCheck", "disable"))
        return form

    def _sms_sender(self, message: Message) -> Field:
        """Return the sender of the text, else the Messaging Service or the number."""
        # A Messaging Service would choose a sender of its pool.
        if message.sender_id:
            return ("From", message.sender_id)
        return self._service(message) or ("From", self._settings.from_ or "")

    def _whatsapp(self, message: Message) -> list[Field]:
        settings = self._settings.whatsapp
        if not settings:
            raise AssertionError(message.channel)
        if not whatsapp.accepts(message.code):
            log.warning(
                "twilio: no WhatsApp message to %s: its codes have at most 15 letters"
                " and digits",
                message.masked,
            )
            raise DeliveryFailed(retry_elsewhere=True)
        return [
            ("To", f"{WHATSAPP_PREFIX}{message.to}"),
            self._whatsapp_sender(settings, message),
            ("ContentSid", _template(settings, message)),
            ("ContentVariables", json.dumps({_CODE_VARIABLE: message.code})),
        ]

    def _whatsapp_sender(self, settings: TwilioWhatsApp, message: Message) -> Field:
        """Return the number, or else the Messaging Service with it in its pool."""
        if settings.from_:
            return ("From", f"{WHATSAPP_PREFIX}{settings.from_}")
        service = self._service(message)
        if not service:
            raise AssertionError(message.channel)
        return service

    def _service(self, message: Message) -> Field | None:
        sid = message.messaging_service or self._settings.service
        return ("MessagingServiceSid", sid) if sid else None


def _template(settings: TwilioWhatsApp, message: Message) -> str:
    """Return the SID of the template of the operator's own text, or of the language."""
    own = message.template_id or ""
    if parsing.is_sid(own, CONTENT_SID):
        return own
    return whatsapp.select(settings.content, message.language)
