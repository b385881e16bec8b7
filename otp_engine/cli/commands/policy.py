"""`otp-engine policy`: show and change the policy while the service runs."""

from __future__ import annotations

import click

from otp_engine.cli.commands.options import RedisGroup, json_option
from otp_engine.domain.policy.policy import PARSERS


def _parse_author(
    _: click.Context, __: click.Parameter, text: str | None
) -> str | None:
    from otp_engine.config import command_settings

    try:
        return None if text is None else command_settings.operator_name(text.strip())
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


_NAME = click.argument("name", type=click.Choice(sorted(PARSERS)), metavar="NAME")
_REASON = click.option("--reason", help="The reason, for the history.")
_BY = click.option(
    "--by",
    metavar="NAME",
    callback=_parse_author,
    help="The operator, for the history.  [default: OTP_OPERATOR, or user@machine]",
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
    """Show each value and its source."""
    from otp_engine.cli import policy as work

    work.show(as_json=as_json)


@policy.command(name="set")
@_NAME
@click.argument("value")
@_REASON
@_BY
def set_(*, name: str, value: str, reason: str | None, by: str | None) -> None:
    """Set NAME to VALUE, for example: policy set sends_per_ip "5/10m"."""
    from otp_engine.cli import policy as work

    work.set_(name, value, work.ChangeOptions(reason=reason, by=by))


@policy.command()
@_NAME
@_REASON
@_BY
def unset(*, name: str, reason: str | None, by: str | None) -> None:
    """Return NAME to its value in the environment."""
    from otp_engine.cli import policy as work

    work.unset(name, work.ChangeOptions(reason=reason, by=by))


@policy.command()
@click.argument("version", type=click.IntRange(0))
@_REASON
@_BY
def rollback(*, version: int, reason: str | None, by: str | None) -> None:
    """Restore all values of VERSION.

    Version 0 is the environment, without any change.
    """
    from otp_engine.cli import policy as work

    work.rollback(version, work.ChangeOptions(reason=reason, by=by))


@policy.command()
@json_option
def history(*, as_json: bool) -> None:
    """Show all versions with author and change, newest first."""
    from otp_engine.cli import policy as work

    work.history(as_json=as_json)
