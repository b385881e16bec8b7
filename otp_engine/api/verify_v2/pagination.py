"""Lists in pages, with Twilio's page tokens."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, Protocol, TypeVar

from flask import request

from otp_engine import parsing
from otp_engine.api.verify_v2 import errors, wire

_DEFAULT_SIZE, _MAX_SIZE = 50, 1_000
_TOKEN = re.compile(r"P([AB])([0-9]{15}[A-Za-z0-9]{2,34})", re.ASCII)
_QUERY_NAMES = frozenset({"PageSize", "Page", "PageToken"})

# SDKs send their total limit as the page size, so a large one is accepted.
_parse_size = parsing.integer(1, 10**9)
_parse_number = parsing.integer(0, 10**9)


class HasCreatedAt(Protocol):
    """An item of a list."""

    @property
    def created_at(self) -> datetime:
        """Time of creation."""


T = TypeVar("T", bound=HasCreatedAt)


def paginate(
    items: Sequence[T],
    key: str,
    *,
    serialize: Callable[[T], dict[str, Any]],
    name: Callable[[T], str],
) -> dict[str, Any]:
    """Return the page of *items*, newest first, that the query of the request names.

    A page token holds the creation time of the item that the page starts after or ends
    before. Items that are added or deleted between two requests therefore neither
    repeat nor hide another item.

    Args:
        items: The whole list.
        key: The name of the list in the body.
        serialize: Returns the body of one item.
        name: Returns a text that distinguishes items created in the same millisecond.

    Raises:
        TwilioApiError: The page size, page number or page token is not valid.
    """
    size = min(_MAX_SIZE, _query_integer("PageSize", _DEFAULT_SIZE, _parse_size))
    number = _query_integer("Page", 0, _parse_number)
    by_position = {
        f"{item.created_at.timestamp() * 1000:015.0f}{name(item)}": item
        for item in items
    }
    positions = sorted(by_position, reverse=True)
    start = _start_index(positions, size, number)
    page = positions[start : start + size]
    previous_url = next_url = None
    if page and start > 0:
        previous_url = _url(size, max(0, number - 1), f"PB{page[0]}")
    if start + size < len(positions):
        next_url = _url(size, number + 1, f"PA{page[-1]}")
    return {
        key: [serialize(by_position[position]) for position in page],
        "meta": {
            "page": number,
            "page_size": size,
            "first_page_url": _url(size, 0),
            "previous_page_url": previous_url,
            "url": _url(size, number),
            "next_page_url": next_url,
            "key": key,
        },
    }


def _query_integer(name: str, default: int, parser: Callable[[str], int]) -> int:
    if not (text := request.args.get(name)):
        return default
    try:
        return parser(text)
    except ValueError:
        raise errors.invalid_parameter(name) from None


def _start_index(positions: Sequence[str], size: int, number: int) -> int:
    """Return the index of the first item of the page."""
    token = request.args.get("PageToken")
    if not token:
        return number * size
    if not (match := _TOKEN.fullmatch(token)):
        raise errors.invalid_parameter("PageToken")
    newer = sum(position > match[2] for position in positions)
    if match[1] == "B":
        return max(0, newer - size)
    return newer + (match[2] in positions)


def _url(size: int, number: int, token: str | None = None) -> str:
    query = [pair for pair in request.args.items() if pair[0] not in _QUERY_NAMES]
    query += [("PageSize", str(size)), ("Page", str(number))]
    if token:
        query.append(("PageToken", token))
    return wire.page_url(request.path, query)
