"""Block and unblock one network, country, prefix, API key or channel."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

from otp_engine.cli import policy_changes, policy_context
from otp_engine.cli.policy_changes import ChangeOptions
from otp_engine.cli.terminal import fail, success
from otp_engine.domain.limits import names
from otp_engine.domain.policy import items, summaries
from otp_engine.domain.policy.reverts import End, PolicyState
from otp_engine.operations.context import OperatorContext


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


def block(kind: str, texts: Sequence[str], options: ChangeOptions) -> None:
    """Block some networks, countries, prefixes, channels or API keys in one version.

    Args:
        kind: What they are.
        texts: Their names, as operators write them.
        options: How to store the change.
    """
    found = _parse(kind, texts)
    context = policy_context.load()
    set_items(context, found, options)
    if not options.dry_run and options.until is None:
        success(f"`otp-engine policy unblock {kind} {' '.join(texts)}` undoes it")


def unblock(kind: str, texts: Sequence[str], options: ChangeOptions) -> None:
    """Unblock what `block` blocks.

    Args:
        kind: What they are.
        texts: Their names, as operators write them.
        options: How to store the change.
    """
    found = _parse(kind, texts)
    context = policy_context.load()

    def without(state: PolicyState, end: End | None) -> PolicyState:
        _fail_if_missing(context, found, state)
        removed = [replace(item, text=None) for item in found]
        return _with_items(context, removed, state, end)

    policy_changes.commit(context, options, without)


def set_items(
    context: OperatorContext, found: Sequence[Item], options: ChangeOptions
) -> None:
    """Set items of values in one version.

    Args:
        context: The settings and the stores.
        found: The items.
        options: How to store the change.
    """
    policy_changes.commit(context, options, partial(_with_items, context, found))


def _with_items(
    context: OperatorContext, found: Sequence[Item], state: PolicyState, end: End | None
) -> PolicyState:
    for name in dict.fromkeys(item.name for item in found):
        changes = {item.key: item.text for item in found if item.name == name}
        base = context.base.text(name)
        state = state.with_items(name, changes, end, base=base)
    return state


def _fail_if_missing(
    context: OperatorContext, found: Sequence[Item], state: PolicyState
) -> None:
    pending = {(revert.name, revert.key) for revert in state.reverts}
    for name in dict.fromkeys(item.name for item in found):
        value = state.values.get(name, context.base.text(name))
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
            fail(*(f"{key} is not blocked: {name} is {shown}" for key in missing))


def _parse(kind: str, texts: Sequence[str]) -> list[Item]:
    """Return the items of some names; a name that is not valid ends the process."""
    found, problems = [], []
    for text in texts:
        name = text.strip()
        try:
            found.append(_KINDS[kind].item(_KINDS[kind].parse(name)))
        except ValueError as problem:
            problems.append(f"{kind} {problem}")
    if problems:
        fail(*problems)
    return found
