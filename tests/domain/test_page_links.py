from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from otp_engine.crypto.factor_keys import DataKey
from otp_engine.domain import page_links
from otp_engine.domain.page_links import LinkedPage, PageLink
from otp_engine.errors import PageLinkExpired

KEY = DataKey(b"data-key-of-a-test-0123456789-01")
NOW = datetime(2026, 1, 1, tzinfo=UTC)
LINK = PageLink(
    id="0f" * 16,
    page=LinkedPage.VERIFY,
    service="VA" + "0" * 32,
    identity="user-4711",
    expires_at=int(NOW.timestamp()) + 600,
    client_name="shop",
    name="Zoë",
    phone="+919445012345",
    return_url="https://app.example.com/",
    state="s t",
)


def test_token_is_parsed_to_its_link():
    assert page_links.parse(LINK.encode(KEY), KEY, now=NOW) == LINK


@pytest.mark.parametrize("plain", ["user-4711", "9445012345", "app.example.com"])
def test_token_has_nothing_of_the_link_in_plain_text(plain):
    assert plain not in LINK.encode(KEY)


def test_link_of_last_second_is_parsed():
    now = NOW + timedelta(seconds=599)

    assert page_links.parse(LINK.encode(KEY), KEY, now=now).remaining(now) == timedelta(
        seconds=1
    )


def test_link_is_rejected_when_it_expires():
    with pytest.raises(PageLinkExpired):
        page_links.parse(LINK.encode(KEY), KEY, now=NOW + timedelta(minutes=10))


@pytest.mark.parametrize(
    "text", ["", "a", "a" * 64, "é", "a b", "=", "a" * 100_000, "\x00"]
)
def test_text_that_is_no_token_is_rejected(text):
    with pytest.raises(PageLinkExpired):
        page_links.parse(text, KEY, now=NOW)


@pytest.mark.parametrize("position", [0, 20, -1])
def test_changed_token_is_rejected(position):
    token = list(LINK.encode(KEY))
    token[position] = "A" if token[position] != "A" else "Q"

    with pytest.raises(PageLinkExpired):
        page_links.parse("".join(token), KEY, now=NOW)


def test_token_of_another_key_is_rejected():
    token = LINK.encode(DataKey(b"another-key-of-a-test-0123456789"))

    with pytest.raises(PageLinkExpired):
        page_links.parse(token, KEY, now=NOW)


def test_text_of_another_context_is_not_opened():
    sealed = page_links.seal({"id": "x"}, KEY, context=b"page grant")

    assert page_links.unseal(sealed, KEY, context=b"page grant") == {"id": "x"}
    assert page_links.unseal(sealed, KEY, context=b"page link") is None


def test_repr_of_a_link_has_no_personal_data():
    assert "4711" not in repr(LINK)
    assert "9445012345" not in repr(LINK)
    assert "Zo" not in repr(LINK)
