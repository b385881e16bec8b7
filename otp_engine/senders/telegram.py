"""Sends through the Telegram Gateway, which delivers codes to users of Telegram.

The text is Telegram's own, in the language of the recipient's app, and the code has 4
to 8 digits. `checkSendAbility` is not called before: it costs as much as a message if
the number has Telegram, and a message to a number without it costs nothing.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable, Mapping
from datetime import timedelta
from http import HTTPStatus

from otp_engine.config.telegram_settings import TelegramSettings
from otp_engine.domain.messages.templates import Message
from otp_engine.domain.models import Channel
from otp_engine.errors import (
    DeliveryFailed,
    DeliveryUnconfirmed,
    InvalidPhone,
    OTPError,
    ProviderUnavailable,
    RecipientNotOnChannel,
)
from otp_engine.senders.hand_over import hand_over
from otp_engine.senders.http_client import PooledHttpClient

log = logging.getLogger(__name__)

_CODE = re.compile(r"[0-9]{4,8}", re.ASCII)
_ERROR = re.compile(r"[A-Z][A-Z0-9_]{0,63}", re.ASCII)
_WAIT = re.compile(r"[0-9]{1,5}\Z", re.ASCII)
_FLOOD_WAIT = "FLOOD_WAIT"
# Seconds, from https://core.telegram.org/gateway/api.
_MIN_TTL = 30
_MAX_TTL = 3600
# The balance is filled by hand, so a try a minute is often enough.
_EMPTY_BALANCE_PERIOD = timedelta(minutes=1)


def _no_balance() -> OTPError:
    return ProviderUnavailable("has no balance left", retry_after=_EMPTY_BALANCE_PERIOD)


# Telegram documents no list of errors; these are the names that its API returns.
_ERRORS: dict[str, Callable[[], OTPError]] = {
    "PHONE_NUMBER_INVALID": InvalidPhone,
    "PHONE_NUMBER_NOT_FOUND": RecipientNotOnChannel,
    "PHONE_NUMBER_NOT_AVAILABLE": RecipientNotOnChannel,
    "BALANCE_NOT_ENOUGH": _no_balance,
    # The code of this request differs from that of the earlier message.
    "MESSAGE_ALREADY_SENT": DeliveryUnconfirmed,
}


class TelegramProvider:
    """Sends codes from one account of the Telegram Gateway."""

    name = "telegram"
    channels = (Channel.TELEGRAM,)
    has_deadline = True

    def __init__(
        self,
        settings: TelegramSettings,
        http: PooledHttpClient | None = None,
        *,
        callback_url: str | None = None,
    ) -> None:
        """Create the provider, without a connection to Telegram.

        Args:
            settings: The access token, and the channel that messages come from.
            http: Transports the requests; a new pool by default.
            callback_url: URL that receives the delivery reports; None for no reports.
        """
        self.reports_delivery = callback_url is not None
        self._settings = settings
        self._callback = {"callback_url": callback_url} if callback_url else {}
        self._sender = (
            {"sender_username": settings.sender_username}
            if settings.sender_username
            else {}
        )
        self._http = http or PooledHttpClient(proxy=settings.proxy)
        headers = {
            "Authorization": f"Bearer {settings.token}",
            "Content-Type": "application/json",
        }
        self._requests = {
            method: self._http.prepare("POST", f"{settings.url}/{method}", headers)
            for method in ("sendVerificationMessage", "checkVerificationStatus")
        }

    def send(self, message: Message) -> str:
        """Send the code of *message*, and return the id of the request.

        Raises:
            ProviderUnavailable, DeliveryFailed, RecipientNotOnChannel, InvalidPhone,
            DeliveryUnconfirmed: As documented by `Provider.send`.
        """
        if not _CODE.fullmatch(message.code):
            log.warning("telegram: a code of %d digits is not sent", len(message.code))
            raise DeliveryFailed(retry_elsewhere=True)
        seconds = int(message.ttl.total_seconds())
        status, response = self._call(
            "sendVerificationMessage",
            {
                "phone_number": message.to,
                "code": message.code,
                # A message that arrives after its code has expired is useless, and
                # Telegram does not charge for one that it does not deliver in time.
                "ttl": min(max(seconds, _MIN_TTL), _MAX_TTL),
                "payload": message.delivery_id,
                **self._callback,
                **self._sender,
            },
        )
        if response.get("ok") is not True:
            raise self._to_error(status, response, message)
        match response.get("result"):
            case {"request_id": str(request_id)} if request_id:
                return request_id
        log.warning("telegram: a response without an id of its request")
        raise DeliveryUnconfirmed

    def confirm(self, message_id: str) -> None:
        """Report that the code of a message was entered; a failure is only logged.

        Telegram gets no code: the call alone counts in the statistics of the account.

        Args:
            message_id: The id of the request.
        """
        try:
            _, response = self._call(
                "checkVerificationStatus", {"request_id": message_id}
            )
        except OTPError as error:
            log.info("telegram: no feedback: %s", error.error_code)
            return
        if response.get("ok") is not True:
            log.info("telegram: no feedback: %s", _error_of(response))

    def ping(self) -> None:
        """Check the token, with a request that sends nothing and costs nothing.

        The API has no such method: a status without its `request_id` is an error of
        the request, and a wrong token is another one.

        Raises:
            ProviderUnavailable: Telegram could not be reached, throttles requests, or
                has a server error; or another server answered.
            DeliveryFailed: Telegram rejected the token.
        """
        try:
            status, response = self._call("checkVerificationStatus", {})
        except DeliveryUnconfirmed:
            raise ProviderUnavailable from None
        error = _error_of(response)
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            raise ProviderUnavailable(f"has a server error (status {status})")
        if error == _FLOOD_WAIT or status == HTTPStatus.TOO_MANY_REQUESTS:
            raise ProviderUnavailable("throttles requests")
        if error.startswith(("ACCESS_TOKEN_", "IP_")):
            log.warning("telegram: ping failed: %s", error)
            raise DeliveryFailed(retry_elsewhere=True)
        if "ok" not in response:
            raise ProviderUnavailable(f"is not Telegram's API (status {status})")

    def _call(
        self, method: str, document: Mapping[str, object]
    ) -> tuple[int, dict[str, object]]:
        """Call a method; return the status and the object of the response.

        Raises:
            ProviderUnavailable: No connection was established.
            DeliveryUnconfirmed: Telegram may have got the request.
        """
        with hand_over(self.name):
            response = self._http.send(self._requests[method], json.dumps(document))
        return response.status, response.json_object()

    def _to_error(
        self, status: int, response: Mapping[str, object], message: Message
    ) -> OTPError:
        error = _create_error(status, response)
        error.provider_error = _error_of(response)
        # The operator has to act: the token, the balance or the channel is the reason.
        is_ours = (
            isinstance(error, DeliveryFailed)
            and error.retry_elsewhere
            and not isinstance(error, RecipientNotOnChannel)
        )
        log.log(
            logging.ERROR if is_ours else logging.WARNING,
            "telegram: the message to %s is rejected: status %s, error %s: %s",
            *(message.masked, status, error.provider_error, error.error_code),
        )
        return error


def _create_error(status: int, response: Mapping[str, object]) -> OTPError:
    """Return the error that corresponds to an answer other than success.

    A server error, and an answer that is no document of the API, are no rejection.
    """
    name = _error_of(response)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return DeliveryUnconfirmed()
    if create_error := _ERRORS.get(name):
        return create_error()
    if name == _FLOOD_WAIT:
        seconds = _WAIT.search(str(response["error"]))
        wait = timedelta(seconds=int(seconds[0]) if seconds else 1)
        return ProviderUnavailable(retry_after=wait)
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return ProviderUnavailable()
    if response.get("ok") is False or status >= HTTPStatus.BAD_REQUEST:
        return DeliveryFailed(retry_elsewhere=True)
    return DeliveryUnconfirmed()


def _error_of(response: Mapping[str, object]) -> str:
    """Return the name of the error; `unknown` for another text.

    Of a name with a number of seconds, it is the part before them: metrics count by it.
    """
    error = str(response.get("error", ""))
    if not _ERROR.fullmatch(error):
        return "unknown"
    return _FLOOD_WAIT if error.startswith(_FLOOD_WAIT) else error
