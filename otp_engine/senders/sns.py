"""Verifies the messages that AWS SNS posts to a subscribed URL.

A message names the certificate of its signature, so the URL of that is checked first:
only SNS itself in the region of the topic can publish a file there. The steps are those
of "Verifying the signatures of Amazon SNS messages" in the guide of SNS.
"""

from __future__ import annotations

import base64
import json
import logging
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from threading import Lock
from time import monotonic

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509 import load_pem_x509_certificate

from otp_engine.config.aws_settings import AwsTopic
from otp_engine.errors import InvalidRequest, ProviderUnavailable, Unauthorized

log = logging.getLogger(__name__)

Fetch = Callable[[str], bytes]
"""Returns the body of a URL of SNS; raises `ProviderUnavailable` without one."""

NOTIFICATION = "Notification"
SUBSCRIPTION = "SubscriptionConfirmation"

_SIGNED = {
    NOTIFICATION: ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"),
    SUBSCRIPTION: (
        *("Message", "MessageId", "SubscribeURL", "Timestamp", "Token"),
        *("TopicArn", "Type"),
    ),
}
_OPTIONAL = frozenset({"Subject"})
# Version 1 signs with SHA-1.
_SIGNATURE_VERSION = "2"
# SNS tries for hours. A report of a code that has expired has no use, and a message
# that is posted again later is refused.
_MAX_AGE = timedelta(hours=1)
_MAX_AHEAD = timedelta(minutes=5)
# A forged message with the topic can name any number of certificates.
_FETCH_INTERVAL = 10.0  # seconds
_MAX_CERTIFICATES = 8


class SnsVerifier:
    """Verifies messages of one topic."""

    def __init__(
        self,
        topic: AwsTopic,
        fetch: Fetch,
        *,
        utcnow: Callable[[], datetime] = lambda: datetime.now(UTC),
        clock: Callable[[], float] = monotonic,
    ) -> None:
        """Create the verifier, without a certificate.

        Args:
            topic: The topic.
            fetch: Fetches certificates.
            utcnow: Returns the time in UTC.
            clock: Returns monotonic seconds, to limit the fetches.
        """
        self._topic = topic
        self._fetch = fetch
        self._utcnow = utcnow
        self._clock = clock
        host = re.escape(topic.host)
        self._certificate_url = re.compile(
            rf"https://{host}/SimpleNotificationService-[0-9a-f]{{32}}\.pem", re.ASCII
        )
        self._subscribe_url = re.compile(
            rf"https://{host}/\?Action=ConfirmSubscription&[!-~]{{1,2000}}", re.ASCII
        )
        self._keys: dict[str, RSAPublicKey] = {}
        self._next_fetch = float("-inf")
        self._lock = Lock()

    def verify(self, body: bytes) -> dict[str, str]:
        """Verify a message, and return its fields.

        Raises:
            InvalidRequest: The body is no message of SNS.
            Unauthorized: The message is of another topic or time, or its signature is
                not that of SNS.
            ProviderUnavailable: The certificate could not be fetched.
        """
        message = _parse(body)
        if message["TopicArn"] != self._topic.arn or message["Type"] not in _SIGNED:
            raise Unauthorized
        self._check_time(message["Timestamp"])
        url = message["SigningCertURL"]
        if message["SignatureVersion"] != _SIGNATURE_VERSION:
            log.warning("sns: SignatureVersion of the topic must be 2")
            raise Unauthorized
        if not self._certificate_url.fullmatch(url):
            raise Unauthorized
        try:
            signature = base64.b64decode(message["Signature"], validate=True)
            signed = _signed_text(message)
        except ValueError:
            # JSON can have a text that is no base64, or has half of a character.
            raise Unauthorized from None
        try:
            self._key(url).verify(signature, signed, PKCS1v15(), SHA256())
        except InvalidSignature:
            raise Unauthorized from None
        return message

    def confirm_subscription(self, message: Mapping[str, str]) -> None:
        """Confirm the subscription that a verified message announces.

        Raises:
            Unauthorized: The URL is not one of SNS.
            ProviderUnavailable: SNS did not answer, and repeats the message.
        """
        url = message.get("SubscribeURL", "")
        if not self._subscribe_url.fullmatch(url):
            raise Unauthorized
        self._fetch(url)
        log.info("sns: the subscription of the topic is confirmed")

    def _check_time(self, text: str) -> None:
        try:
            at = datetime.fromisoformat(text)
        except ValueError:
            raise InvalidRequest("Timestamp must be a time.") from None
        if at.tzinfo is None:
            raise InvalidRequest("Timestamp must have a time zone.")
        if not -_MAX_AHEAD <= self._utcnow() - at <= _MAX_AGE:
            raise Unauthorized

    def _key(self, url: str) -> RSAPublicKey:
        with self._lock:
            if key := self._keys.get(url):
                return key
            if self._clock() < self._next_fetch:
                raise ProviderUnavailable
            self._next_fetch = self._clock() + _FETCH_INTERVAL
        key = self._parse_certificate(self._fetch(url))
        with self._lock:
            if len(self._keys) >= _MAX_CERTIFICATES:
                self._keys.clear()
            self._keys[url] = key
            # A valid certificate is no sign of forged messages.
            self._next_fetch = float("-inf")
        return key

    def _parse_certificate(self, content: bytes) -> RSAPublicKey:
        try:
            certificate = load_pem_x509_certificate(content)
            key = certificate.public_key()
        except ValueError:
            raise ProviderUnavailable from None
        now = self._utcnow()
        is_valid = certificate.not_valid_before_utc <= now
        if not is_valid or now > certificate.not_valid_after_utc:
            raise Unauthorized
        if not isinstance(key, RSAPublicKey):
            raise Unauthorized
        return key


def _parse(body: bytes) -> dict[str, str]:
    """Return the text fields of a message, with every field that is verified.

    Raises:
        InvalidRequest: A field is missing.
    """
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        raise InvalidRequest("A message of SNS must be JSON.") from None
    if not isinstance(document, dict):
        raise InvalidRequest("A message of SNS must be a JSON object.")
    message = {name: text for name, text in document.items() if isinstance(text, str)}
    needed = {"Type", "SignatureVersion", "Signature", "SigningCertURL", "TopicArn"}
    needed.update(_SIGNED.get(message.get("Type", ""), ("Timestamp",)))
    if missing := sorted(needed - _OPTIONAL - message.keys()):
        raise InvalidRequest(f"A message of SNS needs {missing[0]}.")
    return message


def _signed_text(message: Mapping[str, str]) -> bytes:
    names = [name for name in _SIGNED[message["Type"]] if name in message]
    return "".join(f"{name}\n{message[name]}\n" for name in names).encode()
