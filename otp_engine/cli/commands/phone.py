"""`otp-engine inspect` and `forget`: show or delete the data of one phone or e-mail."""

from __future__ import annotations

import click

from otp_engine.cli.commands.options import RedisCommand, json_option

_ADDRESS = click.argument("address", metavar="[PHONE|EMAIL]", default="-")


@click.command(cls=RedisCommand)
@_ADDRESS
@json_option
def inspect(*, address: str, as_json: bool) -> None:
    """Show the verifications, limits and events of PHONE or EMAIL.

    Without an address, or with -, it is read from the standard input; a terminal shows
    a prompt. An argument is visible in the process list.
    """
    from otp_engine.cli import phone as work

    work.inspect(address, as_json=as_json)


@click.command(cls=RedisCommand)
@_ADDRESS
def forget(*, address: str) -> None:
    """Delete the data and verifications of PHONE or EMAIL.

    The data is the sends, their delivery statuses and due fallbacks, the failed checks,
    the provider rejections and the channels that do not reach it. The counts by IP
    address, by country and in total stay.
    Without an address, or with -, it is read from the standard input.
    """
    from otp_engine.cli import phone as work

    work.forget(address)
