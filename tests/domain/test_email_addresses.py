from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otp_engine.domain import email_addresses
from otp_engine.errors import InvalidEmail


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("person@example.com", "person@example.com"),
        ("Person@Example.COM", "person@example.com"),
        (" person@example.com\n", "person@example.com"),
        ("\ufeffperson@example.com", "person@example.com"),
        ("first.last+tag@mail.example.co.uk", "first.last+tag@mail.example.co.uk"),
        ("#$&'*+-/=?^_`{|}~@example.com", "#$&'*+-/=?^_`{|}~@example.com"),
        ("person@BÜCHER.example", "person@xn--bcher-kva.example"),
        ("person@bücher.example", "person@xn--bcher-kva.example"),
        ("person@例え。テスト", "person@xn--r8jz45g.xn--zckzah"),
        ("JOSÉ@example.com", "josé@example.com"),
        ("jose\u0301@example.com", "josé@example.com"),
        ("राम@उदाहरण.भारत", "राम@xn--p1b6ci4b4b3a.xn--h2brj9c"),
    ],
)
def test_address_is_read_in_canonical_form(text, address):
    assert email_addresses.parse(text).canonical == address


@pytest.mark.parametrize(
    "text",
    [
        *("", "@", "person", "person@", "@example.com", "person@localhost"),
        *("person@@example.com", "a@b@example.com", "person@example..com"),
        *(".person@example.com", "person.@example.com", "per..son@example.com"),
        *('"person"@example.com', '"a b"@example.com', '"a@b"@example.com'),
        *("person@[127.0.0.1]", "person@127.0.0.1", "person@[IPv6:::1]"),
        *("Person <person@example.com>", "mailto:person@example.com?cc=a@b.co"),
        *("a@example.com,b@example.com", "a@example.com;b@example.com"),
        # Routes through a mail server that trusts this service.
        *("me%other.example@example.com", "other.example!me@example.com"),
        *("per son@example.com", "person@exam ple.com", "person@example.com."),
        *("person@-example.com", "person@example-.com", "person@exa_mple.com"),
        *("person\r\nBcc: x@example.com", "per\r\nson@example.com", "per\0son@x.com"),
        *("person@example.com\r\nBcc: other@example.com", "per\u202eson@example.com"),
        *(
            "per\u200bson@example.com",
            "person@exam\u202eple.com",
            "p\ue000@example.com",
        ),
        # Compatibility characters: full width, and a ligature.
        *("ｐｅｒｓｏｎ@example.com", "ﬁrst@example.com", "person＠example.com"),
        *("\ud800@example.com", "😀@example.com", "person@😀.example"),
        f"{'a' * 65}@example.com",
        f"{'é' * 33}@example.com",
        f"{'a' * 64}@{'b' * 63}.{'c' * 63}.{'d' * 63}.com",
        "a" * 1_000_000 + "@example.com",
        f"a@{'b.' * 500_000}com",
        f"person@{'b' * 64}.com",
    ],
)
def test_text_that_is_no_address_is_rejected(text):
    with pytest.raises(InvalidEmail) as caught:
        email_addresses.parse(text)

    assert str(caught.value) == InvalidEmail.message


def test_longest_address_is_accepted():
    domain = f"{'b' * 63}.{'c' * 63}.{'d' * 57}.com"

    address = email_addresses.parse(f"{'a' * 64}@{domain}")

    assert len(address.canonical) == 254


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("person@example.com", "p***@e***.com"),
        ("person@mail.example.co.uk", "p***@m***.uk"),
        ("joe@acme.io", "***@a***.io"),
        ("a@b.co", "***@***.co"),
        ("josé@bücher.example", "j***@x***.example"),
    ],
)
def test_mask_shows_at_most_first_characters_and_top_domain(text, masked):
    address = email_addresses.parse(text)

    assert address.masked == masked
    assert repr(address) == f"EmailAddress({masked})"


def test_plus_and_dots_distinguish_addresses():
    texts = ["firstlast@x.example", "first.last@x.example", "firstlast+a@x.example"]

    assert len({email_addresses.parse(text) for text in texts}) == 3


@pytest.mark.parametrize(
    ("text", "mailbox"),
    [
        ("person@example.com", "person@example.com"),
        ("Person+tag+more@example.com", "person@example.com"),
        ("per.son@example.com", "per.son@example.com"),
        ("per.son+tag@gmail.com", "person@gmail.com"),
        ("p.erson@googlemail.com", "person@gmail.com"),
        ("+tag@example.com", "+tag@example.com"),
    ],
)
def test_spellings_of_a_mailbox_have_one_mailbox(text, mailbox):
    assert email_addresses.parse(text).mailbox == mailbox


@pytest.mark.parametrize(
    ("text", "internationalized"),
    [("josé@example.com", True), ("jose@bücher.example", False)],
)
def test_only_local_part_needs_an_internationalized_server(text, internationalized):
    address = email_addresses.parse(text)

    assert address.is_internationalized is internationalized


_LETTERS = st.text(st.characters(categories=["L", "M", "N"]), min_size=1, max_size=20)


@given(_LETTERS, _LETTERS)
def test_canonical_form_is_its_own_canonical_form(local_part, domain):
    try:
        address = email_addresses.parse(f"{local_part}@{domain}.example")
    except InvalidEmail:
        return

    assert email_addresses.parse(address.canonical) == address
    assert address.domain.isascii()
