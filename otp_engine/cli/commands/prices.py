"""`otp-engine prices`: show the prices in force."""

from __future__ import annotations

import click

from otp_engine.cli.commands.options import json_option


@click.command()
@click.argument("countries", nargs=-1, metavar="[COUNTRY]...")
@json_option
def prices(*, countries: tuple[str, ...], as_json: bool) -> None:
    """Show what a segment of a message costs, by country and channel.

    The prices are those of OTP_PRICES, or the built-in ones. A COUNTRY is an ISO 3166
    code, or 001 for networks of no country; without one, all prices are shown.
    """
    from otp_engine.cli import prices as work

    work.prices(countries, as_json=as_json)
