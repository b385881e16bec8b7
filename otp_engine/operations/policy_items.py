"""Block and unblock one network, country, prefix, API key or channel."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial

from otp_engine.domain.limits import names
from otp_engine.domain.policy import items, summaries
from otp_engine.domain.policy.changes import BasePolicy
from otp_engine.domain.policy.reverts import End, PolicyState
from otp_engine.errors import InvalidChange
from otp_engine.operations.policy import Change


@dataclass(frozen=True, slots=True)
class Item:
    """An item of a value of the policy that is a list.

    Attributes:
        name: The name of the value.
        key: The key of the item.
        text: The item; None removes it.
    """

    name: str
    key: str
    text: str | None


def _switched_off(key: str) -> Item:
    return Item("sending", key, f"{key}=off")


@dataclass(frozen=True, slots=True)
class _Kind:
    """A kind of what can be blocked.

    Attributes:
        parse: Returns the canonical form of one; its `ValueError` follows the kind.
        item: Returns the item that blocks it.
    """

    parse: Callable[[str], str]
    item: Callable[[str], Item]


_KINDS = {
    "network": _Kind(
        names.NETWORK.parse, lambda network: Item("blocked_networks", network, network)
    ),
    "country": _Kind(names.COUNTRY.parse, _switched_off),
    "prefix": _Kind(names.PREFIX.parse, _switched_off),
    "channel": _Kind(
        names.CHANNEL.parse, lambda channel: _switched_off(f"channel:{channel}")
    ),
    "key": _Kind(names.KEY.parse, lambda key: _switched_off(f"key:{key}")),
}

KINDS = tuple(_KINDS)
"""The kinds of what can be blocked."""


def block(base: BasePolicy, kind: str, texts: Sequence[str]) -> Change:
    """Return the change that blocks networks, countries, prefixes, channels or keys.

    Args:
        base: The policy of the environment.
        kind: What they are, of `KINDS`.
        texts: Their names, as operators write them.

    Raises:
        InvalidChange: A name is invalid.
    """
    return set_items(base, parse(kind, texts))


def unblock(base: BasePolicy, kind: str, texts: Sequence[str]) -> Change:
    """Return the change that unblocks what `block` blocks.

    Args:
        base: The policy of the environment.
        kind: What they are, of `KINDS`.
        texts: Their names, as operators write them.

    Raises:
        InvalidChange: A name is invalid. The edit raises it for what is not blocked.
    """
    found = parse(kind, texts)

    def without(state: PolicyState, end: End | None) -> PolicyState:
        _require_all(base, found, state)
        removed = [replace(item, text=None) for item in found]
        return _with_items(base, removed, state, end)

    return Change(without)


@dataclass(frozen=True, slots=True)
class Block:
    """Something that is blocked.

    Attributes:
        kind: What it is, of `KINDS`.
        name: Its name.
        until: When the block ends; None for no end.
    """

    kind: str
    name: str
    until: datetime | None


def read_blocks(base: BasePolicy, state: PolicyState) -> list[Block]:
    """Return what the live policy blocks, of the kinds that `unblock` unblocks.

    Args:
        base: The policy of the environment.
        state: The live values.
    """
    blocks = []
    for name, kind_of in (("sending", _kind_of_switch), ("blocked_networks", None)):
        value = base.value(name, state)
        ends = {end.item: end.until for end in value.ends if end.item}
        for key, text in items.parse(value.text).items():
            kind, shown = kind_of(key, text) if kind_of else _network(key)
            if kind:
                blocks.append(Block(kind, shown, ends.get(text)))
    return blocks


def _kind_of_switch(key: str, text: str) -> tuple[str | None, str]:
    """Return the kind and the name of an item of `sending`, if it blocks one."""
    if not text.endswith("=off"):
        return None, key
    kind, colon, name = key.partition(":")
    if colon:
        return kind, name
    return ("prefix" if key.startswith("+") else "country"), key


def _network(key: str) -> tuple[str | None, str]:
    return (None, key) if key == "none" else ("network", key)


def set_items(
    base: BasePolicy, found: Sequence[Item], notes: Sequence[str] = ()
) -> Change:
    """Return the change that sets items of values.

    Args:
        base: The policy of the environment.
        found: The items.
        notes: Warnings of the change.
    """
    return Change(partial(_with_items, base, found), notes)


def _with_items(
    base: BasePolicy, found: Sequence[Item], state: PolicyState, end: End | None
) -> PolicyState:
    for name in dict.fromkeys(item.name for item in found):
        changes = {item.key: item.text for item in found if item.name == name}
        state = state.with_items(name, changes, end, base=base.text(name))
    return state


def _require_all(base: BasePolicy, found: Sequence[Item], state: PolicyState) -> None:
    pending = {(revert.name, revert.key) for revert in state.reverts}
    for name in dict.fromkeys(item.name for item in found):
        value = state.values.get(name, base.text(name))
        present = items.parse(value)
        missing = [
            item.key
            for item in found
            if item.name == name
            and present.get(item.key) != item.text
            and (name, item.key) not in pending
        ]
        if missing:
            shown = summaries.summary(value)
            raise InvalidChange(
                [f"{key} is not blocked: {name} is {shown}" for key in missing]
            )


def parse(kind: str, texts: Sequence[str]) -> list[Item]:
    """Return the items that block some names.

    Args:
        kind: What they are, of `KINDS`.
        texts: The names, as operators write them.

    Raises:
        InvalidChange: A name is invalid.
    """
    found, problems = [], []
    for text in texts:
        name = text.strip()
        try:
            found.append(_KINDS[kind].item(_KINDS[kind].parse(name)))
        except ValueError as problem:
            problems.append(f"{kind} {problem}")
    if problems:
        raise InvalidChange(problems)
    return found
