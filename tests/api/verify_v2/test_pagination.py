from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest

from otp_engine.api.verify_v2.pagination import paginate

START = datetime(2026, 7, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Item:
    number: int

    @property
    def name(self) -> str:
        return f"YE{self.number:032x}"

    @property
    def created_at(self) -> datetime:
        # Items 0 to 3 were created in one millisecond.
        return START + timedelta(milliseconds=max(0, self.number - 3))


ITEMS = [Item(number) for number in range(9)]


@pytest.fixture
def get(app_with):
    """Return a function that returns the page of a URL, and the items it has read."""
    app = app_with()

    def get(url: str, items: list[Item], *, is_iterator: bool, **options: Any) -> Any:
        read = []

        def items_in_order():
            for item in items:
                read.append(item)
                yield item

        parts = urlsplit(url)
        with app.test_request_context(f"{parts.path}?{parts.query}"):
            body = paginate(
                items_in_order() if is_iterator else items,
                "items",
                serialize=lambda item: {"number": item.number},
                name=lambda item: item.name,
                **options,
            )
        return body, read

    return get


def numbers(body):
    return [item["number"] for item in body["items"]]


@pytest.mark.parametrize("is_iterator", [False, True])
@pytest.mark.parametrize("is_ascending", [False, True])
@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 9, 20])
def test_pages_forth_and_back_have_every_item_once(
    get, is_iterator, is_ascending, size
):
    # An iterator has the order of the times only.
    order = ITEMS if is_ascending else [*ITEMS[:3:-1], *ITEMS[:4]]
    options = {"is_iterator": is_iterator, "is_ascending": is_ascending}

    def follow(url: str | None, link: str) -> list[Any]:
        bodies = []
        while url:
            body, _ = get(url, order, **options)
            bodies.append(body)
            url = body["meta"][link]
        return bodies

    bodies = follow(f"/v2/Items?PageSize={size}", "next_page_url")
    forth = [numbers(body) for body in bodies]
    previous = bodies[-1]["meta"]["previous_page_url"]
    back = [numbers(body) for body in follow(previous, "previous_page_url")][::-1]

    expected = list(range(9)) if is_ascending else list(range(8, -1, -1))
    assert [number for page in forth for number in page] == expected
    assert back == forth[:-1]


def test_iterator_is_read_until_the_end_of_the_page(get):
    body, read = get("/v2/Items?PageSize=2", ITEMS[::-1], is_iterator=True)

    assert numbers(body) == [8, 7]
    # One more item shows that the list continues, and one that its time has no other.
    assert len(read) == 4


def test_page_after_a_deleted_item_starts_at_the_next_one(get):
    body, _ = get("/v2/Items?PageSize=3", ITEMS[::-1], is_iterator=True)
    rest = [item for item in ITEMS[::-1] if item.number != 6]

    after, _ = get(body["meta"]["next_page_url"], rest, is_iterator=True)

    assert (numbers(body), numbers(after)) == ([8, 7, 6], [5, 4, 3])


def test_new_item_repeats_none_on_the_next_page(get):
    body, _ = get("/v2/Items?PageSize=3", ITEMS[-2::-1], is_iterator=True)

    after, _ = get(body["meta"]["next_page_url"], ITEMS[::-1], is_iterator=True)

    assert (numbers(body), numbers(after)) == ([7, 6, 5], [4, 3, 2])
