"""Messages as AWS SNS signs them, with a certificate of the test."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta
from functools import cache

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.x509.oid import NameOID

from otp_engine.config.aws_settings import AwsTopic

ARN = "arn:aws:sns:eu-west-1:123456789012:otp"
TOPIC = AwsTopic(arn=ARN, host="sns.eu-west-1.amazonaws.com")
HOST = "https://sns.eu-west-1.amazonaws.com"
CERTIFICATE_URL = f"{HOST}/SimpleNotificationService-{'0123456789abcdef' * 2}.pem"
SUBSCRIBE_URL = f"{HOST}/?Action=ConfirmSubscription&TopicArn={ARN}&Token=2336412f37"
NOW = datetime(2026, 11, 27, 6, 0, tzinfo=UTC)


@cache
def private_key() -> rsa.RSAPrivateKey:
    """Return the key of the certificate."""
    return rsa.generate_private_key(public_exponent=65_537, key_size=2048)


@cache
def certificate(days: int = 30) -> bytes:
    """Return a certificate in PEM that is valid for some days around `NOW`."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sns.amazonaws.com")])
    built = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(private_key().public_key())
        .serial_number(1)
        .not_valid_before(NOW - timedelta(days=60))
        .not_valid_after(NOW + timedelta(days=days))
        .sign(private_key(), hashes.SHA256())
    )
    return built.public_bytes(serialization.Encoding.PEM)


def notification(message: str, **fields: str) -> bytes:
    """Return a signed notification; *fields* replace others before the signature."""
    return sign(
        {
            "Type": "Notification",
            "MessageId": "22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324",
            "TopicArn": ARN,
            "Message": message,
            "Timestamp": "2026-11-27T05:59:58.123Z",
            **fields,
        },
        ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"),
    )


def subscription(**fields: str) -> bytes:
    """Return the signed request to confirm a subscription."""
    return sign(
        {
            "Type": "SubscriptionConfirmation",
            "MessageId": "165545c9-2a5c-472c-8df2-7ff2be2b3b1b",
            "Token": "2336412f37",
            "TopicArn": ARN,
            "Message": "You have chosen to subscribe to the topic.",
            "SubscribeURL": SUBSCRIBE_URL,
            "Timestamp": "2026-11-27T05:59:58.123Z",
            **fields,
        },
        (
            *("Message", "MessageId", "SubscribeURL", "Timestamp", "Token"),
            *("TopicArn", "Type"),
        ),
    )


def sign(message: dict[str, str], names: tuple[str, ...]) -> bytes:
    """Return a message with its signature over the fields *names*."""
    text = "".join(f"{name}\n{message[name]}\n" for name in names if name in message)
    signature = private_key().sign(text.encode(), padding.PKCS1v15(), hashes.SHA256())
    signed = {
        "SignatureVersion": "2",
        "SigningCertURL": CERTIFICATE_URL,
        "Signature": base64.b64encode(signature).decode(),
    }
    return json.dumps(signed | message).encode()
