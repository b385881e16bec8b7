"""Sends through Twilio's Messaging API, with Twilio's own SDK.

The SDK decides what is asked, `twilio_http` how it travels, and `twilio_errors` what
an answer means for us. A message is never sent twice: Messages has no idempotency
key, so after silence nobody knows whether the first one left.
"""

from __future__ import annotations

import logging
from http import HTTPStatus

from twilio.base import values
from twilio.base.exceptions import TwilioException
from twilio.rest import Client

from otp_engine.config import TwilioSettings
from otp_engine.domain.messages import Message
from otp_engine.errors import (
    CarrierUnavailable,
    DeliveryFailed,
    DeliveryUnconfirmed,
    OTPError,
)
from otp_engine.senders import twilio_errors
from otp_engine.senders.twilio_http import NotHandedOver, PooledHttpClient

log = logging.getLogger(__name__)

_LONGEST_VALIDITY = 36_000  # seconds; the most that Twilio accepts
_NEVER_LEFT = frozenset({"failed", "undelivered", "canceled"})


class TwilioSender:
    """Text messages from one Twilio account."""

    name = "twilio"

    def __init__(
        self,
        settings: TwilioSettings,
        http: PooledHttpClient | None = None,
        *,
        callback: str | None = None,
    ) -> None:
        """Send as *settings* say, over *http* or a pool of its own.

        What becomes of each message is reported to *callback*; none, and to nobody.
        """
        self._callback = callback or values.unset
        self._client = Client(
            settings.username,
            settings.password,
            settings.account_sid,
            http_client=http or PooledHttpClient(),
            # Not empty, or the SDK reads the process's environment instead.
            environment={"TWILIO_REGION": ""},
        )
        if settings.base_url:
            self._client.api.base_url = settings.base_url
        if settings.service:
            self._from = {"messaging_service_sid": settings.service}
        else:
            self._from = {"from_": settings.from_ or ""}

    def send(self, message: Message) -> None:
        """Return once Twilio has accepted *message*; see `carrier.Carrier`."""
        try:
            sent = self._client.messages.create(
                to=message.to,
                body=message.body,
                # A text that arrives after its code has ended helps nobody.
                validity_period=min(
                    int(message.life.total_seconds()), _LONGEST_VALIDITY
                ),
                risk_check="disable" if message.unfiltered else values.unset,
                status_callback=self._callback,
                **self._from_of(message),
            )
        except NotHandedOver as error:
            log.warning("twilio: not reached: %s", error)
            raise CarrierUnavailable from None
        except TwilioException as error:
            raise self._meaning(error, message) from None
        except Exception as error:  # noqa: BLE001 - whatever goes wrong once the request may have left is silence
            log.warning("twilio: no answer: %s", type(error).__name__)
            raise DeliveryUnconfirmed from None
        if not sent.sid:
            raise DeliveryUnconfirmed
        if str(sent.status) in _NEVER_LEFT:
            log.warning("twilio: %s is %s", message.masked, sent.status)
            raise DeliveryFailed

    def ping(self) -> None:
        """Answer, if Twilio knows us; one message is looked at, and none is sent."""
        account = f"2010-04-01/Accounts/{self._client.account_sid}"
        url = f"{self._client.api.base_url}/{account}/Messages.json"
        try:
            answer = self._client.request("GET", url, params={"PageSize": 1})
        except Exception as error:  # noqa: BLE001 - as above
            log.warning("twilio: not reached: %s", type(error).__name__)
            raise CarrierUnavailable from None
        if answer.ok:
            return
        log.warning("twilio: answered with status %s", answer.status_code)
        if answer.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR:
            raise CarrierUnavailable
        raise DeliveryFailed(elsewhere=True)

    def _from_of(self, message: Message) -> dict[str, str]:
        if message.from_:
            return {"messaging_service_sid": message.from_}
        return self._from

    def _meaning(self, error: TwilioException, message: Message) -> OTPError:
        status, number = getattr(error, "status", 0), getattr(error, "code", 0)
        meaning = twilio_errors.meaning(status, number)
        meaning.carrier_error = number or None
        ours = isinstance(meaning, DeliveryFailed) and meaning.elsewhere
        log.log(
            logging.ERROR if ours else logging.WARNING,
            "twilio: %s refused: status %s, error %s: %s",
            *(message.masked, status, number, meaning.name),
        )
        return meaning
