from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from email import message_from_bytes
from email.policy import default
from html.parser import HTMLParser

import pytest

from otp_engine.config.settings import SmtpSettings
from otp_engine.domain import email_addresses
from otp_engine.errors import InvalidEmail
from otp_engine.senders import email_message
from tests.support.fakes import EMAIL_MESSAGE

SETTINGS = SmtpSettings(
    host="mail.example.com",
    port=465,
    tls="implicit",
    sender=email_addresses.parse("codes@acme.example"),
    sender_name="Acme",
)
INJECTIONS = [
    "Acme\r\nBcc: victim@example.com",
    "Acme\nBcc: victim@example.com",
    "Acme\rBcc: victim@example.com",
    "Acme\r\n\r\n<script>",
    "Acme\0\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029Bcc: victim@example.com",
    "Acme\u202e\u2066Bcc: victim@example.com",
]


class _Page(HTMLParser):
    """Collects the elements and the text of a page."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.attributes, self.text = [], {}, ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes[tag] = dict(attrs)

    def handle_data(self, data):
        self.text += data


def build(settings=SETTINGS, **fields):
    now = datetime(2026, 11, 27, 6, 30, tzinfo=UTC)
    content = email_message.build(replace(EMAIL_MESSAGE, **fields), settings, now)
    return content, message_from_bytes(content, policy=default)


def page_of(email):
    return _Page(email.get_body(("html",)).get_content())


@pytest.mark.parametrize("text", INJECTIONS)
@pytest.mark.parametrize("field", ["subject", "brand", "sender_name"])
def test_line_ends_and_controls_start_no_header(text, field):
    settings, fields = SETTINGS, {field: text}
    if field == "sender_name":
        settings, fields = replace(SETTINGS, sender_name=text), {}
    elif field == "brand":
        fields["subject"] = None

    content, email = build(settings, **fields)

    expected = build()[1].keys()
    assert email.keys() == expected
    head = content.partition(b"\r\n\r\n")[0]
    assert not [line for line in head.split(b"\r\n") if line.startswith(b"Bcc")]
    shown = str(email["From" if field == "sender_name" else "Subject"])
    assert all(character.isprintable() for character in shown)


@pytest.mark.parametrize("text", INJECTIONS)
def test_line_ends_in_the_body_start_no_header(text):
    _, email = build(body=text)

    assert email.keys() == build()[1].keys()
    assert "script" not in page_of(email).tags


@pytest.mark.parametrize("text", INJECTIONS)
def test_address_with_a_line_end_is_refused(text):
    with pytest.raises(InvalidEmail):
        build(to=f"{text}@example.com")


@pytest.mark.parametrize("text", INJECTIONS[:5])
def test_language_and_delivery_id_with_a_line_end_are_refused(text):
    for field in ("language", "delivery_id"):
        with pytest.raises(ValueError, match=r"header|characters"):
            build(**{field: text})


def test_parts_have_the_same_sentences():
    _, email = build()

    text = email.get_body(("plain",)).get_content()
    assert text.split() == EMAIL_MESSAGE.body.split()
    page = page_of(email)
    for sentence in ("123456 is your Acme code.", "It expires in 10 minutes."):
        assert sentence in text
        assert sentence in page.text


def test_page_emphasizes_the_code_and_has_nothing_to_load_or_to_open():
    _, email = build()

    page = page_of(email)
    assert page.tags == [
        *("html", "head", "meta", "title", "body"),
        *("p", "strong", "p"),
    ]
    assert "http" not in email.get_body(("html",)).get_content()


@pytest.mark.parametrize(
    ("body", "language", "direction"),
    [
        ("123456 is your code.", "en", "ltr"),
        ("123456 هو رمز Acme.", "ar", "rtl"),
        ("123456 הוא הקוד שלך.", "he", "rtl"),
        ("123456 आपका कोड है।", "hi", "ltr"),
        ("123456", "en", "ltr"),
    ],
)
def test_page_has_language_and_direction_of_the_text(body, language, direction):
    _, email = build(body=body, language=language)

    assert page_of(email).attributes["html"] == {"lang": language, "dir": direction}
    assert email["Content-Language"] == language


def test_markup_in_the_brand_is_text():
    _, email = build(
        body="123456 is your <b>A & B</b> code.", subject="Your <i>A & B</i> code"
    )

    page = page_of(email)
    assert "b" not in page.tags
    assert "i" not in page.tags
    assert "Your <i>A & B</i> code" in page.text
    assert "<b>A & B</b>" in page.text


def test_code_is_not_in_a_header():
    content, _ = build()

    assert b"123456" not in content.partition(b"\r\n\r\n")[0]


def test_long_addresses_and_names_are_not_encoded_in_pieces():
    to = f"{'a' * 64}@{'b' * 63}.{'c' * 63}.example"
    sender = email_addresses.parse(f"{'s' * 64}@{'d' * 63}.example")

    content, email = build(replace(SETTINGS, sender=sender), to=to)

    assert f"To: {to}\r\n".encode() in content
    assert email["To"] == to
    assert email["Message-ID"] == f"<{EMAIL_MESSAGE.delivery_id}@{sender.domain}>"
    assert max(map(len, content.split(b"\r\n"))) <= 998


def test_long_subject_is_cut():
    _, email = build(subject="é" * 500)

    assert email["Subject"] == "é" * 120


def test_subject_of_any_language_is_ascii_on_the_wire():
    content, email = build(subject="आपका Acme कोड", body="123456 आपका कोड है।")

    assert content.isascii()
    assert email["Subject"] == "आपका Acme कोड"


def test_lines_of_the_parts_have_at_most_76_characters():
    content, _ = build(body="123456 " + "word " * 200 + "é" * 300)

    parts = content.partition(b"\r\n\r\n")[2].split(b"\r\n")
    assert max(map(len, parts)) <= 76
    assert content.isascii()
