"""Sends through Twilio's Messaging API with Twilio's SDK.

The SDK provides the host of a region and an edge, and the headers of a request.
`http_client` transports the requests, and `twilio_errors` maps rejections to errors.
`Client.messages` is not used: it imports the 95 modules of the API, which take 8 MiB,
and it builds the same headers for each message.

A request is never retried: the Messages resource has no idempotency key, so a retry
after a timeout could send a second message.
"""

from __future__ import annotations

import json
import logging
from http import HTTPStatus
from urllib.parse import urlencode

import urllib3
from twilio.http import HttpClient
from twilio.rest import Client

from otp_engine.config import TwilioSettings
from otp_engine.domain.messages.templates import Message
from otp_engine.domain.models import Channel
from otp_engine.errors import (
    DeliveryFailed,
    DeliveryUnconfirmed,
    OTPError,
    ProviderUnavailable,
)
from otp_engine.senders import twilio_errors
from otp_engine.senders.http_client import NotConnected, PooledHttpClient
from otp_engine.senders.http_connection import HttpResponse

log = logging.getLogger(__name__)

_API_URL = "https://api.twilio.com"
# Seconds, from https://www.twilio.com/docs/messaging/api/message-resource.
_MAX_VALIDITY_PERIOD = 36_000
_NOT_SENT = frozenset({"failed", "undelivered", "canceled"})


class TwilioProvider:
    """Sends text messages from one Twilio account."""

    name = "twilio"
    channels = (Channel.SMS,)
    has_deadline = True

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
        self.reports_delivery = status_callback is not None
        client = Client(
            settings.username,
            settings.password,
            settings.account_sid,
            # The SDK would put both into any host, also that of another API.
            region=None if settings.base_url else settings.region,
            edge=None if settings.base_url else settings.edge,
            # Sends nothing; the SDK's own would prepare a session.
            http_client=HttpClient(log, is_async=False),
            # With an empty mapping the SDK reads the process's environment.
            environment={"TWILIO_REGION": ""},
        )
        account = f"2010-04-01/Accounts/{settings.account_sid}"
        url = client.get_hostname(
            f"{settings.base_url or _API_URL}/{account}/Messages.json"
        )
        login = urllib3.make_headers(
            basic_auth=f"{settings.username}:{settings.password}"
        )
        self._http = http or PooledHttpClient(proxy=settings.proxy)
        self._create = self._http.prepare(
            "POST", url, client.get_headers("POST", None) | login
        )
        self._list = self._http.prepare(
            "GET", f"{url}?PageSize=1", client.get_headers("GET", None) | login
        )
        self._callback = {"StatusCallback": status_callback} if status_callback else {}
        self._default_sender = (
            {"MessagingServiceSid": settings.service}
            if settings.service
            else {"From": settings.from_ or ""}
        )

    def send(self, message: Message) -> str:
        """Send *message*, and return the id of the message that Twilio accepted.

        Raises:
            ProviderUnavailable, DeliveryFailed, DestinationNotAllowed, InvalidPhone,
            DeliveryUnconfirmed: As documented by `Provider.send`.
        """
        form: dict[str, object] = {
            "To": message.to,
            "Body": message.body,
            # A text that arrives after its code has expired is useless.
            "ValidityPeriod": min(
                int(message.ttl.total_seconds()), _MAX_VALIDITY_PERIOD
            ),
            **self._sender(message),
            **self._callback,
        }
        if message.skip_risk_check:
            form["RiskCheck"] = "disable"
        try:
            response = self._http.send(self._create, urlencode(form))
        except NotConnected as error:
            log.warning("twilio: not connected: %s", error)
            raise ProviderUnavailable from None
        except Exception as error:  # noqa: BLE001 - the message may have been sent, whatever the error is
            log.warning("twilio: no answer: %s", type(error).__name__)
            raise DeliveryUnconfirmed from None
        created = _parse_object(response)
        status = response.status
        if not HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
            raise self._to_error(status, created, message)
        sid = created.get("sid")
        if not sid:
            raise DeliveryUnconfirmed
        if str(created.get("status")) in _NOT_SENT:
            code = twilio_errors.parse_code(created.get("error_code"))
            log.warning(
                "twilio: the message to %s is %s: error %s",
                *(message.masked, created["status"], code),
            )
            raise twilio_errors.from_failed_message(code)
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
        if status == HTTPStatus.OK and "messages" in _parse_object(response):
            return
        log.warning("twilio: ping failed: status %s", status)
        if status == HTTPStatus.TOO_MANY_REQUESTS:
            raise ProviderUnavailable("throttles requests")
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            raise ProviderUnavailable(f"has a server error (status {status})")
        if status < HTTPStatus.BAD_REQUEST:
            raise ProviderUnavailable(f"is not Twilio's API (status {status})")
        raise DeliveryFailed(retry_elsewhere=True)

    def _sender(self, message: Message) -> dict[str, str]:
        if message.messaging_service:
            return {"MessagingServiceSid": message.messaging_service}
        return self._default_sender

    def _to_error(
        self, status: int, rejection: dict[str, object], message: Message
    ) -> OTPError:
        code = twilio_errors.parse_code(rejection.get("code"))
        error = twilio_errors.to_error(status, code)
        # The operator has to act: the account or the sender is the reason.
        is_ours = isinstance(error, DeliveryFailed) and error.retry_elsewhere
        log.log(
            logging.ERROR if is_ours else logging.WARNING,
            "twilio: the message to %s is rejected: status %s, error %s: %s",
            *(message.masked, status, code, error.error_code),
        )
        return error


def _parse_object(response: HttpResponse) -> dict[str, object]:
    """Return the JSON object of a response; an empty one if it has none."""
    try:
        document = json.loads(response.body.decode(errors="replace"))
    except (ValueError, RecursionError):
        return {}
    return document if isinstance(document, dict) else {}
