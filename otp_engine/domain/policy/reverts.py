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

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
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

    def with_items(
        self,
        name: str,
        changes: Mapping[str, str | None],
        end: End | None,
        *,
        base: str,
    ) -> PolicyState:
        """Return the state after a change of some items of a list.

        While the whole value has a pending revert, the change applies to the value
        that returns too.

        Args:
            name: The name of the list.
            changes: The new items by their keys; None removes one.
            end: When the change ends; None for no end.
            base: The value of the environment.
        """
        live, whole = self.values.get(name), self.find(name)
        new = items.replace(name, base if live is None else live, changes)
        pending = {
            revert.key: revert
            for revert in self.reverts
            if revert.name == name and revert.key is not None
        }
        reverts = [
            revert
            for revert in self.reverts
            if revert != whole and (revert.name != name or revert.key not in changes)
        ]
        if whole:
            returning = base if whole.before is None else whole.before
            returning = items.replace(name, returning, changes)
            reverts.append(replace(whole, text=new, before=returning))
        if end is not None:
            was_absent = live is None or (whole is not None and whole.before is None)
            # The base of the first change of an item, from which the others follow.
            bases = (revert.base for revert in pending.values() if revert.base)
            first_base = next(bases, base if was_absent else None)
            old = items.parse(base if live is None else live)
            for key, item in changes.items():
                before = pending[key].before if key in pending else old.get(key)
                revert = PendingRevert(
                    name=name,
                    key=key,
                    text=item,
                    before=before,
                    base=first_base,
                    end=end,
                )
                reverts.append(revert)
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
        ending = frozenset(due).intersection(self.reverts)
        state = self
        for name in {revert.name for revert in ending}:
            of_value = [revert for revert in ending if revert.name == name]
            state = state._ended_value(name, of_value)
        return state.normalized()

    def _ended_value(self, name: str, due: Sequence[PendingRevert]) -> PolicyState:
        """End the changes of one value: first its items, which can return with it."""
        live, whole = self.values.get(name), self.find(name)
        of_items = [revert for revert in due if revert.key is not None]
        ended = {*of_items, whole}
        reverts = [revert for revert in self.reverts if revert not in ended]
        bases = {revert.base for revert in of_items}
        if any(revert.name == name for revert in reverts):
            # Another item can return, and the value of the environment lacks it.
            bases = set()
        live = _restore_items(live, of_items, bases)
        before = _restore_items(whole.before, of_items, bases) if whole else None
        if whole in due:
            live = before
        elif whole:
            reverts.append(replace(whole, text=live, before=before))
        return PolicyState(_with(self.values, name, live), tuple(reverts))

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
        by_name: dict[str, list[PendingRevert]] = defaultdict(list)
        for revert in self.reverts:
            by_name[revert.name].append(revert)
        effective = [
            revert
            for name, reverts in by_name.items()
            for revert in self._effective(name, reverts)
        ]
        order = sorted(effective, key=lambda r: (r.end.until, r.name, r.key or ""))
        return PolicyState(self.values, tuple(order))

    def _effective(
        self, name: str, reverts: Sequence[PendingRevert]
    ) -> Iterator[PendingRevert]:
        """Yield the reverts of one value that can change it."""
        live = self.values.get(name)
        layers = [live, *(revert.before for revert in reverts if revert.key is None)]
        parsed = [items.parse(layer) for layer in layers if layer is not None]
        for revert in reverts:
            if revert.text == revert.before:
                continue
            if revert.key is None:
                is_effective = live == revert.text
            else:
                is_effective = any(
                    layer.get(revert.key) == revert.text for layer in parsed
                )
            if is_effective:
                yield revert


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


def _restore_items(
    value: str | None, due: Sequence[PendingRevert], bases: Collection[str | None]
) -> str | None:
    """Return a value in which some items are as they were before their changes.

    Args:
        value: The value; None for that of the environment, which stays.
        due: The reverts of the items. An item that is another one now stays.
        bases: Texts that become the value of the environment.
    """
    if value is None or not due:
        return value
    present = items.parse(value)
    changes = {
        revert.key: revert.before
        for revert in due
        if revert.key is not None and present.get(revert.key) == revert.text
    }
    restored = items.replace(due[0].name, value, changes)
    return None if restored in bases else restored
