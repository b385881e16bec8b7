"""Sends through one account of Twilio: text messages, WhatsApp and calls.

`twilio_messages` and `twilio_calls` build the forms of requests, `twilio_account` their
heads, `http_client` transports them, and `twilio_errors` maps rejections to errors.

A request is never retried: the resources have no idempotency key, so a retry after a
timeout could send a second message.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from urllib.parse import urlencode

from otp_engine.config import TwilioSettings
from otp_engine.crypto.pepper import Pepper
from otp_engine.domain.messages.templates import Message
from otp_engine.domain.models import Channel
from otp_engine.errors import (
    DeliveryFailed,
    DeliveryUnconfirmed,
    OTPError,
    ProviderUnavailable,
)
from otp_engine.senders import twilio_errors
from otp_engine.senders.hand_over import hand_over
from otp_engine.senders.http_client import (
    NotConnected,
    PooledHttpClient,
    PreparedRequest,
)
from otp_engine.senders.twilio_account import TwilioAccount
from otp_engine.senders.twilio_callbacks import CallbackUrls
from otp_engine.senders.twilio_calls import CallForms
from otp_engine.senders.twilio_messages import MessageForms

log = logging.getLogger(__name__)

_NOT_SENT = frozenset({"failed", "undelivered", "canceled", "busy", "no-answer"})
# Milliseconds. A recipient without a call for longer requests another code.
_LONG_QUEUE = 5000
_MESSAGE_SID = re.compile(r"(?:SM|MM)[0-9a-fA-F]{32}", re.ASCII)

BuildForm = Callable[[Message], Sequence[tuple[str, str]]]


class TwilioProvider:
    """Sends messages and places calls from one Twilio account."""

    name = "twilio"
    has_deadline = True

    def __init__(
        self,
        settings: TwilioSettings,
        http: PooledHttpClient | None = None,
        *,
        callback_url: str | None = None,
        pepper: Pepper | None = None,
    ) -> None:
        """Create the provider, without a connection to Twilio.

        Args:
            settings: Credentials, and what each channel sends from.
            http: Transports the requests; a new pool by default.
            callback_url: URL of this service as Twilio reaches it, without a trailing
                slash; None for no reports and no key presses.
            pepper: Encrypts the text of a call until the key press; without one, calls
                speak at once.
        """
        self._http = http or PooledHttpClient(proxy=settings.proxy)
        self._account = TwilioAccount(settings, self._http)
        self._list = self._account.prepare("GET", "Messages.json?PageSize=1")
        urls = CallbackUrls(callback_url) if callback_url else None
        self.reports_delivery = urls is not None
        self._resources = self._build_resources(settings, urls, pepper)
        self.channels = tuple(self._resources)

    def _build_resources(
        self,
        settings: TwilioSettings,
        urls: CallbackUrls | None,
        pepper: Pepper | None,
    ) -> Mapping[Channel, tuple[PreparedRequest, BuildForm]]:
        """Return the request of each channel, and what builds its form."""
        resources: dict[Channel, tuple[PreparedRequest, BuildForm]] = {}
        messages = self._post("Messages.json"), MessageForms(settings, urls).build
        if settings.service or settings.from_:
            resources[Channel.SMS] = messages
        if settings.whatsapp:
            resources[Channel.WHATSAPP] = messages
        if settings.calls:
            calls = CallForms(settings.calls, urls, pepper)
            resources[Channel.CALL] = self._post("Calls.json"), calls.build
        return resources

    def _post(self, path: str) -> PreparedRequest:
        return self._account.prepare("POST", path)

    def send(self, message: Message) -> str:
        """Send *message*, and return the SID of the message or call.

        Raises:
            ProviderUnavailable, DeliveryFailed, DestinationNotAllowed, InvalidPhone,
            DeliveryUnconfirmed: As documented by `Provider.send`.
        """
        request, build_form = self._resources[message.channel]
        body = urlencode(build_form(message))
        with hand_over(self.name):
            response = self._http.send(request, body)
        created = response.json_object()
        status = response.status
        if not HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
            raise _rejection(status, created, message)
        sid = created.get("sid")
        if not sid:
            raise DeliveryUnconfirmed
        if str(created.get("status")) in _NOT_SENT:
            raise _failure(created, message)
        _warn_of_queue(created)
        return str(sid)

    def ping(self) -> None:
        """Check the credentials by listing one message of the account.

        Raises:
            ProviderUnavailable: Twilio could not be reached, throttles requests, or has
                a server error; or another server answered.
            DeliveryFailed: Twilio rejected the credentials.
        """
        try:
            response = self._http.send(self._list)
        except NotConnected as error:
            raise ProviderUnavailable(f"does not answer: {error}") from None
        except Exception as error:  # noqa: BLE001 - whatever the error is, messages cannot be sent
            log.warning("twilio: no answer: %s", type(error).__name__)
            raise ProviderUnavailable from None
        status = response.status
        if status == HTTPStatus.OK and "messages" in response.json_object():
            return
        log.warning("twilio: ping failed: status %s", status)
        if status == HTTPStatus.TOO_MANY_REQUESTS:
            raise ProviderUnavailable("throttles requests")
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            raise ProviderUnavailable(f"has a server error (status {status})")
        if status < HTTPStatus.BAD_REQUEST:
            raise ProviderUnavailable(f"is not Twilio's API (status {status})")
        raise DeliveryFailed(retry_elsewhere=True)


class ConfirmingTwilioProvider(TwilioProvider):
    """Also reports to Twilio which messages had an effect."""

    def confirm(self, message_id: str) -> None:
        """Report that the code of a message was entered; a failure is only logged.

        Args:
            message_id: SID of the message. Calls have no feedback.
        """
        if not _MESSAGE_SID.fullmatch(message_id):
            return
        request = self._post(f"Messages/{message_id}/Feedback.json")
        try:
            response = self._http.send(request, urlencode({"Outcome": "confirmed"}))
        except Exception as error:  # noqa: BLE001 - no request of a client depends on it
            log.warning("twilio: no feedback: %s", type(error).__name__)
            return
        if not HTTPStatus.OK <= response.status < HTTPStatus.MULTIPLE_CHOICES:
            log.warning("twilio: the feedback is rejected: status %s", response.status)


def _rejection(
    status: int, rejection: Mapping[str, object], message: Message
) -> OTPError:
    """Return the error of a message that Twilio did not accept."""
    code = twilio_errors.parse_code(rejection.get("code"))
    error = twilio_errors.to_error(status, code, message.channel)
    hint = twilio_errors.operator_hint(code)
    log.log(
        logging.ERROR if twilio_errors.needs_operator(error) else logging.WARNING,
        "twilio: the message to %s by %s is not accepted: status %s, error %s: %s%s",
        *(message.masked, message.channel, status, code, error.error_code),
        f": {hint}" if hint else "",
    )
    return error


def _failure(created: Mapping[str, object], message: Message) -> OTPError:
    """Return the error of a message that Twilio accepted, and that failed at once."""
    code = twilio_errors.parse_code(created.get("error_code"))
    log.warning(
        "twilio: the message to %s by %s is %s: error %s",
        *(message.masked, message.channel, created["status"], code),
    )
    return twilio_errors.from_failed_message(code, message.channel)


def _warn_of_queue(created: Mapping[str, object]) -> None:
    """Log that a call waits, because Twilio limits the calls of a second."""
    milliseconds = twilio_errors.parse_code(created.get("queue_time")) or 0
    if milliseconds >= _LONG_QUEUE:
        log.warning(
            "twilio: calls wait %s s in Twilio's queue: lower calls_total",
            round(milliseconds / 1000),
        )
