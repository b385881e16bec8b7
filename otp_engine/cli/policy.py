"""`otp-engine policy`: what operators tune while the service runs."""

from __future__ import annotations

import getpass
import json
import socket
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import click

from otp_engine.cli.saying import (
    JSON,
    Group,
    fail,
    good,
    plan_on_redis,
    printable,
    warn,
)
from otp_engine.config import Settings, doubts
from otp_engine.domain import guessing
from otp_engine.domain.amendments import Amendment, amended
from otp_engine.domain.events import PolicyChanged
from otp_engine.domain.policy import READERS, Policy, write
from otp_engine.domain.policy_versions import PolicyVersions
from otp_engine.store.events import RedisEventStore

_TRIES = 20
_ALL = 1_000

_NAME = click.argument("name", type=click.Choice(sorted(READERS)), metavar="NAME")
_REASON = click.option("--reason", help="Why, for whoever reads the history.")


@dataclass(frozen=True, slots=True)
class _Desk:
    """What each of the commands works with."""

    settings: Settings
    amendments: PolicyVersions
    events: RedisEventStore


@click.group(cls=Group)
@click.pass_context
def policy(context: click.Context) -> None:
    """Tune the service while it runs.

    See and change its lifetimes and limits.

    Every worker of every instance on the same Redis goes by a change within two
    seconds. What is not live is as the environment says.
    """
    settings, store = plan_on_redis()
    versions = PolicyVersions(store.policy_versions, settings.peppers)
    context.obj = _Desk(settings, versions, store.events)
    for doubt in versions.doubts():
        warn(doubt)


@policy.command()
@JSON
@click.pass_obj
def show(desk: _Desk, *, as_json: bool) -> None:
    """Show each value, and where it comes from."""
    history = desk.amendments.history(_ALL)
    now = amended(desk.settings.policy, history[0] if history else None)
    rows = [(name, write(getattr(now, name))) for name in READERS]
    if as_json:
        said = {
            name: {"value": value, "from": _source(desk, name, history)}
            for name, value in rows
        }
        click.echo(json.dumps(said, indent=2))
        return
    wide = [max(len(row[n]) for row in rows) for n in (0, 1)]
    for name, value in rows:
        source = printable(_source(desk, name, history))
        click.echo(f"{name:{wide[0]}}  {value:{wide[1]}}  {source}")
    good(f"a code can be guessed with a chance of {guessing.chance(now)} at most")
    for doubt in doubts.of_policy(now, desk.settings):
        warn(doubt)


@policy.command(name="set")
@_NAME
@click.argument("value")
@_REASON
@click.pass_obj
def set_(desk: _Desk, name: str, value: str, *, reason: str | None) -> None:
    """Make VALUE live, for example: policy set sends_per_ip "5/10m"."""
    try:
        text = write(READERS[name](value))
    except ValueError as problem:
        fail(f"{name} {problem}")
    _amend(desk, reason, lambda live: {**live, name: text})


@policy.command()
@_NAME
@_REASON
@click.pass_obj
def unset(desk: _Desk, name: str, *, reason: str | None) -> None:
    """Go back to what the environment says."""

    def without(live: Mapping[str, str]) -> dict[str, str]:
        if name not in live:
            fail(f"{name} is not live; it is as the environment says")
        return {other: text for other, text in live.items() if other != name}

    _amend(desk, reason, without)


@policy.command()
@click.argument("version", type=click.IntRange(0))
@_REASON
@click.pass_obj
def rollback(desk: _Desk, version: int, *, reason: str | None) -> None:
    """Make every value what it was in VERSION, or with 0 unset all."""
    known = {change.version: change for change in desk.amendments.history(_ALL)}
    if version and version not in known:
        fail(f"there is no version {version}: see `otp-engine policy history`")
    values = known[version].values if version else {}
    _amend(desk, reason or f"back to version {version}", lambda _: values)


@policy.command()
@JSON
@click.pass_obj
def history(desk: _Desk, *, as_json: bool) -> None:
    """Show every change, newest first: when, who, what and why."""
    changes = desk.amendments.history(_ALL)
    if as_json:
        click.echo(json.dumps(list(map(_plain, changes)), indent=2))
        return
    before = [*(change.values for change in changes[1:]), {}]
    # With no change there is one too many.
    for change, old in zip(changes, before, strict=False):
        why = f"  # {change.reason}" if change.reason else ""
        what = "; ".join(_difference(old, change.values)) or "nothing"
        when = f"{change.at:%Y-%m-%d %H:%M:%SZ}"
        line = f"{change.version}  {when}  {change.who}  {what}{why}"
        click.echo(printable(line))


def _amend(
    desk: _Desk,
    reason: str | None,
    change: Callable[[Mapping[str, str]], Mapping[str, str]],
) -> None:
    """Make a change live, beginning again when another operator was faster."""
    for _ in range(_TRIES):
        latest = desk.amendments.latest()
        old = latest.values if latest else {}
        version, at = desk.amendments.following(datetime.now(UTC))
        new = Amendment(
            version=version,
            at=at,
            who=f"{getpass.getuser()}@{socket.gethostname()}",
            reason=reason,
            values=change(old),
        )
        policies = [amended(desk.settings.policy, one) for one in (latest, new)]
        difference = _difference(old, new.values)
        if not difference:
            good("nothing changes: it is so already")
            return
        if desk.amendments.add(new):
            _warn_of_change(desk, *policies)
            _tell(desk.events, new, difference)
            for line in difference:
                good(line)
            good(f"version {new.version} is live within two seconds")
            return
    fail("others change the policy all the time; try again")


def _warn_of_change(desk: _Desk, old: Policy, new: Policy) -> None:
    """Warn of what is unwise in *new* and was not in *old*; show a changed chance."""
    before = doubts.of_policy(old, desk.settings)
    for doubt in doubts.of_policy(new, desk.settings):
        if doubt not in before:
            warn(doubt)
    if guessing.chance(new) != guessing.chance(old):
        good(f"a code can be guessed with a chance of {guessing.chance(new)} at most")


def _tell(
    events: RedisEventStore, change: Amendment, difference: Sequence[str]
) -> None:
    events.add(
        PolicyChanged(
            version=change.version,
            who=change.who,
            change="; ".join(difference),
            reason=change.reason,
        )
    )
    events.flush()


def _difference(old: Mapping[str, str], new: Mapping[str, str]) -> list[str]:
    names = [name for name in READERS if old.get(name) != new.get(name)]
    return [f"{name} = {new.get(name, 'as the environment says')}" for name in names]


def _source(desk: _Desk, name: str, history: Sequence[Amendment]) -> str:
    if not history or name not in history[0].values:
        chosen = name in desk.settings.chosen
        return f"environment (OTP_{name.upper()})" if chosen else "default"
    value = history[0].values[name]
    since = history[0]
    for change in history:
        if change.values.get(name) != value:
            break
        since = change
    why = f": {since.reason}" if since.reason else ""
    return f"live, by {since.who} at {since.at:%Y-%m-%d %H:%M:%SZ}{why}"


def _plain(change: Amendment) -> dict[str, Any]:
    return {
        "version": change.version,
        "at": change.at.isoformat(),
        "who": change.who,
        "reason": change.reason,
        "values": dict(change.values),
    }
