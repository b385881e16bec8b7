"""The protocol that the receiver of a provider's delivery reports implements.

`otp_engine.api.provider_webhooks` serves the path of each receiver.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from otp_engine.domain.messages.delivery_reports import DeliveryReport

DELIVERY_PARAMETER = "delivery"
"""The parameter of a callback URL with the delivery id."""

_DELIVERY_ID = re.compile(r"[0-9a-f]{40}", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportRequest:
    """The HTTP request of a provider.

    Attributes:
        url: The URL as the provider knows it, with the query.
        headers: The headers, with their names in lower case.
        query: The parameters of the URL.
        body: The body as it was received.
        form: The fields of a form; empty for another body.
    """

    url: str
    headers: Mapping[str, str]
    query: Mapping[str, str] = field(default_factory=dict)
    body: bytes = field(default=b"", repr=False)
    form: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def delivery_id(self) -> str | None:
        """The delivery id in the query; None without a valid one."""
        return parse_delivery_id(self.query.get(DELIVERY_PARAMETER))


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What a receiver found in a request, and its response.

    Attributes:
        reports: The reports, in the order of the request.
        body: The body of the response; without one its status is 204.
        content_type: The type of the body.
    """

    reports: Sequence[DeliveryReport] = ()
    body: str = ""
    content_type: str = "text/plain; charset=utf-8"


class ReportReceiver(Protocol):
    """Verifies and parses the delivery reports of one provider."""

    @property
    def path(self) -> str:
        """The path of the URL that the provider posts to."""

    @property
    def max_bytes(self) -> int:
        """The length of the longest body."""

    def check_headers(self, headers: Mapping[str, str]) -> None:
        """Check the headers before the body is read, because a body can arrive slowly.

        Args:
            headers: The headers, with their names in lower case.

        Raises:
            Unauthorized: The request has no signature, or one of another format.
        """

    def receive(self, request: ReportRequest) -> Reply:
        """Verify and parse the reports of a request.

        Raises:
            Unauthorized: The signature is not the provider's.
            InvalidRequest: The body is malformed.
        """


def parse_delivery_id(text: object) -> str | None:
    """Return *text* if it is a delivery id, and None otherwise."""
    if isinstance(text, str) and _DELIVERY_ID.fullmatch(text):
        return text
    return None
