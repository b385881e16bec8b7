"""Options of the commands that change the policy."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, time, timedelta
from functools import wraps
from typing import Any

import click

from otp_engine.domain.policy import end_times


def _parse_author(
    _: click.Context, __: click.Parameter, text: str | None
) -> str | None:
    from otp_engine.config import command_settings

    try:
        return None if text is None else command_settings.operator_name(text.strip())
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


def _parse_duration(
    _: click.Context, __: click.Parameter, text: str | None
) -> timedelta | None:
    try:
        return None if text is None else end_times.parse_duration(text)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


def _parse_end(
    _: click.Context, __: click.Parameter, text: str | None
) -> time | datetime | None:
    try:
        return None if text is None else end_times.parse_time(text)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


_REASON = click.option("--reason", help="The reason, for the history.")
_BY = click.option(
    "--by",
    metavar="NAME",
    callback=_parse_author,
    help="The operator, for the history.  [default: OTP_OPERATOR, or user@machine]",
)
_FOR = click.option(
    "--for",
    "duration",
    metavar="DURATION",
    callback=_parse_duration,
    help="End the change after a duration, such as 2h.",
)
_UNTIL = click.option(
    "--until",
    metavar="TIME",
    callback=_parse_end,
    help="End it at a time: 14:00 (UTC), or 2026-11-22T22:30.",
)
_DRY_RUN = click.option(
    "--dry-run", is_flag=True, help="Print the change and its warnings, store nothing."
)


def change_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options of every change to *command*, as `ChangeOptions` has them."""

    @_REASON
    @_BY
    @_FOR
    @_UNTIL
    @_DRY_RUN
    @wraps(command)
    def with_options(
        *,
        reason: str | None,
        by: str | None,
        dry_run: bool,
        duration: timedelta | None,
        until: time | datetime | None,
        **arguments: Any,  # noqa: ANN401 - those of the command
    ) -> None:
        from otp_engine.cli.policy_changes import ChangeOptions

        if duration and until:
            raise click.UsageError("--for and --until exclude each other")
        options = ChangeOptions(reason, by, dry_run, duration or until)
        command(**arguments, options=options)

    return with_options
