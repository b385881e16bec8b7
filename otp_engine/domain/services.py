"""On whose behalf codes are sent, and what they have decided for themselves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

ALL_COUNTRIES = "all"
_LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bucket:
    """At most *most* in any stretch of *interval*, of whatever a limit counts."""

    sid: str
    max: int
    interval: timedelta
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RateLimit:
    """A limit of a service's own, counted by a value that its caller names.

    Attributes:
        name: What a caller of the service calls it.
        buckets: Every one of them must let a send through.
    """

    sid: str
    name: str
    description: str | None
    created_at: datetime
    updated_at: datetime
    buckets: tuple[Bucket, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class MessagingConfiguration:
    """Who the messages to one country come from.

    Attributes:
        country: ISO 3166 code, or `all`.
        messaging_service: The carrier's name for the sender.
    """

    country: str
    messaging_service: str
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """A name in the message, its own kind of codes, and its own verifications.

    A phone can have one verification in each service, with its own guesses and sends.

    Attributes:
        sid: What callers of the service call it.
        space: Keeps its verifications apart from those of others; the default service
            has none.
        version: How often it was changed.
        brand: The name in its messages; none is the operator's.
        code_length: Digits of its codes; none is the policy's.
        custom_code: Whether its callers may bring codes of their own.
        bind: Whether each of its verifications is bound: checked by its sid only, and
            never by the number.
        warned: Whether its messages ask not to share the code.
        kept: What is kept for callers, and changes nothing here.
    """

    sid: str = ""
    namespace: str = ""
    version: int = field(default=0, compare=False)
    brand: str | None = None
    code_length: int | None = None
    custom_code: bool = False
    bind: bool = False
    do_not_share_warning: bool = True
    template: str | None = None
    rate_limits: tuple[RateLimit, ...] = ()
    messaging: tuple[MessagingConfiguration, ...] = ()
    passthrough: Mapping[str, str | int | bool | None] = field(default_factory=dict)
    created_at: datetime = _LONG_AGO
    updated_at: datetime = _LONG_AGO

    def messaging_service(self, country: str) -> str | None:
        """Who messages to *country* come from; none is as the operator decided."""
        found = {one.country: one.messaging_service for one in self.messaging}
        return found.get(country, found.get(ALL_COUNTRIES))


DEFAULT = Service()
"""The service of a deployment that has no other."""
