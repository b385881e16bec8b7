"""Switches by country, prefix, channel and API key: `on, SN=off, key:shop=off`.

A send is off if any name that it matches is off. Otherwise it is on if a name that it
matches is on, or by the default. So `off, IN=on` sends to India only, and
`on, SN=off, +22177=on` sends nothing to Senegal.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from otp_engine import parsing
from otp_engine.domain.limits import names
from otp_engine.domain.phones.prefixes import Prefix, PrefixIndex

DEFAULT = ""
"""The name of the default switch."""

CHANNEL, KEY = "channel:", "key:"
"""The starts of the names of channels and of API keys."""

MAX_NAMES = 10_000
"""Names in one value. Every policy version contains all of its values as text."""

_FORM = "must be on or off, and names with on or off: on, SN=off, +22177=off"

_state = parsing.boolean(("on",), ("off",))


@dataclass(frozen=True, slots=True)
class Switches:
    """A switch for all sends, and switches for some of them.

    Attributes:
        default: Whether a send is on that matches no name.
        by_name: Names with their switches: countries, prefixes, `channel:NAME` and
            `key:NAME`, in this order.
        all_on: Whether every send is on; stored, because each send reads it.
    """

    default: bool = True
    by_name: tuple[tuple[str, bool], ...] = ()
    all_on: bool = field(init=False, repr=False, compare=False)
    _states: Mapping[str, bool] = field(init=False, repr=False, compare=False)
    _prefixes: PrefixIndex = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        prefixes = [Prefix(name) for name, _ in self.by_name if name.startswith("+")]
        all_on = self.default and all(is_on for _, is_on in self.by_name)
        object.__setattr__(self, "all_on", all_on)
        object.__setattr__(self, "_states", dict(self.by_name))
        object.__setattr__(self, "_prefixes", PrefixIndex(prefixes))

    @classmethod
    def parse(cls, text: str) -> Switches:
        """Parse `on|off[, NAME=on|off ...]`.

        Raises:
            ValueError: The default is missing, a part cannot be parsed, a name occurs
                twice, or there are too many names. The message follows the name of a
                setting.
        """
        first, *parts = (part.strip() for part in text.split(","))
        if first.lower() not in {"on", "off"}:
            raise ValueError(f"{_FORM}: {first!r}")
        by_name: dict[str, bool] = {}
        for part in parts:
            written, equals, state = part.rpartition("=")
            if not equals:
                raise ValueError(f"{_FORM}: {part!r}")
            name = _parse_name(written.strip())
            if name in by_name:
                raise ValueError(f"must have each name once: {written.strip()!r}")
            by_name[name] = _state(state.strip())
        if len(by_name) > MAX_NAMES:
            raise ValueError(f"must have at most {MAX_NAMES} names: {len(by_name)}")
        return cls(_state(first), tuple(sorted(by_name.items(), key=_order)))

    def find_off(
        self, *, country: str, e164: str, channel: str, client_name: str | None
    ) -> str | None:
        """Return the name that switches a send off; None if the send is on.

        Args:
            country: ISO 3166 code that the number counts under; empty for an e-mail
                address.
            e164: The number in E.164, or an e-mail address.
            channel: The channel of the message.
            client_name: Name of the API key; None for an anonymous client.

        Returns:
            The first name of the API key, the channel, the country and the prefixes
            that is off, or `DEFAULT`.
        """
        prefixes = [prefix.text for prefix in self._prefixes.matching(e164)]
        return self.find_off_among(
            country=country, prefixes=prefixes, channel=channel, client_name=client_name
        )

    def find_off_among(
        self,
        *,
        country: str,
        prefixes: Sequence[str],
        channel: str,
        client_name: str | None,
    ) -> str | None:
        """Return what `find_off` does, for a number that is known by its prefixes.

        Args:
            country: ISO 3166 code that the number counts under.
            prefixes: Names of switches that the number starts with.
            channel: The channel of the message.
            client_name: Name of the API key; None for an anonymous client.
        """
        key = [f"{KEY}{client_name}"] if client_name else []
        matching = [*key, f"{CHANNEL}{channel}", country, *prefixes]
        states = [
            (name, self._states[name]) for name in matching if name in self._states
        ]
        if off := next((name for name, is_on in states if not is_on), None):
            return off
        return None if states or self.default else DEFAULT

    def __bool__(self) -> bool:
        """Return whether any send can be on."""
        return self.default or any(is_on for _, is_on in self.by_name)

    def __str__(self) -> str:
        parts = [f"{name}={_format(is_on)}" for name, is_on in self.by_name]
        return ", ".join([_format(self.default), *parts])


def _parse_name(text: str) -> str:
    if text.startswith("+"):
        return names.PREFIX.parse(text)
    if text.startswith(CHANNEL):
        return CHANNEL + names.CHANNEL.parse(text.removeprefix(CHANNEL))
    if text.startswith(KEY):
        return KEY + names.KEY.parse(text.removeprefix(KEY))
    if ":" in text or not text:
        raise ValueError(
            f"must name a country, a prefix, channel:NAME or key:NAME: {text!r}"
        )
    return names.COUNTRY.parse(text)


def _order(item: tuple[str, bool]) -> tuple[int, str]:
    name = item[0]
    kinds = (name.startswith("+"), name.startswith(CHANNEL), name.startswith(KEY))
    return (kinds.index(True) + 1 if any(kinds) else 0), name


def _format(is_on: bool) -> str:  # noqa: FBT001 - a value to format
    return "on" if is_on else "off"
