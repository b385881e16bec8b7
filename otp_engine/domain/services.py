"""Services: the configuration of each application that sends codes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

ALL_COUNTRIES = "all"
"""Country of a configuration for all countries without their own."""

ALL_EVENTS = "*"
"""Event type of a webhook for notices of every type."""

_LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)
_NAME = re.compile(r"[\w -]{1,30}")
MAX_DIGITS = 4
"""Most digits of a name; a code has at least as many."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bucket:
    """One window of a service's rate limit.

    Attributes:
        sid: SID of the bucket, `BL...`.
        max: Largest number of sends in *interval*.
        interval: Period of the window.
        created_at: Time of the creation.
        updated_at: Time of the last change.
    """

    sid: str
    max: int
    interval: timedelta
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RateLimit:
    """A limit of one service, which counts sends by an identifier of the client.

    Attributes:
        sid: SID of the rate limit, `RK...`.
        name: Name that clients use in `RateLimits`, Twilio's `UniqueName`.
        description: Free text of the client.
        created_at: Time of the creation.
        updated_at: Time of the last change.
        buckets: The windows; a send must be within all of them.
    """

    sid: str
    name: str
    description: str | None
    created_at: datetime
    updated_at: datetime
    buckets: tuple[Bucket, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class MessagingConfiguration:
    """The sender of messages to one country.

    Attributes:
        country: ISO 3166 code, or `all`.
        messaging_service: SID of the provider's Messaging Service.
        created_at: Time of the creation.
        updated_at: Time of the last change.
    """

    country: str
    messaging_service: str
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhook:
    """A URL that notices of the factors of one service are posted to.

    Attributes:
        sid: SID of the webhook, `YW...`.
        name: Free text of the client, Twilio's `FriendlyName`.
        url: The URL, which can contain a secret.
        event_types: The types of notices that are posted; `*` stands for all.
        enabled: Whether anything is posted.
        version: `v1` or `v2`, which clients can store and read; it has no effect.
        created_at: Time of the creation.
        updated_at: Time of the last change.
    """

    sid: str
    name: str
    url: str = field(repr=False)
    event_types: tuple[str, ...]
    enabled: bool = True
    version: str = "v2"
    created_at: datetime
    updated_at: datetime

    def wants(self, event_type: str) -> bool:
        """Return whether notices of a type are posted to this webhook.

        Args:
            event_type: The type, such as `factor.created`.
        """
        wanted = {event_type, ALL_EVENTS} & set(self.event_types)
        return self.enabled and bool(wanted)


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """The configuration of one application.

    A phone can have one verification in each service, with its own attempts and sends.

    Attributes:
        sid: SID of the service, `VA...`; empty for the default service.
        namespace: Separates its verifications from those of other services; empty for
            the default service.
        version: Number of its changes, which `compare_and_set` compares.
        brand: Name in its messages; without one, the operator's.
        code_length: Digits of its codes; without one, the policy's.
        custom_code: Whether its clients may choose codes.
        bind: Whether all of its verifications are bound: they are checked by their SID
            only, and not by the number.
        do_not_share_warning: Whether its messages contain a warning not to share the
            code.
        template: SID of the template of its messages, `HJ...`.
        rate_limits: Its own limits.
        messaging: The senders of its messages, by country.
        webhooks: The URLs that notices of its factors are posted to.
        passthrough: Values that clients can store and read; they have no effect.
        created_at: Time of the creation.
        updated_at: Time of the last change.
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
    webhooks: tuple[Webhook, ...] = ()
    passthrough: Mapping[str, str | int | bool | None] = field(default_factory=dict)
    created_at: datetime = _LONG_AGO
    updated_at: datetime = _LONG_AGO

    def messaging_service(self, country: str) -> str | None:
        """Return the Messaging Service for messages to *country*.

        Args:
            country: ISO 3166 code.

        Returns:
            None if the service has none: the provider's settings then apply.
        """
        if not self.messaging:
            return None
        by_country = {
            configuration.country: configuration.messaging_service
            for configuration in self.messaging
        }
        return by_country.get(country, by_country.get(ALL_COUNTRIES))


def parse_name(text: str) -> str:
    """Parse a name for messages, without links and without phone numbers."""
    if not _NAME.fullmatch(text) or not text.strip():
        raise ValueError(
            "must be up to 30 letters, digits, spaces, dashes and underscores:"
            f" {text!r}"
        )
    if sum(character.isdigit() for character in text) > MAX_DIGITS:
        raise ValueError(f"must have at most {MAX_DIGITS} digits: {text!r}")
    return text


DEFAULT = Service()
"""The service of `/auth`, which has no configuration of its own."""
