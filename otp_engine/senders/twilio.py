"""Sends through Twilio's Messaging API with Twilio's SDK.

The SDK builds the requests, `twilio_http` transports them, and `twilio_errors` maps
rejections to errors. A request is never retried: the Messages resource has no
idempotency key, so a retry after a timeout could send a second message.
"""

from __future__ import annotations

import json
import logging
from http import HTTPStatus

from twilio.base import values
from twilio.base.exceptions import TwilioException
from twilio.rest import Client

from otp_engine.config import TwilioSettings
from otp_engine.domain.messages.templates import Message
from otp_engine.errors import (
    DeliveryFailed,
    DeliveryUnconfirmed,
    OTPError,
    ProviderUnavailable,
)
from otp_engine.senders import twilio_errors
from otp_engine.senders.twilio_http import NotConnected, PooledHttpClient

log = logging.getLogger(__name__)

# Seconds, from https://www.twilio.com/docs/messaging/api/message-resource.
_MAX_VALIDITY_PERIOD = 36_000
_NOT_SENT = frozenset({"failed", "undelivered", "canceled"})


class TwilioProvider:
    """Sends text messages from one Twilio account."""

    name = "twilio"

    def __init__(
        self,
        settings: TwilioSettings,
        http: PooledHttpClient | None = None,
        *,
        status_callback: str | None = None,
    ) -> None:
        """Create the provider, without a connection to Twilio.

        Args:
            settings: Credentials, and the number or Messaging Service to send from.
            http: Transports the requests; a new pool by default.
            status_callback: URL that receives the delivery reports; None for no
                reports.
        """
        self._status_callback = status_callback or values.unset
        self._client = Client(
            settings.username,
            settings.password,
            settings.account_sid,
            # The SDK would put both into any host, also that of another API.
            region=None if settings.base_url else settings.region,
            edge=None if settings.base_url else settings.edge,
            http_client=http or PooledHttpClient(proxy=settings.proxy),
            # With an empty mapping the SDK reads the process's environment.
            environment={"TWILIO_REGION": ""},
        )
        if settings.base_url:
            self._client.api.base_url = settings.base_url
        if settings.service:
            self._default_from = {"messaging_service_sid": settings.service}
        else:
            self._default_from = {"from_": settings.from_ or ""}

    def send(self, message: Message) -> None:
        """Send *message*, and return once Twilio has accepted it.

        Raises:
            ProviderUnavailable, DeliveryFailed, DestinationNotAllowed, InvalidPhone,
            DeliveryUnconfirmed: As documented by `Provider.send`.
        """
        try:
            created = self._client.messages.create(
                to=message.to,
                body=message.body,
                # A text that arrives after its code has expired is useless.
                validity_period=min(
                    int(message.ttl.total_seconds()), _MAX_VALIDITY_PERIOD
                ),
                risk_check="disable" if message.skip_risk_check else values.unset,
                status_callback=self._status_callback,
                **self._from_parameters(message),
            )
        except NotConnected as error:
            log.warning("twilio: not connected: %s", error)
            raise ProviderUnavailable from None
        except TwilioException as error:
            raise self._to_error(error, message) from None
        except Exception as error:  # noqa: BLE001 - the message may have been sent, whatever the error is
            log.warning("twilio: no answer: %s", type(error).__name__)
            raise DeliveryUnconfirmed from None
        if not created.sid:
            raise DeliveryUnconfirmed
        if str(created.status) in _NOT_SENT:
            code = twilio_errors.parse_code(created.error_code)
            log.warning(
                "twilio: the message to %s is %s: error %s",
                *(message.masked, created.status, code),
            )
            raise twilio_errors.from_failed_message(code)

    def ping(self) -> None:
        """Check the credentials by listing one message of the account.

        Raises:
            ProviderUnavailable: Twilio could not be reached, throttles requests, or has
                a server error; or another server answered.
            DeliveryFailed: Twilio rejected the credentials.
        """
        account = f"2010-04-01/Accounts/{self._client.account_sid}"
        url = f"{self._client.api.base_url}/{account}/Messages.json"
        try:
            response = self._client.request("GET", url, params={"PageSize": 1})
        except NotConnected as error:
            raise ProviderUnavailable(f"does not answer: {error}") from None
        except Exception as error:  # noqa: BLE001 - whatever the error is, messages cannot be sent
            log.warning("twilio: no answer: %s", type(error).__name__)
            raise ProviderUnavailable from None
        status = response.status_code
        if status == HTTPStatus.OK and _lists_messages(response.text):
            return
        log.warning("twilio: ping failed: status %s", status)
        if status == HTTPStatus.TOO_MANY_REQUESTS:
            raise ProviderUnavailable("throttles requests")
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            raise ProviderUnavailable(f"has a server error (status {status})")
        if status < HTTPStatus.BAD_REQUEST:
            raise ProviderUnavailable(f"is not Twilio's API (status {status})")
        raise DeliveryFailed(retry_elsewhere=True)

    def _from_parameters(self, message: Message) -> dict[str, str]:
        if message.messaging_service:
            return {"messaging_service_sid": message.messaging_service}
        return self._default_from

    def _to_error(self, twilio_error: TwilioException, message: Message) -> OTPError:
        status = getattr(twilio_error, "status", 0)
        code = twilio_errors.parse_code(getattr(twilio_error, "code", None))
        if code == status:
            code = None  # the SDK's substitute for a code that is missing
        error = twilio_errors.to_error(status, code)
        # The operator has to act: the account or the sender is the reason.
        is_ours = isinstance(error, DeliveryFailed) and error.retry_elsewhere
        log.log(
            logging.ERROR if is_ours else logging.WARNING,
            "twilio: the message to %s is rejected: status %s, error %s: %s",
            *(message.masked, status, code, error.error_code),
        )
        return error


def _lists_messages(text: str) -> bool:
    """Return whether *text* is a response of the Messages resource."""
    try:
        page = json.loads(text)
    except (ValueError, RecursionError):
        return False
    return isinstance(page, dict) and "messages" in page
