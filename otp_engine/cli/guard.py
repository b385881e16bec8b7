"""Exempt a place from the pumping guard, or close it."""

from __future__ import annotations

from dataclasses import replace

from otp_engine.cli import policy_changes, policy_context
from otp_engine.cli.policy_changes import ChangeOptions
from otp_engine.cli.terminal import success, warn
from otp_engine.operations import guard


def lift(text: str, options: ChangeOptions) -> None:
    """Exempt a prefix or country from the guard, which then starts again there.

    Args:
        text: The prefix or country.
        options: How to store the exemption; without an end, it ends after seven days.
    """
    with policy_changes.failing():
        guard.parse_place(text)
    context = policy_context.load()
    found = guard.lift(context, text)
    options = replace(options, until=options.until or guard.LIFTED_FOR)
    policy_changes.commit(context, options, found.change)
    if options.dry_run:
        return
    if deleted := guard.restart(context, found.place):
        places = "1 place" if deleted == 1 else f"{deleted} places"
        success(f"the guard starts again with {places} in {found.place}")
    else:
        warn(f"the guard had counted no message to {found.place}")


def close(text: str, options: ChangeOptions) -> None:
    """Send no messages to a prefix or country.

    Args:
        text: The prefix or country.
        options: How to store the change.
    """
    with policy_changes.failing():
        place = guard.parse_place(text)
    policy_changes.block(
        "prefix" if place.startswith("+") else "country", [place], options
    )
