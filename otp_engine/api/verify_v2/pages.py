"""Lists, a page at a time."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, Protocol, TypeVar

from flask import request

from otp_engine.api.verify_v2 import errors, parameters, urls

_ORDINARY, _LARGEST = 50, 1_000
_TOKEN = re.compile(r"P([AB])([0-9]{15}[A-Za-z0-9]{2,34})", re.ASCII)


class Dated(Protocol):
    """Something that was made at a time."""

    @property
    def created(self) -> datetime:
        """When."""


T = TypeVar("T", bound=Dated)


def of(
    things: Sequence[T],
    key: str,
    *,
    shape: Callable[[T], dict[str, Any]],
    name: Callable[[T], str],
) -> dict[str, Any]:
    """One page of *things*, newest first, as the query of the request asks for it.

    A page token says when the thing was made that the page begins behind, or ends
    before, so that what is added or deleted meanwhile neither repeats nor hides
    another.

    Args:
        things: All of them.
        key: What the list is called in the answer.
        shape: Shapes one.
        name: Tells those apart that were made in the same millisecond.

    Raises:
        Problem: A size, number or token that cannot be.
    """
    size, number = _size(), _number()
    places = {
        f"{one.created.timestamp() * 1000:015.0f}{name(one)}": one for one in things
    }
    order = sorted(places, reverse=True)
    begin = _begin(order, size)
    shown = order[begin : begin + size]
    before = after = None
    if shown and begin > 0:
        before = _url(size, max(0, number - 1), f"PB{shown[0]}")
    if begin + size < len(order):
        after = _url(size, number + 1, f"PA{shown[-1]}")
    return {
        key: [shape(places[place]) for place in shown],
        "meta": {
            "page": number,
            "page_size": size,
            "first_page_url": _url(size, 0),
            "previous_page_url": before,
            "url": _url(size, number),
            "next_page_url": after,
            "key": key,
        },
    }


def _size() -> int:
    asked = request.args.get("PageSize", str(_ORDINARY))
    try:
        # SDKs ask for as many as somebody wants altogether, and page if given fewer.
        return min(_LARGEST, parameters.whole(1, 10**9)(asked))
    except ValueError:
        raise errors.invalid("PageSize") from None


def _number() -> int:
    try:
        return parameters.whole(0, 10**9)(request.args.get("Page", "0"))
    except ValueError:
        raise errors.invalid("Page") from None


def _begin(order: Sequence[str], size: int) -> int:
    token = request.args.get("PageToken")
    if not token:
        return _number() * size
    if not (match := _TOKEN.fullmatch(token)):
        raise errors.invalid("PageToken")
    newer = sum(place > match[2] for place in order)
    if match[1] == "B":
        return max(0, newer - size)
    return newer + (match[2] in order)


def _url(size: int, number: int, token: str = "") -> str:
    ours = {"PageSize", "Page", "PageToken"}
    query = [pair for pair in request.args.items() if pair[0] not in ours]
    query += [("PageSize", str(size)), ("Page", str(number))]
    return urls.of_page(request.path, [*query, *([("PageToken", token)] * bool(token))])
