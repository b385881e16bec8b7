"""`otp-engine inspect` and `forget`: show or delete the data of one phone."""

from __future__ import annotations

import click

from otp_engine.cli.commands.options import RedisCommand, json_option

_NUMBER = click.argument("number", metavar="[PHONE]", default="-")


@click.command(cls=RedisCommand)
@_NUMBER
@json_option
def inspect(*, number: str, as_json: bool) -> None:
    """Show the verifications, limits and recent events of PHONE.

    Without PHONE, or with -, the number is read from the standard input; a terminal
    shows a prompt. An argument is visible in the process list.
    """
    from otp_engine.cli import phone as work

    work.inspect(number, as_json=as_json)


@click.command(cls=RedisCommand)
@_NUMBER
def forget(*, number: str) -> None:
    """Delete the data of PHONE and its pending verifications.

    The data is the sends, the failed checks and the provider rejections. The counts by
    IP address, by country and in total stay.
    Without PHONE, or with -, the number is read from the standard input.
    """
    from otp_engine.cli import phone as work

    work.forget(number)
