"""Check and preview the texts of messages."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import timedelta

import click

from otp_engine import parsing
from otp_engine.cli.common import load_texts
from otp_engine.cli.terminal import fail, success, table, warn
from otp_engine.config import TextSettings, setting_parsers
from otp_engine.domain.messages import contents, languages, segments
from otp_engine.domain.messages.contents import Content, Draft, TextDefaults
from otp_engine.domain.messages.options import MessageOptions
from otp_engine.domain.messages.own_texts import OwnText
from otp_engine.domain.models import Channel
from otp_engine.domain.money import amounts
from otp_engine.domain.phones import countries

_DIGITS = "1234567890"
_HEADER = ("TEXT", "COUNTRY", "ENCODING", "LENGTH", "SEGMENTS", "PRICE", "LEFT OUT")
_SPOKEN_HEADER = ("TEXT", "COUNTRY", "VOICE", "LENGTH", "PRICE")
_EMAIL_HEADER = ("TEXT", "LENGTH", "SUBJECT")
_HASH_LENGTH = 11


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """The options of a text, as the command line has them.

    Attributes:
        country: ISO 3166 code of the country of the number.
        brand: Name in the text; None means OTP_BRAND.
        origin: Host of the page that fills in the code.
        app_hash: Hash of the Android app that reads the code.
        seconds: Lifetime of the code; None means OTP_TTL.
    """

    country: str | None
    brand: str | None
    origin: str | None
    app_hash: str | None
    seconds: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Row:
    """What the check reports of one text."""

    text: str
    country: str | None
    encoding: str
    length: int
    segments: int
    price: str | None
    left_out: Sequence[str]

    @property
    def is_good(self) -> bool:
        """Whether the text is whole, and costs one segment."""
        return self.segments == 1 and not self.left_out

    @property
    def cells(self) -> tuple[str, ...]:
        """The cells of the table."""
        return (
            self.text,
            self.country or "",
            self.encoding,
            str(self.length),
            str(self.segments),
            self.price or "",
            ", ".join(self.left_out),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _SpokenRow:
    """What the check reports of the text of a call."""

    text: str
    country: str | None
    voice: str
    length: int
    price: str | None

    @property
    def cells(self) -> tuple[str, ...]:
        """The cells of the table."""
        return (
            *(self.text, self.country or "", self.voice, str(self.length)),
            self.price or "",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _EmailRow:
    """What the check reports of the text of an e-mail."""

    text: str
    length: int
    subject: str

    @property
    def cells(self) -> tuple[str, ...]:
        """The cells of the table."""
        return self.text, str(self.length), self.subject


def check(options: Options, channel: str, *, as_json: bool) -> None:
    """Print the length of each text.

    The process exits with 1 if a text message is not whole, or too long. Calls and
    e-mails have no segments, so they are only listed.

    Args:
        options: The options of the texts.
        channel: The channel of the texts.
        as_json: Whether to print JSON.
    """
    texts = _Texts(load_texts(), options)
    if channel == Channel.SMS:
        _check_sms(list(texts.rows()), as_json=as_json)
        return
    is_call = channel == Channel.CALL
    rows: list[_SpokenRow | _EmailRow] = [
        *(texts.spoken_rows() if is_call else texts.email_rows())
    ]
    if as_json:
        click.echo(json.dumps([asdict(row) for row in rows], indent=2))
        return
    header = _SPOKEN_HEADER if is_call else _EMAIL_HEADER
    click.echo("\n".join(table(header, [row.cells for row in rows])))


def _check_sms(rows: Sequence[_Row], *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps([asdict(row) for row in rows], indent=2))
    else:
        click.echo("\n".join(table(_HEADER, [row.cells for row in rows])))
    bad = sum(not row.is_good for row in rows)
    if bad:
        fail(f"{bad} of {len(rows)} texts are not whole in one segment")
    success(f"{len(rows)} texts are whole in one segment")


def preview(locale: str | None, channel: str, options: Options) -> None:
    """Print a message, and what it costs.

    Args:
        locale: BCP 47 tag of the language; None means that of the country.
        channel: The channel of the message.
        options: The options of the text.
    """
    try:
        tag = parsing.language_tag(locale) if locale else None
    except ValueError as error:
        fail(f"LOCALE {error}")
    if tag and languages.match(tag) is None:
        warn(f"no text exists in {tag}")
    texts = _Texts(load_texts(), options)
    content = texts.compose(Channel(channel), texts.country, tag)
    if content.subject:
        click.echo(f"{content.subject}\n")
    if content.speech:
        click.echo(content.speech.prompt)
    click.echo(content.body)
    row = texts.row(content.language, texts.country, content)
    facts = [content.language]
    if channel == Channel.SMS:
        facts += [row.encoding, f"{row.length} characters", f"segments: {row.segments}"]
        facts += [f"price: {row.price} {texts.currency}"] if row.price else []
        facts += [f"left out: {part}" for part in row.left_out]
    if own := content.own:
        facts += [f"template_id: {own.template_id}"] if own.template_id else []
        facts += [f"sender_id: {own.sender_id}"] if own.sender_id else []
        facts.append(own.place)
    success(", ".join(facts))


class _Texts:
    """The texts of messages with the options of a command."""

    def __init__(self, settings: TextSettings, options: Options) -> None:
        """Check the options; a problem ends the process with 1."""
        self._settings = settings
        self._ttl = settings.ttl
        if options.seconds:
            self._ttl = timedelta(seconds=options.seconds)
        self._options = MessageOptions(origin=options.origin, app_hash=options.app_hash)
        try:
            self.country = (
                countries.parse_counted(options.country) if options.country else None
            )
        except ValueError as error:
            fail(f"--country {error}")
        try:
            brand = options.brand and setting_parsers.brand(options.brand)
        except ValueError as error:
            fail(f"--brand {error}")
        if options.app_hash and len(options.app_hash) != _HASH_LENGTH:
            fail(f"--app-hash must have {_HASH_LENGTH} characters")
        self._values = contents.variables(
            code=_DIGITS[: settings.code_length],
            brand=brand or settings.defaults.brand,
            ttl=self._ttl,
        )
        self.currency = settings.prices.currency

    def rows(self) -> Iterator[_Row]:
        """Yield what the check reports of each text message."""
        own = self._settings.defaults.own_texts
        no_own = replace(self._settings.defaults, own_texts=type(own)())
        for language in sorted(languages.LOCALES):
            content = self.compose(Channel.SMS, None, language, no_own)
            yield self.row(language, self.country, content)
        for entry in own.entries:
            if entry.channel is Channel.SMS and entry.text:
                yield self._own_row(entry)

    def spoken_rows(self) -> Iterator[_SpokenRow]:
        """Yield what the check reports of each call, with the price of a minute."""
        for name, country, content in self._all(Channel.CALL):
            price = country and self._settings.prices.price(country, Channel.CALL)
            yield _SpokenRow(
                text=name,
                country=country,
                voice=content.speech.language if content.speech else "",
                length=len(content.body),
                price=amounts.format_amount(price) if price else None,
            )

    def email_rows(self) -> Iterator[_EmailRow]:
        """Yield what the check reports of each e-mail."""
        for name, _, content in self._all(Channel.EMAIL):
            yield _EmailRow(
                text=name, length=len(content.body), subject=content.subject or ""
            )

    def _all(self, channel: Channel) -> Iterator[tuple[str, str | None, Content]]:
        """Yield the name, the country and the content of each text of a channel."""
        own = self._settings.defaults.own_texts
        no_own = replace(self._settings.defaults, own_texts=type(own)())
        for language in sorted(languages.LOCALES):
            content = self.compose(channel, self.country, language, no_own)
            yield language, self.country, content
        for entry in own.entries:
            if entry.channel is channel:
                country = entry.country or self.country
                content = self.compose(channel, country, entry.locale)
                yield entry.place, country, content

    def compose(
        self,
        channel: Channel,
        country: str | None,
        locale: str | None,
        defaults: TextDefaults | None = None,
    ) -> Content:
        """Return the content of a message."""
        draft = Draft(
            values=self._values,
            channel=channel,
            country=country or "",
            locale=locale,
            ttl=self._ttl,
            options=self._options,
        )
        return contents.compose(draft, defaults or self._settings.defaults)

    def _own_row(self, entry: OwnText) -> _Row:
        body = entry.render(self._values, self._options)
        content = Content(body=body, language=entry.locale or languages.ENGLISH)
        return self.row(entry.place, entry.country or self.country, content)

    def row(self, name: str, country: str | None, content: Content) -> _Row:
        """Return what the check reports of a message."""
        size, count = segments.measure(content.body), segments.count(content.body)
        price = None
        if country:
            each = self._settings.prices.price(country, Channel.SMS)
            price = amounts.format_amount(count * each)
        return _Row(
            text=name,
            country=country,
            encoding=size.encoding,
            length=size.units,
            segments=count,
            price=price,
            left_out=tuple(content.left_out),
        )
