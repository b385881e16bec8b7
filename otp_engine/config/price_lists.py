"""Price lists: the files of `OTP_PRICES`.

| format | columns or fields |
|---|---|
| plain | `country,channel,price`, and `currency` if the file has it |
| Twilio, messages | `ISO,Country,Description,Price / msg`: a row for each network |
| Twilio, calls | `ISO,Country,Description,Price / min`: a row for each prefix |
| Twilio, Pricing API | the JSON of one country, or a list of them |

The highest of several prices of a country counts. Twilio has no ISO code for networks
of no country.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from functools import lru_cache
from importlib import resources
from pathlib import Path
from typing import Any, TypeAlias

from otp_engine.domain.money import amounts
from otp_engine.domain.money.prices import Prices
from otp_engine.domain.phones import numbers

DEFAULT_CURRENCY = "USD"
_DEFAULT_LIST = resources.files("otp_engine.config") / "default_prices.csv"
# 54 of its prices are those of Twilio's list of that day; the other ones are of the
# same public copy of the list.
_DEFAULT_AS_OF = date(2026, 10, 8)
_DEFAULT_SOURCE = "the built-in list prices of Twilio"

_MAX_BYTES = 64 * 1024 * 1024
_MAX_PRICE = 1_000 * amounts.MICRO
_MAX_PROBLEMS = 10
_TWILIO_CHANNELS = {"price / msg": "sms", "price / min": "call"}
# Twilio's name of the channel `call`.
_OTHER_CHANNELS = {"voice": "call"}
_COUNTRY = re.compile(r"[A-Z]{2}|001", re.ASCII)
_CHANNEL = re.compile(r"[a-z][a-z0-9_-]{0,31}", re.ASCII)
# Twilio's code of Kosovo, and the one of libphonenumber.
_OTHER_CODES = {"": numbers.GLOBAL_NETWORK, "QK": "XK"}

_Row: TypeAlias = tuple[str, str, str, str, str]
"""The place of a row; its country, channel, price and currency, which can be empty."""


def default() -> Prices:
    """Return the built-in prices."""
    text = _DEFAULT_LIST.read_text()
    table, currency = _table(_csv_rows(text), DEFAULT_CURRENCY)
    return Prices(
        currency=currency,
        by_country=table,
        source=_DEFAULT_SOURCE,
        as_of=_DEFAULT_AS_OF,
    )


def is_default(prices: Prices) -> bool:
    """Return whether *prices* are the built-in ones."""
    return prices.source == _DEFAULT_SOURCE


def reader(currency: str) -> Callable[[str], Prices]:
    """Return a parser of the paths of price lists, separated by commas.

    Args:
        currency: The currency of lists that do not state theirs, and of all others.

    Returns:
        A parser that returns all prices. Its `ValueError` has every problem.
    """

    def parse(text: str) -> Prices:
        paths = [Path(part.strip()) for part in text.split(",") if part.strip()]
        table: dict[tuple[str, str], int] = {}
        days = []
        for path in paths:
            content = _read(path)
            try:
                found, list_currency = _table(_rows(content), currency)
            except ValueError as error:
                raise ValueError(f"{path}: {error}") from None
            if list_currency != currency:
                raise ValueError(
                    f"{path}: the prices are in {list_currency}, and OTP_CURRENCY is"
                    f" {currency}"
                )
            for key, price in found.items():
                table[key] = max(price, table.get(key, 0))
            changed = datetime.fromtimestamp(path.stat().st_mtime, tz=UTC)
            days.append(changed.date())
        source = ", ".join(map(str, paths))
        return Prices(
            currency=currency, by_country=table, source=source, as_of=min(days)
        )

    return parse


def _read(path: Path) -> str:
    try:
        size = path.stat().st_size
        content = path.read_bytes() if size <= _MAX_BYTES else b""
    except OSError as error:
        raise ValueError(f"{path}: cannot be read: {error.strerror}") from None
    if size > _MAX_BYTES:
        raise ValueError(f"{path}: has more than {_MAX_BYTES} bytes")
    # Names of networks are in several encodings, and are not used.
    return content.decode("utf-8-sig", errors="replace")


def _rows(text: str) -> Iterator[_Row]:
    """Return the rows of a list in any of the formats."""
    return _json_rows(text) if text.lstrip()[:1] in {"[", "{"} else _csv_rows(text)


def _csv_rows(text: str) -> Iterator[_Row]:
    lines = csv.reader(io.StringIO(text))
    try:
        columns, channel = _columns([name.strip().lower() for name in next(lines, [])])
        for row in lines:
            if not any(row):
                continue
            cells = [row[i] if i < len(row) else "" for i in columns]
            country, price, *others = map(str.strip, cells)
            yield (
                f"line {lines.line_num}",
                # In a plain list, an empty code is an error.
                _OTHER_CODES.get(country, country.upper()) if channel else country,
                channel or others[0],
                price,
                others[1] if others[1:] else "",
            )
    except csv.Error as error:
        raise ValueError(f"line {lines.line_num}: {error}") from None


def _columns(header: Sequence[str]) -> tuple[list[int], str]:
    """Return the numbers of the columns that are read, and the channel of all rows.

    The columns are country and price; in a plain list, which has no channel of all
    rows, then channel, and currency if it has one.
    """
    if {"country", "channel", "price"} <= set(header):
        names = ["country", "price", "channel"]
        names += ["currency"] if "currency" in header else []
        return [header.index(name) for name in names], ""
    for price, channel in _TWILIO_CHANNELS.items():
        if {"iso", price} <= set(header):
            return [header.index("iso"), header.index(price)], channel
    raise ValueError(
        "must have the columns country, channel and price, or those of Twilio's lists,"
        " ISO and Price / msg or Price / min"
    )


def _json_rows(text: str) -> Iterator[_Row]:
    try:
        content = json.loads(text)
        countries = content if isinstance(content, list) else [content]
        for country in countries:
            yield from _country_rows(country)
    except (AttributeError, KeyError, TypeError, ValueError):
        raise ValueError("is not the JSON of Twilio's Pricing API") from None


def _country_rows(country: Mapping[str, Any]) -> Iterator[_Row]:
    code = country["iso_country"].upper()
    code, currency = _OTHER_CODES.get(code, code), country["price_unit"]
    for network in country.get("outbound_sms_prices", ()):
        for price in network["prices"]:
            yield code, code, "sms", str(price["current_price"]), currency
    for prefix in country.get("outbound_prefix_prices", ()):
        yield code, code, "call", str(prefix["current_price"]), currency


def _table(
    rows: Iterator[_Row], currency: str
) -> tuple[dict[tuple[str, str], int], str]:
    """Return the highest price of each country and channel, and the currency.

    Raises:
        ValueError: With every problem, up to a number of them.
    """
    table: dict[tuple[str, str], int] = {}
    currencies, problems, count = set(), [], 0
    for place, country, channel, text, row_currency in rows:
        try:
            price = _price(text)
            key = _key(country, channel)
            currencies.add(_currency(row_currency or currency))
        except ValueError as error:
            count += 1
            if count <= _MAX_PROBLEMS:
                problems.append(f"{place}: {error}")
            continue
        table[key] = max(price, table.get(key, 0))
    if count > _MAX_PROBLEMS:
        problems.append(f"and {count - _MAX_PROBLEMS} problems more")
    if len(currencies) > 1:
        problems.append(f"has prices in {' and '.join(sorted(currencies))}")
    if not table and not problems:
        problems.append("has no prices")
    if problems:
        raise ValueError("; ".join(problems))
    return table, currencies.pop()


# Lists have many rows, and few prices.
@lru_cache(maxsize=4096)
def _price(text: str) -> int:
    try:
        price = amounts.parse(text)
    except ValueError:
        raise ValueError(f"{text[:40]!r} is not a price such as 0.0083") from None
    if price > _MAX_PRICE:
        raise ValueError(f"a price of {text[:40]} is over the maximum of 1000")
    return price


@lru_cache(maxsize=4096)
def _key(country: str, channel: str) -> tuple[str, str]:
    code, name = country.upper(), channel.lower()
    if not _COUNTRY.fullmatch(code):
        raise ValueError(f"{country[:40]!r} is not the ISO 3166 code of a country")
    if not _CHANNEL.fullmatch(name):
        raise ValueError(f"{channel[:40]!r} is not a channel such as sms")
    return code, _OTHER_CHANNELS.get(name, name)


_currency = lru_cache(maxsize=64)(amounts.parse_currency)
