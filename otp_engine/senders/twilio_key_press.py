"""The key press before a code: the text of a call waits in a URL, encrypted.

Voicemail presses no key, so it records no code. The first document of the call has the
URL of the second one, with the sealed text in its query: the sentences and the code,
until the code expires. So no store has them. The pepper encrypts the text for one
delivery id, and Twilio's signature is required besides.
"""

from __future__ import annotations

import base64
import json
import logging
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime

from otp_engine.crypto.pepper import Pepper
from otp_engine.domain.messages.delivery_reports import DeliveryReport, DeliveryStatus
from otp_engine.domain.messages.speech import Speech
from otp_engine.domain.models import Channel
from otp_engine.senders import twilio_twiml, twilio_voices
from otp_engine.senders.reports import Reply, ReportRequest
from otp_engine.senders.twilio_callbacks import (
    KEY_PRESS_PATH,
    TEXT_PARAMETER,
    SignatureCheck,
)

log = logging.getLogger(__name__)

_XML = "text/xml; charset=utf-8"


def seal(
    speech: Speech, *, pepper: Pepper, delivery_id: str, expires_at: datetime
) -> str:
    """Encrypt the text of a call.

    Args:
        speech: The sentences, and the characters of the code.
        pepper: The current pepper.
        delivery_id: Names the call; only with it the text can be decrypted.
        expires_at: When the code expires, in UTC.

    Returns:
        The sealed text, in URL-safe base64.
    """
    fields = (
        *(speech.language, speech.announcement, speech.again, speech.goodbye),
        *(speech.digits, int(expires_at.timestamp())),
    )
    text = json.dumps(fields, ensure_ascii=False, separators=(",", ":"))
    data = text.encode(errors="replace")
    sealed = pepper.encrypt(data, context=_context(delivery_id))
    return base64.urlsafe_b64encode(sealed).rstrip(b"=").decode()


def unseal(
    sealed: str, *, peppers: Sequence[Pepper], delivery_id: str, now: datetime
) -> Speech | None:
    """Decrypt the text of a call.

    Args:
        sealed: The sealed text.
        peppers: The current pepper, then the previous one during a rotation.
        delivery_id: Names the call.
        now: The time in UTC.

    Returns:
        The text, without its prompt; None if it has expired, or belongs to
        another call or another pepper.
    """
    for pepper in peppers:
        try:
            data = base64.urlsafe_b64decode(f"{sealed}===")
            text = pepper.decrypt(data, context=_context(delivery_id))
            language, announcement, again, goodbye, digits, expires_at = json.loads(
                text
            )
        except ValueError:
            # Of another pepper, or of a release with other fields.
            continue
        if now.timestamp() >= expires_at:
            return None
        return Speech(
            language=language,
            prompt="",
            announcement=announcement,
            again=again,
            goodbye=goodbye,
            digits=digits,
        )
    return None


class KeyPressReceiver:
    """Returns the document with the code after a key press.

    A repeated request gets the same document, because Twilio repeats one that failed.
    """

    path = KEY_PRESS_PATH
    max_bytes = 4 * 1024

    def __init__(
        self,
        token: str,
        peppers: Sequence[Pepper],
        voices: Mapping[str, str],
        *,
        utcnow: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """Create the receiver.

        Args:
            token: Auth token of the account, which signs the requests.
            peppers: The current pepper, then the previous one during a rotation.
            voices: The operator's voices, as `twilio_voices.select` takes them.
            utcnow: Returns the time in UTC.
        """
        self._signature = SignatureCheck(token)
        self.check_headers = self._signature.check_headers
        self._peppers = peppers
        self._voices = voices
        self._utcnow = utcnow

    def receive(self, request: ReportRequest) -> Reply:
        """Verify a request, and return the document with the code.

        Without a live code the document ends the call: Twilio would read an error
        aloud.

        Raises:
            Unauthorized: The signature is not Twilio's.
        """
        self._signature.check(request)
        delivery_id = request.delivery_id or ""
        speech = unseal(
            request.query.get(TEXT_PARAMETER, ""),
            peppers=self._peppers,
            delivery_id=delivery_id,
            now=self._utcnow(),
        )
        voice = speech and twilio_voices.select(speech.language, self._voices)
        if not (speech and voice):
            log.warning("twilio: a key press on an unknown or expired code")
            return Reply(body=twilio_twiml.hang_up(), content_type=_XML)
        report = DeliveryReport(
            delivery_id=delivery_id,
            message_id=request.form.get("CallSid", ""),
            status=DeliveryStatus.DELIVERED,
            provider="twilio",
            channel=Channel.CALL,
            provider_error=None,
            to=request.form.get("To", ""),
        )
        document = twilio_twiml.speak(speech, voice)
        return Reply(reports=[report], body=document, content_type=_XML)


def _context(delivery_id: str) -> bytes:
    return b"text of a call " + delivery_id.encode()
