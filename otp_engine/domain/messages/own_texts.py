"""The operator's own texts, by channel, country and language."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from otp_engine.domain.messages import segments
from otp_engine.domain.messages.options import MessageOptions
from otp_engine.domain.models import Channel

CHANNELS = (Channel.SMS, Channel.CALL, Channel.EMAIL)
"""The channels with texts of the operator. Meta and Telegram fix those of theirs."""

PLACEHOLDERS = frozenset({"code", "brand", "minutes"})
"""The placeholders of own texts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnText:
    """One text of the operator, and what it is for.

    Attributes:
        channel: The channel of its messages.
        country: ISO 3166 code of the country of its numbers; None means every country.
        locale: The language, one of `languages.LOCALES`; None means every language.
        text: The text with placeholders; None means the service's own text.
        subject: The subject of an e-mail; None means the service's own subject.
        template_id: The provider's or the regulator's id of the text (DLT in India).
            A message with one is exactly the text, without autofill.
        sender_id: The sender that its messages require, such as `ACMEIN`.
        place: Where the text is, for operators.
    """

    channel: Channel
    country: str | None = None
    locale: str | None = None
    text: str | None = None
    subject: str | None = None
    template_id: str | None = None
    sender_id: str | None = None
    place: str = field(default="", compare=False)

    @property
    def key(self) -> tuple[Channel, str | None, str | None]:
        """What the text is for; no two texts have the same."""
        return self.channel, self.country, self.locale

    def render(self, variables: Mapping[str, str], options: MessageOptions) -> str:
        """Return a text message.

        The text is never shortened. A client that requests an app hash gets it, even
        if the message needs another segment for it; the origin is left out then.

        Args:
            variables: The value of each placeholder.
            options: The app hash and the origin.
        """
        text = fill(self.text or "", variables)
        if self.template_id:
            return text
        ends = [f" {options.app_hash}" if options.app_hash else ""]
        if options.origin:
            ends.insert(0, options.origin_line(variables["code"]) + ends[0])
        start = "<#> " if options.app_hash else ""
        versions = [f"{start}{text}{end}" for end in ends]
        # The first of the shortest ones: the origin is free, or left out.
        return min(versions, key=segments.count)


def fill(text: str, variables: Mapping[str, str]) -> str:
    """Return *text* with its placeholders replaced."""
    return text.format(**variables)


@dataclass(frozen=True, slots=True)
class OwnTexts:
    """All own texts.

    Attributes:
        entries: The texts.
        source: Where they are from, for operators.
    """

    entries: Sequence[OwnText] = ()
    source: str = ""
    _by_key: Mapping[tuple[Channel, str | None, str | None], OwnText] = field(
        init=False, repr=False, compare=False
    )

    def __post_init__(self) -> None:
        by_key = {entry.key: entry for entry in self.entries}
        object.__setattr__(self, "_by_key", by_key)

    def select(self, channel: Channel, country: str, language: str) -> OwnText | None:
        """Return the text of a message, if the operator has one for it.

        One for the country precedes one for the language, because registered texts and
        senders are rules of a country. The text and the sender can be of two entries.
        """
        if not self.entries:
            return None
        keys = _keys(channel, country, language)
        found = [entry for entry in map(self._by_key.get, keys) if entry]
        if not found:
            return None
        worded = next((entry for entry in found if entry.text), found[0])
        senders = (entry.sender_id for entry in found if entry.sender_id)
        return replace(worded, sender_id=next(senders, None))


def _keys(
    channel: Channel, country: str, language: str
) -> Iterator[tuple[Channel, str | None, str | None]]:
    """Yield the keys of texts for a message, the best first."""
    yield channel, country, language
    yield channel, country, None
    yield channel, None, language
    yield channel, None, None


NO_OWN_TEXTS = OwnTexts()
"""No text of the operator."""
