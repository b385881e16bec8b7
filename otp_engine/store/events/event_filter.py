"""Which events a reader wants."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from otp_engine.domain.events import Event
from otp_engine.domain.recipients import PseudonymousRecipient
from otp_engine.store.events import codec


@dataclass(frozen=True, slots=True, kw_only=True)
class EventFilter:
    """Conditions that an event must meet; an empty one accepts every event.

    Attributes:
        kinds: Kinds of events.
        countries: ISO 3166 codes of recipients.
        phone_hashes: `phone_hash` of recipients, or its first characters.
    """

    kinds: Collection[str] = ()
    countries: Collection[str] = ()
    phone_hashes: Collection[str] = ()

    def may_match(self, entry: codec.Fields) -> bool:
        """Return False for an entry that cannot match, without decoding it.

        Decoding takes most of the time of reading many events.

        Args:
            entry: The fields of a stored event.
        """
        if self.kinds and entry.get(b"kind", b"").decode() not in self.kinds:
            return False
        text = entry.get(b"event", b"")
        return not self.phone_hashes or any(
            phone_hash.encode() in text for phone_hash in self.phone_hashes
        )

    def matches(self, event: Event) -> bool:
        """Return whether *event* meets all conditions."""
        if self.kinds and codec.kind_of(event) not in self.kinds:
            return False
        if not (self.countries or self.phone_hashes):
            return True
        recipient: PseudonymousRecipient | None = getattr(event, "recipient", None)
        return (
            recipient is not None
            and (not self.countries or recipient.country in self.countries)
            and (
                not self.phone_hashes
                or recipient.phone_hash.startswith(tuple(self.phone_hashes))
            )
        )


ALL_EVENTS = EventFilter()
"""The filter that accepts every event."""
