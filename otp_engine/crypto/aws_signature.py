"""Signatures of requests to AWS, by Signature Version 4.

Only requests of the JSON protocols are signed: `POST` to the path `/` without a query.
AWS documents the steps in "Create a signed AWS API request" of its IAM user guide.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

_ALGORITHM = "AWS4-HMAC-SHA256"
_TERMINATOR = "aws4_request"


@dataclass(frozen=True, slots=True, kw_only=True)
class AwsCredentials:
    """The access key of an AWS identity.

    Attributes:
        access_key_id: The identifier of the key, which is no secret.
        secret_access_key: The secret.
        session_token: The token of temporary credentials; None for those of a user.
    """

    access_key_id: str
    secret_access_key: str = field(repr=False)
    session_token: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestSigner:
    """Signs requests to one AWS service in one region.

    Attributes:
        credentials: The access key.
        region: The region, such as `eu-west-1`.
        service: The name of the service in signatures, such as `sms-voice`.
    """

    credentials: AwsCredentials
    region: str
    service: str

    def sign(
        self, headers: Mapping[str, str], body: str, at: datetime
    ) -> dict[str, str]:
        """Return the headers of a request, with its signature.

        Args:
            headers: The headers to sign, with `Host`.
            body: The body.
            at: The time, with a time zone. AWS accepts five minutes of difference.

        Returns:
            The headers, and `X-Amz-Date`, `Authorization` and, for temporary
            credentials, `X-Amz-Security-Token`.
        """
        time = at.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")
        signed = {**headers, "X-Amz-Date": time}
        if self.credentials.session_token:
            signed["X-Amz-Security-Token"] = self.credentials.session_token
        date = time[:8]
        scope = f"{date}/{self.region}/{self.service}/{_TERMINATOR}"
        names, request = _canonical_request(signed, body)
        text = f"{_ALGORITHM}\n{time}\n{scope}\n{_sha256(request)}"
        signature = hmac.digest(self._signing_key(date), text.encode(), "sha256").hex()
        signed["Authorization"] = (
            f"{_ALGORITHM} Credential={self.credentials.access_key_id}/{scope},"
            f" SignedHeaders={names}, Signature={signature}"
        )
        return signed

    def _signing_key(self, date: str) -> bytes:
        key = f"AWS4{self.credentials.secret_access_key}".encode()
        for part in (date, self.region, self.service, _TERMINATOR):
            key = hmac.digest(key, part.encode(), "sha256")
        return key


def _canonical_request(headers: Mapping[str, str], body: str) -> tuple[str, str]:
    """Return the names of the signed headers, and the canonical text of a request."""
    lowered = {name.lower(): " ".join(value.split()) for name, value in headers.items()}
    names = ";".join(sorted(lowered))
    lines = "".join(f"{name}:{lowered[name]}\n" for name in sorted(lowered))
    return names, f"POST\n/\n\n{lines}\n{names}\n{_sha256(body)}"


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
