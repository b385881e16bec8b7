"""`otp-engine inspect` and `forget`: one phone, for whoever was asked about it.

The number is read, and never written: what is shown is masked, and nothing is logged.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import click

from otp_engine.cli.saying import JSON, Command, fail, good, plan_on_redis
from otp_engine.config import Settings
from otp_engine.domain import phone
from otp_engine.domain.amendments import amended
from otp_engine.domain.inspection import Inspection, Inspector
from otp_engine.domain.limits import Use
from otp_engine.domain.phone import PhoneNumber
from otp_engine.domain.policy import Policy
from otp_engine.domain.policy_versions import PolicyVersions
from otp_engine.errors import InvalidPhone
from otp_engine.store.verifications import RedisStore

_NUMBER = click.argument("number", metavar="PHONE")


@dataclass(frozen=True, slots=True)
class _Desk:
    settings: Settings
    store: RedisStore
    policy: Policy

    @property
    def inspector(self) -> Inspector:
        return Inspector(
            self.store, self.store.counts, self.settings.peppers, self.policy
        )

    @property
    def spaces(self) -> list[str]:
        """The default service, and all others."""
        return ["", *(service.sid for service in self.store.services.all())]

    def number(self, text: str) -> PhoneNumber:
        """Read a number; `-` is on the standard input, which no history keeps."""
        typed = sys.stdin.readline().strip() if text == "-" else text
        try:
            return phone.read(typed, self.settings.region)
        except InvalidPhone as error:
            fail(error.message)


@click.command(cls=Command)
@_NUMBER
@JSON
def inspect(*, number: str, as_json: bool) -> None:
    """Show what waits for PHONE, and its limits.

    With - as PHONE, the number is read from the standard input.
    """
    desk = _begin()
    read = desk.number(number)
    found = desk.inspector.inspect(read, desk.spaces)
    if as_json:
        click.echo(json.dumps(_plain(read, found, desk.policy), indent=2))
        return
    click.echo(read.masked)
    for line in _lines(found, desk.policy):
        click.echo(f"  {line}")


@click.command(cls=Command)
@_NUMBER
def forget(*, number: str) -> None:
    """Forget PHONE: what waits, and what is counted.

    That is its code, its messages and its wrong guesses.

    What was counted by address, by country and altogether stays counted.
    With - as PHONE, the number is read from the standard input.
    """
    desk = _begin()
    read = desk.number(number)
    if not desk.inspector.forget(read, desk.spaces):
        fail(f"nothing is known of {read.masked}")
    good(f"{read.masked} is forgotten")


def _begin() -> _Desk:
    settings, store = plan_on_redis()
    versions = PolicyVersions(store.policy_versions, settings.peppers)
    return _Desk(settings, store, amended(settings.policy, versions.latest()))


def _lines(found: Inspection, policy: Policy) -> Sequence[str]:
    lines = []
    for space, waiting in found.waiting:
        left = max(0, policy.max_checks - waiting.guesses)
        lines.append(
            f"a code is waiting{_in(space)}:"
            f" {_said(waiting.expires_in)} and"
            f" {left} of {policy.max_checks} guesses left"
        )
    lines = lines or ["nothing is waiting"]
    return [*lines, *map(_line, found.uses)]


def _in(space: str) -> str:
    """Name the service of a verification, and whether it is bound."""
    service, plus, _ = space.partition("+")
    return (f" in {service}" if service else "") + (" (bound)" if plus else "")


def _line(use: Use) -> str:
    full = f", the next in {_said(use.frees_in)}" if use.frees_in else ""
    return f"{use.limit_name} {use.window}: {use.used} used{full}"


def _said(duration: timedelta) -> str:
    return str(timedelta(seconds=round(duration.total_seconds())))


def _plain(number: PhoneNumber, found: Inspection, policy: Policy) -> dict[str, Any]:
    return {
        "phone": number.masked,
        "waiting": [
            {
                "service": space.partition("+")[0] or None,
                "bound": "+" in space,
                "guesses_left": max(0, policy.max_checks - waiting.guesses),
                "expires_in": round(waiting.expires_in.total_seconds()),
            }
            for space, waiting in found.waiting
        ],
        "limits": [
            {
                "limit": use.limit_name,
                "window": str(use.window),
                "used": use.used,
                "frees_in": round(use.frees_in.total_seconds()),
            }
            for use in found.uses
        ],
    }
