"""Show the prices in force."""

from __future__ import annotations

import json
from collections.abc import Sequence

import click

from otp_engine.cli.common import load_prices
from otp_engine.cli.terminal import fail, table, warn
from otp_engine.domain.models import Channel
from otp_engine.domain.money import amounts
from otp_engine.domain.money.prices import Prices
from otp_engine.domain.phones import countries as country_codes


def prices(countries: Sequence[str], *, as_json: bool) -> None:
    """Print prices by country and channel.

    Args:
        countries: The codes of the countries; without one, all prices are printed.
        as_json: Whether to print JSON.
    """
    found = load_prices()
    try:
        codes = [country_codes.parse_counted(code) for code in countries]
    except ValueError as error:
        fail(f"COUNTRY {error}")
    rows = _rows(found, codes)
    if as_json:
        click.echo(json.dumps(_to_dict(found, rows), indent=2))
        return
    as_of = f" of {found.as_of}" if found.as_of else ""
    click.echo(f"Prices in {found.currency}{as_of}: {found.source}")
    cells = [
        (country, channel, amounts.format_amount(price))
        for country, channel, price in rows
    ]
    click.echo("\n".join(["", *table(("COUNTRY", "CHANNEL", "PRICE"), cells)]))
    for country in found.missing(codes, Channel.SMS):
        warn(f"{country} has no price of its own, so it has the highest price")


def _rows(prices: Prices, codes: Sequence[str]) -> list[tuple[str, str, int]]:
    """Return the prices of the countries, or all, with their country and channel."""
    if not codes:
        return [(*key, price) for key, price in sorted(prices.by_country.items())]
    channels = sorted({Channel.SMS.value} | {name for _, name in prices.by_country})
    return [
        (country, channel, prices.price(country, channel))
        for country in codes
        for channel in channels
        if channel == Channel.SMS or (country, channel) in prices.by_country
    ]


def _to_dict(prices: Prices, rows: Sequence[tuple[str, str, int]]) -> dict[str, object]:
    return {
        "currency": prices.currency,
        "source": prices.source,
        "as_of": prices.as_of and prices.as_of.isoformat(),
        "prices": [
            {
                "country": country,
                "channel": channel,
                "price": amounts.format_amount(price),
            }
            for country, channel, price in rows
        ],
    }
