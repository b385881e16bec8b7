"""`otp-engine policy`: show and change the policy while the service runs."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, time, timedelta
from functools import wraps
from typing import TYPE_CHECKING, Any

import click

from otp_engine.cli.commands.events import parse_time
from otp_engine.cli.commands.options import Integer, RedisGroup, json_option
from otp_engine.cli.commands.policy_values import NAME, Assignments, values_help
from otp_engine.domain.limits import durations

if TYPE_CHECKING:
    # The module imports the store.
    from otp_engine.cli.policy_changes import ChangeOptions

_MIN_DURATION = timedelta(seconds=1)
_MAX_DURATION = timedelta(days=366)


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
    if text is None:
        return None
    try:
        duration = durations.parse(text)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None
    if not _MIN_DURATION <= duration <= _MAX_DURATION:
        raise click.BadParameter(f"must be from 1s to {_MAX_DURATION.days}d: {text!r}")
    return duration


def _parse_end(
    _: click.Context, __: click.Parameter, text: str | None
) -> time | datetime | None:
    """Parse a time of day, or a time in ISO 8601; without an offset it is in UTC."""
    if text is None:
        return None
    for parse in (time.fromisoformat, datetime.fromisoformat):
        with suppress(ValueError):
            end: time | datetime = parse(text.strip())
            return end if end.tzinfo else end.replace(tzinfo=UTC)
    raise click.BadParameter(
        f"must be a time, such as 14:00 or 2026-11-22T22:30: {text!r}"
    )


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


@click.group(cls=RedisGroup)
def policy() -> None:
    """Show and change lifetimes and limits while the service runs.

    A change is live in every worker of every instance on the same Redis within two
    seconds. A value that was not changed comes from the environment.
    """


@policy.command()
@json_option
def show(*, as_json: bool) -> None:
    """Show the live version, and each value with its source."""
    from otp_engine.cli import policy as work

    work.show(as_json=as_json)


@policy.command(name="set", epilog=values_help())
@click.argument(
    "assignments",
    nargs=-1,
    required=True,
    cls=Assignments,
    metavar="NAME VALUE | NAME=VALUE...",
)
@change_options
def set_(*, assignments: dict[str, str], options: ChangeOptions) -> None:
    """Set one value, or several in one version.

    The command prints warnings, and does not wait for a confirmation.
    """
    from otp_engine.cli import policy_changes as work

    work.set_(assignments, options)


@policy.command(name="try")
@click.argument(
    "assignments",
    nargs=-1,
    required=True,
    cls=Assignments,
    metavar="NAME VALUE | NAME=VALUE...",
)
@click.option(
    "--since",
    callback=parse_time,
    default="7d",
    show_default=True,
    metavar="AGE|TIME",
    help="The first send: an age, such as 24h, or a time.",
)
@click.option("--until", callback=parse_time, metavar="AGE|TIME", help="The last send.")
@click.option(
    "-n",
    "--count",
    type=Integer(1),
    default=10,
    show_default=True,
    help="Rows of each table.",
)
@json_option
def try_(*, assignments: dict[str, str], **options: Any) -> None:  # noqa: ANN401 - as the options
    """Show which stored sends values would have refused.

    The command replays the stored events against the values, and changes nothing. It
    prints how many of those sends were approved afterwards, by country, prefix, block
    and address.
    """
    from otp_engine.cli import policy_replay as work

    work.try_(work.ReplayQuery(texts=assignments, **options))


@policy.command()
@click.argument("names", nargs=-1, required=True, type=NAME, metavar="NAME...")
@change_options
def unset(*, names: tuple[str, ...], options: ChangeOptions) -> None:
    """Return each NAME to its value in the environment."""
    from otp_engine.cli import policy_changes as work

    work.unset(names, options)


@policy.command()
@click.argument("version", type=Integer(0))
@change_options
def rollback(*, version: int, options: ChangeOptions) -> None:
    """Restore all values of VERSION.

    Version 0 is the environment, without any change.
    """
    from otp_engine.cli import policy_changes as work

    work.rollback(version, options)


@policy.command()
@click.option("-n", "--limit", type=Integer(1), help="Only the newest versions.")
@json_option
def history(*, limit: int | None, as_json: bool) -> None:
    """Show all versions with author and changes, newest first."""
    from otp_engine.cli import policy as work

    work.history(limit, as_json=as_json)
