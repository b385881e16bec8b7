"""`otp-engine policy`: show and change the policy while the service runs."""

from __future__ import annotations

from typing import Any

import click

from otp_engine.cli.commands.options import Integer, RedisGroup, json_option
from otp_engine.cli.commands.policy_values import NAME, Assignments, values_help


def _parse_author(
    _: click.Context, __: click.Parameter, text: str | None
) -> str | None:
    from otp_engine.config import command_settings

    try:
        return None if text is None else command_settings.operator_name(text.strip())
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


_REASON = click.option("--reason", help="The reason, for the history.")
_BY = click.option(
    "--by",
    metavar="NAME",
    callback=_parse_author,
    help="The operator, for the history.  [default: OTP_OPERATOR, or user@machine]",
)
_DRY_RUN = click.option(
    "--dry-run", is_flag=True, help="Print the change and its warnings, store nothing."
)


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
@_REASON
@_BY
@_DRY_RUN
def set_(*, assignments: dict[str, str], **options: Any) -> None:  # noqa: ANN401 - as the options
    """Set one value, or several in one version.

    The command prints warnings, and does not wait for a confirmation.
    """
    from otp_engine.cli import policy_changes as work

    work.set_(assignments, work.ChangeOptions(**options))


@policy.command()
@click.argument("names", nargs=-1, required=True, type=NAME, metavar="NAME...")
@_REASON
@_BY
@_DRY_RUN
def unset(*, names: tuple[str, ...], **options: Any) -> None:  # noqa: ANN401 - as above
    """Return each NAME to its value in the environment."""
    from otp_engine.cli import policy_changes as work

    work.unset(names, work.ChangeOptions(**options))


@policy.command()
@click.argument("version", type=Integer(0))
@_REASON
@_BY
@_DRY_RUN
def rollback(*, version: int, **options: Any) -> None:  # noqa: ANN401 - as above
    """Restore all values of VERSION.

    Version 0 is the environment, without any change.
    """
    from otp_engine.cli import policy_changes as work

    work.rollback(version, work.ChangeOptions(**options))


@policy.command()
@click.option("-n", "--limit", type=Integer(1), help="Only the newest versions.")
@json_option
def history(*, limit: int | None, as_json: bool) -> None:
    """Show all versions with author and changes, newest first."""
    from otp_engine.cli import policy as work

    work.history(limit, as_json=as_json)
