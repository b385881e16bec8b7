"""Delivery reports: the provider's later status of an accepted message."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryReport:
    """The final status of a message.

    Attributes:
        message_id: The provider's id of the message.
        to: The number in E.164.
        delivered: Whether the message arrived; otherwise it will not arrive.
        provider_error: The provider's error code, if the report has one.
        provider: Name of the provider.
    """

    message_id: str
    to: str = field(repr=False)
    delivered: bool
    provider_error: int | None = None
    provider: str


ReportParser: TypeAlias = Callable[[Mapping[str, str], str], DeliveryReport | None]
"""Verifies and parses a report, from its form fields and its signature.

Returns None if the status is not final. Raises `Unauthorized` if the signature is not
the provider's.
"""
