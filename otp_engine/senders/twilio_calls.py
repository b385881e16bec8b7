"""Calls: the request of the Calls resource for a message, and its progress reports."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from otp_engine.config.twilio_channels import TwilioCalls
from otp_engine.crypto.pepper import Pepper
from otp_engine.domain.messages.delivery_reports import DeliveryReport, DeliveryStatus
from otp_engine.domain.messages.speech import Speech
from otp_engine.domain.messages.templates import Message
from otp_engine.domain.models import Channel
from otp_engine.errors import DeliveryFailed
from otp_engine.senders import (
    twilio_errors,
    twilio_key_press,
    twilio_twiml,
    twilio_voices,
)
from otp_engine.senders.reports import Reply, ReportRequest
from otp_engine.senders.twilio_callbacks import (
    CALLS_PATH,
    SPOKEN_PARAMETER,
    CallbackUrls,
    SignatureCheck,
)

log = logging.getLogger(__name__)

Field = tuple[str, str]

# Seconds of ringing. Twilio adds about 5. Voicemail usually answers after 20 to 30.
_RING = 30
_RING_WITHOUT_KEY_PRESS = 12
# Seconds of talk: the prompts, a key, and the code three times.
_MAX_TALK = 60
_EVENTS = ("initiated", "ringing", "answered", "completed")
_STATUSES = {
    "queued": DeliveryStatus.QUEUED,
    "initiated": DeliveryStatus.QUEUED,
    "ringing": DeliveryStatus.SENT,
    "in-progress": DeliveryStatus.SENT,
    "answered": DeliveryStatus.SENT,
    "busy": DeliveryStatus.UNDELIVERED,
    "no-answer": DeliveryStatus.UNDELIVERED,
    "canceled": DeliveryStatus.UNDELIVERED,
    "failed": DeliveryStatus.FAILED,
}
_COMPLETED = "completed"


class CallForms:
    """Builds the requests of calls."""

    def __init__(
        self, settings: TwilioCalls, urls: CallbackUrls | None, pepper: Pepper | None
    ) -> None:
        """Create the builder.

        Args:
            settings: The number that calls, and options.
            urls: The URLs that Twilio posts to; None if it cannot reach this service.
            pepper: Encrypts the text of a call until the key press.
        """
        self._settings = settings
        self._urls = urls
        self._pepper = pepper if settings.key_press else None

    def build(self, message: Message) -> list[Field]:
        """Return the form fields of the request for a call.

        Raises:
            DeliveryFailed: The call has no text or no voice for its language, or its
                document is too long. Nothing was sent.
        """
        speech = message.speech
        voice = speech and twilio_voices.select(speech.language, self._settings.voices)
        if not (speech and voice):
            log.error(
                "twilio: no call to %s: no voice for the language %s: set"
                " TWILIO_CALL_VOICES",
                *(message.masked, message.language),
            )
            raise DeliveryFailed(retry_elsewhere=True)
        action = self._key_press_url(message, speech)
        document = (
            twilio_twiml.await_key(speech, voice, action)
            if action
            else twilio_twiml.speak(speech, voice)
        )
        if len(document) > twilio_twiml.MAX_INLINE_LENGTH:
            log.error(
                "twilio: no call to %s: its text in %s is too long",
                *(message.masked, speech.language),
            )
            raise DeliveryFailed(retry_elsewhere=True)
        ring = _RING if action else _RING_WITHOUT_KEY_PRESS
        form = [
            ("To", message.to),
            ("From", self._settings.from_),
            ("Twiml", document),
            ("Timeout", str(ring)),
            ("TimeLimit", str(_MAX_TALK)),
        ]
        if self._urls:
            spoken = None if action else twilio_twiml.spoken_seconds(speech)
            callback = self._urls.of_call(message.delivery_id, spoken)
            form.append(("StatusCallback", callback))
            form += [("StatusCallbackEvent", event) for event in _EVENTS]
        return form

    def _key_press_url(self, message: Message, speech: Speech) -> str | None:
        """Return the URL of a text after a key press; None for a text at once."""
        if not (self._urls and self._pepper):
            return None
        sealed = twilio_key_press.seal(
            speech,
            pepper=self._pepper,
            delivery_id=message.delivery_id,
            expires_at=message.expires_at,
        )
        return self._urls.of_key_press(message.delivery_id, sealed)


class CallReportReceiver:
    """Receives the progress of the calls of one account.

    Twilio numbers the reports of a call, because they can arrive in another order. The
    ranks of the statuses give the same order.
    """

    path = CALLS_PATH
    max_bytes = 4 * 1024

    def __init__(self, token: str) -> None:
        """Create the receiver.

        Args:
            token: Auth token of the account, which signs the reports.
        """
        self._signature = SignatureCheck(token)
        self.check_headers = self._signature.check_headers

    def receive(self, request: ReportRequest) -> Reply:
        """Verify a request, and return its report.

        Raises:
            Unauthorized: The signature is not Twilio's.
        """
        self._signature.check(request)
        form = request.form
        code = twilio_errors.parse_code(form.get("ErrorCode"))
        status = _status(form, request.query, code)
        if status is None:
            return Reply()
        if hint := twilio_errors.operator_hint(code):
            log.error("twilio: a call is %s: error %s: %s", status, code, hint)
        report = DeliveryReport(
            delivery_id=request.delivery_id,
            message_id=form.get("CallSid", ""),
            status=status,
            provider="twilio",
            channel=Channel.CALL,
            provider_error=code or _sip_error(form, status),
            to=form.get("To", ""),
        )
        return Reply(reports=[report])


def _status(
    form: Mapping[str, str], query: Mapping[str, str], code: int | None
) -> DeliveryStatus | None:
    """Return the status of a call.

    No report states that the recipient heard the code. A call that lasted until the
    code was spoken counts as delivered. A call with a key press was delivered with the
    key, which its own report states, so that the end of other calls is a failure.
    """
    text = form.get("CallStatus", "")
    if text != _COMPLETED:
        return _STATUSES.get(text)
    spoken = twilio_errors.parse_code(query.get(SPOKEN_PARAMETER))
    duration = twilio_errors.parse_code(form.get("CallDuration")) or 0
    is_spoken = spoken is not None and duration >= spoken
    if is_spoken and not twilio_errors.is_unspoken(code):
        return DeliveryStatus.DELIVERED
    return DeliveryStatus.UNDELIVERED


def _sip_error(form: Mapping[str, str], status: DeliveryStatus) -> str | None:
    """Return the response of the network to a call that was not delivered."""
    sip = twilio_errors.parse_code(form.get("SipResponseCode"))
    return f"sip_{sip}" if sip and status.is_failure else None
