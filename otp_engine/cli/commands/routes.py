"""`otp-engine routes`: show the routes of messages, and explain one."""

from __future__ import annotations

import click

from otp_engine.cli.commands.options import RedisGroup, json_option


@click.group(cls=RedisGroup)
def routes() -> None:
    """Show the routes of messages, and explain one.

    A route has the channels and providers that a message tries, by destination.
    `otp-engine policy set routes` changes them.
    """


@routes.command()
@json_option
def show(*, as_json: bool) -> None:
    """Show the live routes, and the steps of numbers without one."""
    from otp_engine.cli import routes as work

    work.show(as_json=as_json)


@routes.command()
@click.argument("phone", metavar="[PHONE]", default="-")
@json_option
def explain(*, phone: str, as_json: bool) -> None:
    """Show what would happen to a message to PHONE.

    The steps are in order, with the price of a segment, the weight of the provider, why
    a step would be skipped, and the limits that are full. Nothing is sent or counted.
    Each worker has circuit breakers of its own, which are not shown.
    Without PHONE, or with -, the number is read from the standard input; a terminal
    shows a prompt. An argument is visible in the process list.
    """
    from otp_engine.cli import routes as work

    work.explain(phone, as_json=as_json)
