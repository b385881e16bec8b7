"""Lists in pages, with Twilio's page tokens."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from itertools import chain, groupby, islice
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
    items: Iterable[T],
    key: str,
    *,
    serialize: Callable[[T], dict[str, Any]],
    name: Callable[[T], str],
    is_ascending: bool = False,
) -> dict[str, Any]:
    """Return the page of *items* that the query of the request names.

    A page token holds the creation time of the item that the page starts after or ends
    before. Items that are added or deleted between two requests therefore neither
    repeat nor hide another item.

    Args:
        items: The whole list. An iterator yields the items in the order of the list,
            and is read until the end of the page.
        key: The name of the list in the body.
        serialize: Returns the body of one item.
        name: Returns a text that distinguishes items created in the same millisecond,
            and orders them.
        is_ascending: Whether the list is oldest first; else it is newest first.

    Raises:
        TwilioApiError: The page size, page number or page token is not valid.
    """
    size = min(_MAX_SIZE, _query_integer("PageSize", _DEFAULT_SIZE, _parse_size))
    number = _query_integer("Page", 0, _parse_number)
    entries = _in_order(items, name, is_ascending=is_ascending)
    start, page = _read_page(entries, size, number, is_ascending=is_ascending)
    has_next, page = len(page) > size, page[:size]
    previous_url = next_url = None
    if page and start > 0:
        previous_url = _url(size, max(0, number - 1), f"PB{page[0][0]}")
    if has_next:
        next_url = _url(size, number + 1, f"PA{page[-1][0]}")
    return {
        key: [serialize(item) for _, item in page],
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


def _in_order(
    items: Iterable[T], name: Callable[[T], str], *, is_ascending: bool
) -> Iterator[tuple[str, T]]:
    """Yield each item after its position; an iterator only within a millisecond."""

    def position(item: T) -> str:
        return f"{item.created_at.timestamp() * 1000:015.0f}{name(item)}"

    def milliseconds(item: T) -> str:
        return position(item).removesuffix(name(item))

    groups: Iterable[Iterable[T]] = [items]
    if isinstance(items, Iterator):
        groups = (group for _, group in groupby(items, milliseconds))
    for group in groups:
        for item in sorted(group, key=position, reverse=not is_ascending):
            yield position(item), item


def _read_page(
    entries: Iterator[tuple[str, T]], size: int, number: int, *, is_ascending: bool
) -> tuple[int, list[tuple[str, T]]]:
    """Return the index of the first entry of the page, and the entries from there on.

    There is one entry more than the page has, if the list continues.
    """
    token = request.args.get("PageToken")
    if not token:
        start = sum(1 for _ in islice(entries, number * size))
        return start, list(islice(entries, size + 1))
    if not (match := _TOKEN.fullmatch(token)):
        raise errors.invalid_parameter("PageToken")
    ends_before, last = match[1] == "B", match[2]
    start, earlier = 0, deque[tuple[str, T]](maxlen=size if ends_before else 0)
    for entry in entries:
        precedes = entry[0] < last if is_ascending else entry[0] > last
        if not precedes and (ends_before or entry[0] != last):
            entries = chain([entry], entries)
            break
        earlier.append(entry)
        start += 1
    rest = islice(entries, size + 1 - len(earlier))
    return start - len(earlier), [*earlier, *rest]


def _query_integer(name: str, default: int, parser: Callable[[str], int]) -> int:
    if not (text := request.args.get(name)):
        return default
    try:
        return parser(text)
    except ValueError:
        raise errors.invalid_parameter(name) from None


def _url(size: int, number: int, token: str | None = None) -> str:
    query = [pair for pair in request.args.items() if pair[0] not in _QUERY_NAMES]
    query += [("PageSize", str(size)), ("Page", str(number))]
    if token:
        query.append(("PageToken", token))
    return wire.page_url(request.path, query)
