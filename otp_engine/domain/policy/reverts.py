"""Changes of the policy that end: what a version has to restore, and when.

A version carries its pending reverts, and later versions carry them on. A revert
restores what one change set, and nothing else. It is pending until its time, unless an
operator sets the value in between:

- Set again without an end, the value stays.
- Set again with an end, the value ends at the new time. What returns then is the value
  before the first of these changes.

A change of one item of a list, such as `SN=off` in `on, SN=off`, affects neither the
other items nor their reverts.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from otp_engine.domain.policy import items


@dataclass(frozen=True, slots=True)
class End:
    """The end of a change.

    Attributes:
        until: The time, by the clock of Redis.
        version: The number of the version with the change.
    """

    until: datetime
    version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PendingRevert:
    """What happens at the end of one change.

    Attributes:
        name: The name of the value.
        key: The key of the item that was changed; None for the whole value.
        text: What the change set; None if it removed the value or the item.
        before: What returns; None for the value of the environment, or for no item.
        base: For an item: the value of the environment, if the value was not live
            before the change. The value is that of the environment again when no other
            item differs.
        end: The end of the change.
    """

    name: str
    key: str | None = None
    text: str | None
    before: str | None
    base: str | None = None
    end: End

    def restore_item(self, value: str | None) -> str | None:
        """Return a value in which the item is as it was before the change.

        Args:
            value: The value; None for that of the environment, which stays. Another
                item with the same key stays too.
        """
        if value is None or self.key is None:
            return value
        if items.find(value, self.key) != self.text:
            return value
        restored = items.replace(self.name, value, self.key, self.before)
        return None if restored == self.base else restored


@dataclass(frozen=True, slots=True)
class PolicyState:
    """The live values, and the pending reverts of some of them.

    Attributes:
        values: All live values, as text by name.
        reverts: At most one for each value, and one for each item of a value.
    """

    values: Mapping[str, str] = field(default_factory=dict)
    reverts: tuple[PendingRevert, ...] = ()

    def find(self, name: str, key: str | None = None) -> PendingRevert | None:
        """Return the pending revert of a value or an item, if there is one."""
        return next((r for r in self.reverts if (r.name, r.key) == (name, key)), None)

    def with_value(self, name: str, text: str | None, end: End | None) -> PolicyState:
        """Return the state after a change of one value.

        Args:
            name: The name of the value.
            text: The new value; None returns it to that of the environment.
            end: When the change ends; None for no end. Without one, all reverts of the
                value are removed.
        """
        others = [revert for revert in self.reverts if revert.name != name]
        values = _with(self.values, name, text)
        if end is None:
            return PolicyState(values, tuple(others))
        pending = self.find(name)
        before = pending.before if pending else self.values.get(name)
        others += [r for r in self.reverts if r.name == name and r.key is not None]
        if text != before:
            others.append(PendingRevert(name=name, text=text, before=before, end=end))
        return PolicyState(values, tuple(others)).normalized()

    def with_item(
        self, name: str, key: str, item: str | None, end: End | None, *, base: str
    ) -> PolicyState:
        """Return the state after a change of one item of a list.

        While the whole value has a pending revert, the change applies to the value
        that returns too.

        Args:
            name: The name of the list.
            key: The key of the item.
            item: The item; None removes it.
            end: When the change ends; None for no end.
            base: The value of the environment.
        """
        live = self.values.get(name)
        pending, whole = self.find(name, key), self.find(name)
        old = items.find(base if live is None else live, key)
        before = pending.before if pending else old
        # The base of the first change of an item, from which the others follow.
        bases = [r.base for r in self.reverts if r.name == name and r.base is not None]
        was_absent = live is None or (whole is not None and whole.before is None)
        new = items.replace(name, base if live is None else live, key, item)
        reverts = [r for r in self.reverts if r not in (pending, whole)]
        if whole:
            returning = base if whole.before is None else whole.before
            returning = items.replace(name, returning, key, item)
            reverts.append(replace(whole, text=new, before=returning))
        if end is not None and item != before:
            reverts.append(
                PendingRevert(
                    name=name,
                    key=key,
                    text=item,
                    before=before,
                    base=next(iter(bases), base if was_absent else None),
                    end=end,
                )
            )
        values = _with(self.values, name, new)
        return PolicyState(values, tuple(reverts)).normalized()

    def with_values_of(self, target: PolicyState, end: End | None) -> PolicyState:
        """Return the state after a rollback.

        Args:
            target: The state to restore. Without an end, its pending reverts are
                restored as well.
            end: When the rollback ends; None for no end.
        """
        if end is None:
            return target
        state = self
        for name in sorted({*self.values, *target.values}):
            text = target.values.get(name)
            if text != self.values.get(name):
                state = state.with_value(name, text, end)
        return state

    def ended(self, due: Collection[PendingRevert]) -> PolicyState:
        """Return the state after the end of some changes.

        Args:
            due: Their pending reverts. Those that are not pending are ignored.
        """
        state = self
        # Items first, because a whole value that returns can contain them.
        for revert in sorted(self.reverts, key=lambda revert: revert.key is None):
            if revert in due:
                state = state._ended_one(revert)
        return state.normalized()

    def _ended_one(self, revert: PendingRevert) -> PolicyState:
        name, live = revert.name, self.values.get(revert.name)
        # Another item of the same value can have changed the revert of the whole value.
        pending = self.find(name, revert.key) or revert
        others = [other for other in self.reverts if other != pending]
        if pending.key is None:
            return PolicyState(_with(self.values, name, pending.before), tuple(others))
        new = pending.restore_item(live)
        others = [
            replace(other, text=new, before=pending.restore_item(other.before))
            if (other.name, other.key) == (name, None)
            else other
            for other in others
        ]
        return PolicyState(_with(self.values, name, new), tuple(others))

    def due(self, now: datetime) -> list[PendingRevert]:
        """Return the pending reverts with an end at that time or before.

        Args:
            now: Time by the clock of Redis.
        """
        return [revert for revert in self.reverts if revert.end.until <= now]

    def normalized(self) -> PolicyState:
        """Return the state with the reverts that can change it, in a fixed order.

        An instance of an earlier release can set a value and keep its revert.
        """
        effective = [revert for revert in self.reverts if self._can_restore(revert)]
        order = sorted(effective, key=lambda r: (r.end.until, r.name, r.key or ""))
        return PolicyState(self.values, tuple(order))

    def _can_restore(self, revert: PendingRevert) -> bool:
        live = self.values.get(revert.name)
        if revert.key is None:
            return live == revert.text != revert.before
        whole = self.find(revert.name)
        layers = (live, whole.before if whole else None)
        return any(revert.restore_item(layer) != layer for layer in layers)


def number_list(versions: Iterable[int]) -> str:
    """Return numbers of versions as text, such as `versions 3 and 5`."""
    *first, last = sorted(set(versions))
    if not first:
        return f"version {last}"
    return f"versions {', '.join(map(str, first))} and {last}"


def _with(values: Mapping[str, str], name: str, text: str | None) -> dict[str, str]:
    """Return *values* with another one of them, which None removes."""
    others = {other: value for other, value in values.items() if other != name}
    return others if text is None else others | {name: text}
