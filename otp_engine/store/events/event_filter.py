"""Which events a reader wants."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass

from otp_engine.domain.events import Event
from otp_engine.store.events import codec

_LIMIT = re.compile(rb'"limit":"([^"]*)"')


@dataclass(frozen=True, slots=True, kw_only=True)
class EventFilter:
    """Conditions that an event must meet; an empty one accepts every event.

    Attributes:
        kinds: Kinds of events.
        countries: ISO 3166 codes of recipients.
        prefixes: The `prefix` of recipients or of a place, or its first characters.
        block_hashes: `block_hash` of recipients, in addition to those of the prefixes.
        limits: Names of the rules that refused.
        refusals: Names of the rules of `refused` events, which leaves other kinds as
            they are; None for all rules.
        phone_hashes: `phone_hash` of recipients, or its first characters.
        identity_hashes: `identity_hash` of entities, or its first characters.
    """

    kinds: Collection[str] = ()
    countries: Collection[str] = ()
    prefixes: Collection[str] = ()
    block_hashes: Collection[str] = ()
    limits: Collection[str] = ()
    refusals: Collection[str] | None = None
    phone_hashes: Collection[str] = ()
    identity_hashes: Collection[str] = ()

    def may_match(self, entry: codec.Fields) -> bool:
        """Return False for an entry that cannot match, without decoding it.

        Decoding takes most of the time of reading many events.

        Args:
            entry: The fields of a stored event.
        """
        if self.kinds and entry.get(b"kind", b"").decode() not in self.kinds:
            return False
        text = entry.get(b"event", b"")
        if self.refusals is not None and entry.get(b"kind") == b"refused":
            # Most events are refusals by other rules.
            rule = _LIMIT.search(text)
            if not rule or rule[1].decode() not in self.refusals:
                return False
        for values in (
            self.phone_hashes,
            self.identity_hashes,
            self._texts_of_places,
            self.limits,
            # Of a limit by country, the code is a value with another name.
            [f'"{country}"' for country in self.countries],
        ):
            if values and not any(value.encode() in text for value in values):
                return False
        return True

    @property
    def _texts_of_places(self) -> Collection[str]:
        # To search for each of many hashes would take longer than to decode.
        return () if self.block_hashes else self.prefixes

    def matches(self, event: Event) -> bool:
        """Return whether *event* meets all conditions."""
        if self.kinds and codec.kind_of(event) not in self.kinds:
            return False
        if self.limits and getattr(event, "limit", None) not in self.limits:
            return False
        # An event without a recipient can be about a country or a prefix itself.
        subject = getattr(event, "recipient", event)
        return (
            (not self.countries or getattr(subject, "country", "") in self.countries)
            and self._is_in_place(subject)
            and _starts_with(subject, "phone_hash", self.phone_hashes)
            and _starts_with(subject, "identity_hash", self.identity_hashes)
        )

    def _is_in_place(self, subject: object) -> bool:
        if not (self.prefixes or self.block_hashes):
            return True
        if getattr(subject, "block_hash", None) in self.block_hashes:
            return True
        return bool(self.prefixes) and _starts_with(subject, "prefix", self.prefixes)


def _starts_with(subject: object, field: str, values: Collection[str]) -> bool:
    return not values or getattr(subject, field, "").startswith(tuple(values))


ALL_EVENTS = EventFilter()
"""The filter that accepts every event."""
