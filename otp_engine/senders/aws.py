"""Sends through AWS End User Messaging Notify, with templates and senders of AWS.

Notify has registered senders of its own in its countries, so no campaign or template
needs a registration there. The text is a template of AWS, which gets only the code: the
brand is the display name of the configuration.

The requests are those of the JSON 1.0 protocol. A request is never retried, because
the operations have no idempotency key.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from http import HTTPStatus
from urllib.parse import urlsplit

from otp_engine.config.aws_settings import AwsSettings, AwsTemplate
from otp_engine.crypto.aws_signature import RequestSigner
from otp_engine.domain.messages.templates import Message
from otp_engine.domain.models import Channel
from otp_engine.errors import (
    DeliveryFailed,
    DeliveryUnconfirmed,
    OTPError,
    ProviderUnavailable,
)
from otp_engine.senders import aws_errors
from otp_engine.senders.hand_over import hand_over
from otp_engine.senders.http_client import PooledHttpClient

log = logging.getLogger(__name__)

CONTEXT_KEY = "delivery_id"
"""The key of the delivery id in the context, which events repeat."""

REPORTS_PATH = "/callbacks/aws"
"""The path that SNS posts events to."""

_SERVICE = "sms-voice"
_TARGET = "PinpointSMSVoiceV2"
_OPERATIONS = {
    Channel.SMS: "SendNotifyTextMessage",
    Channel.CALL: "SendNotifyVoiceMessage",
}
# Seconds, from the API reference.
_MIN_TIME_TO_LIVE = 5
_MAX_TIME_TO_LIVE = 259_200
_NO_TEMPLATE = AwsTemplate("")


class AwsProvider:
    """Sends text messages and calls through one Notify configuration."""

    name = "aws"
    channels = (Channel.SMS, Channel.CALL)
    has_deadline = True

    def __init__(
        self,
        settings: AwsSettings,
        http: PooledHttpClient | None = None,
        *,
        reports_delivery: bool = False,
        utcnow: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """Create the provider, without a connection to AWS.

        Args:
            settings: Credentials, region, configuration and templates.
            http: Transports the requests; a new pool by default.
            reports_delivery: Whether delivery events reach this service.
            utcnow: Returns the time in UTC, for signatures.
        """
        self.reports_delivery = reports_delivery
        self._settings = settings
        self._url = f"{settings.url}/"
        self._host = urlsplit(settings.url).netloc
        self._http = http or PooledHttpClient(proxy=settings.proxy)
        self._utcnow = utcnow
        self._signer = RequestSigner(
            credentials=settings.credentials, region=settings.region, service=_SERVICE
        )

    def send(self, message: Message) -> str:
        """Send *message*, and return its id once AWS has accepted it.

        Raises:
            ProviderUnavailable, DeliveryFailed, DestinationNotAllowed, InvalidPhone,
            DeliveryUnconfirmed: As documented by `Provider.send`.
        """
        # The response repeats the text with the code in ResolvedMessageBody.
        status, response = self._call(
            _OPERATIONS[message.channel], self._message_request(message)
        )
        if status != HTTPStatus.OK:
            raise self._to_error(status, response, message)
        message_id = response.get("MessageId")
        if not message_id or not isinstance(message_id, str):
            log.warning("aws: a response without an id of its message")
            raise DeliveryUnconfirmed
        return message_id

    def confirm(self, message_id: str) -> None:
        """Report that the code of a message was entered; a failure is only logged.

        Args:
            message_id: AWS's id of the message.
        """
        try:
            status, response = self._call(
                "PutMessageFeedback",
                {"MessageId": message_id, "MessageFeedbackStatus": "RECEIVED"},
            )
        except OTPError as error:
            log.info("aws: no feedback: %s", error.error_code)
            return
        if status != HTTPStatus.OK:
            log.info("aws: no feedback: %s", aws_errors.describe(response))

    def ping(self) -> None:
        """Check the credentials, and that the configuration is active.

        Raises:
            ProviderUnavailable: AWS could not be reached, throttles requests, or has a
                server error; or the configuration is not active.
            DeliveryFailed: AWS rejected the credentials or the configuration.
        """
        document = {"NotifyConfigurationIds": [self._settings.configuration]}
        try:
            status, response = self._call("DescribeNotifyConfigurations", document)
        except DeliveryUnconfirmed:
            raise ProviderUnavailable from None
        if status != HTTPStatus.OK:
            error = aws_errors.to_error(status, response)
            log.warning("aws: ping failed: %s %s", status, error.provider_error)
            if isinstance(error, ProviderUnavailable):
                raise error
            if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
                raise ProviderUnavailable(f"has a server error (status {status})")
            rejected = DeliveryFailed(retry_elsewhere=True)
            rejected.provider_error = error.provider_error
            raise rejected
        if _status_of(response) != "ACTIVE":
            raise ProviderUnavailable("has no active Notify configuration")

    def _message_request(self, message: Message) -> dict[str, object]:
        """Return the parameters of a message."""
        seconds = int(message.ttl.total_seconds())
        template = self._template(message)
        document: dict[str, object] = {
            "NotifyConfigurationId": self._settings.configuration,
            "DestinationPhoneNumber": message.to,
            "TemplateVariables": {"code": message.code},
            # A message that arrives after its code has expired is useless.
            "TimeToLive": min(max(seconds, _MIN_TIME_TO_LIVE), _MAX_TIME_TO_LIVE),
            "Context": {CONTEXT_KEY: message.delivery_id},
            "MessageFeedbackEnabled": True,
        }
        if template.id:
            document["TemplateId"] = template.id
        if template.voice and message.channel is Channel.CALL:
            document["VoiceId"] = template.voice
        if self._settings.configuration_set:
            document["ConfigurationSetName"] = self._settings.configuration_set
        return document

    def _template(self, message: Message) -> AwsTemplate:
        """Return the template of the language; without one, AWS uses its default."""
        templates = self._settings.templates
        language = message.language
        for tag in (language, language.partition("-")[0]):
            for key in (f"{message.channel}:{tag}", tag):
                if key in templates:
                    return templates[key]
        return _NO_TEMPLATE

    def _call(
        self, operation: str, document: Mapping[str, object]
    ) -> tuple[int, dict[str, object]]:
        """Call an operation; return the status and the object of the response.

        Raises:
            ProviderUnavailable: No connection was established.
            DeliveryUnconfirmed: AWS may have got the request.
        """
        body = json.dumps(document)
        headers = {
            "Host": self._host,
            "Content-Type": "application/x-amz-json-1.0",
            "X-Amz-Target": f"{_TARGET}.{operation}",
        }
        signed = self._signer.sign(headers, body, self._utcnow())
        with hand_over(self.name):
            request = self._http.prepare("POST", self._url, signed)
            response = self._http.send(request, body)
        return response.status, response.json_object()

    def _to_error(
        self, status: int, response: Mapping[str, object], message: Message
    ) -> OTPError:
        error = aws_errors.to_error(status, response)
        # The operator has to act: the account or the configuration is the reason.
        is_ours = isinstance(error, DeliveryFailed) and error.retry_elsewhere
        log.log(
            logging.ERROR if is_ours else logging.WARNING,
            "aws: the message to %s is rejected: status %s, error %s: %s",
            *(message.masked, status, error.provider_error, error.error_code),
        )
        return error


def _status_of(response: Mapping[str, object]) -> object:
    """Return the status of the described configuration; None without one."""
    match response.get("NotifyConfigurations"):
        case [{"Status": status}, *_]:
            return status
    return None
