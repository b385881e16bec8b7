"""`otp-engine policy`: show and change the policy while the service runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from otp_engine.cli.commands.change_options import change_options
from otp_engine.cli.commands.events import parse_time
from otp_engine.cli.commands.options import Integer, RedisGroup, json_option
from otp_engine.cli.commands.policy_block import block, unblock
from otp_engine.cli.commands.policy_values import NAME, Assignments, values_help

if TYPE_CHECKING:
    # The module imports the store.
    from otp_engine.cli.policy_changes import ChangeOptions


@click.group(cls=RedisGroup)
def policy() -> None:
    """Show and change lifetimes and limits while the service runs.

    A change is live in every worker of every instance on the same Redis within two
    seconds. A value that was not changed comes from the environment.
    """


policy.add_command(block)
policy.add_command(unblock)


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
