"""Values of the policy with exceptions by country: `40, IN=off, ID=80`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from otp_engine.domain.phones import countries

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class ByCountry(Generic[T]):
    """A value for every country, and other values for some countries.

    Attributes:
        default: The value of each country that `exceptions` does not list.
        exceptions: ISO 3166 codes with their values, sorted by code.
    """

    default: T
    exceptions: tuple[tuple[str, T], ...] = ()
    _by_country: dict[str, T] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_by_country", dict(self.exceptions))

    @classmethod
    def parse(cls, text: str, parse_value: Callable[[str], T]) -> ByCountry[T]:
        """Parse `VALUE[, COUNTRY=VALUE ...]`.

        A part without `=` belongs to the value before it, as the second window in
        `SN=5/10m, 20/24h`.

        Args:
            text: The values, separated by commas. The first one has no country.
            parse_value: Parses one value; the message of its `ValueError` follows the
                name of a setting.

        Raises:
            ValueError: A part cannot be parsed, or a country is unknown or occurs
                twice. The message follows the name of a setting.
        """
        (first, default), *exceptions = _split(text)
        if first is not None:
            raise ValueError(
                "must start with the value of all other countries, and not with"
                f" {first}=: {text!r}"
            )
        by_country: dict[str, T] = {}
        for name, value in exceptions:
            code = countries.parse_counted(name or "")
            if code in by_country:
                raise ValueError(f"must have one value for each country: {code!r}")
            by_country[code] = parse_value(value)
        return cls(parse_value(default), tuple(sorted(by_country.items())))

    def for_country(self, country: str) -> T:
        """Return the value of a country, by its ISO 3166 code."""
        return self._by_country.get(country, self.default)

    @property
    def values(self) -> tuple[T, ...]:
        """All values, the default first."""
        return (self.default, *self._by_country.values())

    def __str__(self) -> str:
        exceptions = (f"{code}={_format(value)}" for code, value in self.exceptions)
        return ", ".join([_format(self.default), *exceptions])


def _split(text: str) -> list[tuple[str | None, str]]:
    """Return each country and the text of its value; the default has None."""
    parts: list[tuple[str | None, str]] = []
    for part in text.split(","):
        name, equals, value = part.partition("=")
        if equals:
            parts.append((name.strip(), value.strip()))
        elif parts:
            country, start = parts[-1]
            parts[-1] = (country, f"{start}, {part.strip()}")
        else:
            parts.append((None, part.strip()))
    return parts


def _format(value: Any) -> str:  # noqa: ANN401 - any value of the policy
    match value:
        case None:
            return "off"
        case float():
            return f"{value:g}"
        case _:
            return str(value)
