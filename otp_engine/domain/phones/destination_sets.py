"""Sets of numbers as operators write them: `SN, +22177`, or `off` for none."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from otp_engine import parsing
from otp_engine.domain.phones import countries
from otp_engine.domain.phones.prefixes import Prefix, PrefixIndex

if TYPE_CHECKING:
    # For the type checker only, for the reason in `countries`.
    from otp_engine.domain.phones.numbers import PhoneNumber


@dataclass(frozen=True, slots=True)
class DestinationSet:
    """The numbers of some countries and prefixes; a number can match several.

    Attributes:
        countries: ISO 3166 codes, sorted.
        prefixes: Prefixes, sorted.
    """

    countries: tuple[str, ...] = ()
    prefixes: tuple[Prefix, ...] = ()
    _country_set: frozenset[str] = field(init=False, repr=False, compare=False)
    _index: PrefixIndex = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_country_set", frozenset(self.countries))
        object.__setattr__(self, "_index", PrefixIndex(self.prefixes))

    @classmethod
    def parse(cls, text: str) -> DestinationSet:
        """Parse comma-separated countries and prefixes, or `off` for none.

        Raises:
            ValueError: A part is neither a country nor a prefix, or occurs twice. The
                message follows the name of a setting.
        """
        if text.strip().lower() == "off":
            return cls()
        parts = parsing.comma_separated(text)
        if not parts:
            raise ValueError("must have countries and prefixes, as SN, +22177, or off")
        prefixes = [Prefix.parse(part) for part in parts if _is_number(part)]
        codes = [
            countries.parse_counted(part) for part in parts if not _is_number(part)
        ]
        if len({*codes, *prefixes}) < len(parts):
            raise ValueError(f"must name each country and prefix once: {text!r}")
        return cls(tuple(sorted(codes)), tuple(sorted(prefixes)))

    def includes(self, number: PhoneNumber) -> bool:
        """Return whether the country or a prefix of *number* is in the set."""
        if number.country in self._country_set:
            return True
        return bool(self.prefixes) and bool(self._index.matching(number.e164))

    def __str__(self) -> str:
        return ", ".join([*self.countries, *map(str, self.prefixes)]) or "off"


def _is_number(part: str) -> bool:
    """Return whether *part* is a prefix, with its plus or, by mistake, without."""
    from otp_engine.domain.phones import numbers  # noqa: PLC0415 - as in `countries`

    return part[0] in "+0123456789" and part != numbers.GLOBAL_NETWORK
