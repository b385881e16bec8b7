"""What a replay found: the sends that would have been refused, by place and address."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass, field
from enum import StrEnum

from otp_engine.domain.replay.sends import RecordedSend


class Group(StrEnum):
    """What the rows of a report have in common, in the order of `Report._tallies`."""

    COUNTRY = "country"
    PREFIX = "prefix"
    BLOCK = "block"
    ADDRESS = "address"


@dataclass(slots=True)
class Tally:
    """The sends of one row.

    Attributes:
        sends: Sends that reached one of the rules.
        refused: Those that a rule would have refused.
        approved: Those of them after which their verification was approved.
        saved: Messages among them after which no code was entered.
        saved_cost: The price of the saved messages, in micro-units.
    """

    sends: int = 0
    refused: int = 0
    approved: int = 0
    saved: int = 0
    saved_cost: int = 0


@dataclass(slots=True)
class _Refused:
    """The refused sends of a verification."""

    sends: list[RecordedSend] = field(default_factory=list)
    is_approved: bool = False


class Report:
    """Counts the outcomes of a replay.

    Attributes:
        total: All sends.
        groups: The rows of each group, by key.
        refused_phones: Hashes of the phones with a refused send.
        approved_phones: Those of them that were approved afterwards.
        delayed_phones: Those of the approved ones with another message of the same
            verification, which no rule would have refused.
        refused_before: Refused sends that a rule of the replay had refused in the
            record.
        admitted: Sends that a rule of the replay had refused in the record, and that
            none of them refuses now.
    """

    def __init__(self, start: int, end: int, rules: Collection[str]) -> None:
        """Count the sends of a period.

        Args:
            start: Time of the first send, in milliseconds since 1970.
            end: Time of the last one.
            rules: The names of the rules of the replay. What another rule refused in
                the record, it would refuse again.
        """
        self._start, self._end, self._rules = start, end, rules
        self.total = Tally()
        self.groups: dict[Group, dict[str, Tally]] = {
            group: defaultdict(Tally) for group in Group
        }
        self.refused_phones: set[str] = set()
        self.approved_phones: set[str] = set()
        self.delayed_phones: set[str] = set()
        self.refused_before = self.admitted = 0
        self._refused: dict[bytes, _Refused] = {}
        self._admitted: set[bytes] = set()

    def decided(self, send: RecordedSend, refused_by: str | None) -> None:
        """Count a send; those before the period are only messages of verifications."""
        verification_id = send.verification_id
        if verification_id and not refused_by:
            self._admitted.add(verification_id)
        if not self._start <= send.counted_at <= self._end:
            return
        for tally in self._tallies(send):
            tally.sends += 1
            tally.refused += refused_by is not None
        is_decided_again = send.refused_by in self._rules
        if refused_by is None:
            self.admitted += is_decided_again
            return
        self.refused_phones.add(send.recipient.phone_hash)
        self.refused_before += is_decided_again
        if verification_id:
            refused = self._refused.setdefault(verification_id, _Refused())
            refused.sends.append(send)

    def approved(self, verification_id: bytes) -> None:
        """Count the refused sends of a verification as those of a good person."""
        refused = self._refused.get(verification_id)
        if refused is None or refused.is_approved:
            return
        refused.is_approved = True
        for send in refused.sends:
            for tally in self._tallies(send):
                tally.approved += 1
        phone = refused.sends[0].recipient.phone_hash
        self.approved_phones.add(phone)
        if verification_id in self._admitted:
            self.delayed_phones.add(phone)

    def finish(self) -> None:
        """Count the refused messages that no approval followed."""
        for refused in self._refused.values():
            for send in refused.sends:
                if not refused.is_approved and send.has_cost:
                    for tally in self._tallies(send):
                        tally.saved += 1
                        tally.saved_cost += send.facts.price

    def rows(self, group: Group) -> list[tuple[str, Tally]]:
        """Return the rows with a refused send, most refused ones first."""
        found = [
            (key, tally) for key, tally in self.groups[group].items() if tally.refused
        ]
        return sorted(found, key=lambda row: (-row[1].refused, row[0]))

    def _tallies(self, send: RecordedSend) -> Collection[Tally]:
        recipient = send.recipient
        keys = (
            recipient.country,
            recipient.prefix,
            recipient.block_hash,
            recipient.ip_hash,
        )
        rows = zip(self.groups.values(), keys, strict=True)
        return [self.total, *[tallies[key] for tallies, key in rows if key]]
