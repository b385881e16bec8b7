"""`otp-engine guard`: show the pumping guard, exempt a place, or close it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from otp_engine.cli.commands.change_options import change_options
from otp_engine.cli.commands.events import parse_countries
from otp_engine.cli.commands.options import Integer, RedisGroup, json_option

if TYPE_CHECKING:
    # The module imports the store.
    from otp_engine.cli.policy_changes import ChangeOptions

_PLACE = click.argument("place", metavar="PREFIX|COUNTRY")


@click.group(cls=RedisGroup)
def guard() -> None:
    """Show the pumping guard, exempt a place, or close it.

    The guard counts messages of which no code was entered, by place: each block of
    10,000 numbers, each network and each country.
    """


@guard.command()
@click.option(
    "-n",
    "--count",
    type=Integer(1),
    default=20,
    show_default=True,
    help="Only so many places.",
)
@click.option(
    "--country",
    "countries",
    multiple=True,
    callback=parse_countries,
    metavar="COUNTRY",
    help="Only places of a country; can be repeated.",
)
@json_option
def show(*, count: int, countries: tuple[str, ...], as_json: bool) -> None:
    """Show the worst places, and what the guard has refused."""
    from otp_engine.cli import guard_places as work

    work.show(count, countries, as_json=as_json)


@guard.command()
@_PLACE
@change_options
def lift(*, place: str, options: ChangeOptions) -> None:
    """Exempt PREFIX or COUNTRY, and end its suspension.

    The exemption ends after 7 days, or as --for or --until states. The guard starts
    again with the place and all places in it.
    """
    from otp_engine.cli import guard as work

    work.lift(place, options)


@guard.command()
@_PLACE
@change_options
def close(*, place: str, options: ChangeOptions) -> None:
    """Send no messages to PREFIX or COUNTRY.

    This is `policy block`: `policy unblock` and `policy rollback` undo it.
    """
    from otp_engine.cli import guard as work

    work.close(place, options)
