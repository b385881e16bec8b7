"""What a carrier reports, later, of a message that it had accepted."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryReport:
    """The end of a message.

    Attributes:
        message: The carrier's own name for it.
        to: The number in E.164.
        arrived: Whether it reached the phone; otherwise it never will.
        carrier_error: The carrier's own number for why not, if it said one.
    """

    message_id: str
    to: str = field(repr=False)
    delivered: bool
    provider_error: int | None = None


ReportParser: TypeAlias = Callable[[Mapping[str, str], str], DeliveryReport | None]
"""Reads a report and its signature; none, if it is of no end.

Raises `Unauthorized` if it is not the carrier's.
"""
