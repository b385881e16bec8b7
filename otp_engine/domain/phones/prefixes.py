"""Prefixes of numbers as operators write them: `+22177`.

A prefix is a calling code and any number of digits after it. It names no person: the
longest mobile number of its calling code has at least four more digits.

The plans of libphonenumber are imported when a prefix is parsed, for the reason in
`countries`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

from otp_engine.domain.pumping_guard.places import HIDDEN_DIGIT

HIDDEN_DIGITS = 4
"""Digits of the longest mobile number that a prefix never has."""

_MAX_CALLING_CODE_LENGTH = 3
_MAX_BLOCKS = 100_000
# What libphonenumber has in place of the lengths of a kind that a plan lacks.
_NO_LENGTH = -1
_FORM = re.compile(r"\+[1-9][0-9]{0,14}", re.ASCII)


@dataclass(frozen=True, slots=True, order=True)
class Prefix:
    """The start of E.164 numbers; `parse` checks it.

    Attributes:
        text: The plus and the digits.
    """

    text: str

    @classmethod
    def parse(cls, text: str) -> Prefix:
        """Parse a plus, a calling code and any number of digits.

        Raises:
            ValueError: The text is not a prefix, or names a person. The message follows
                the name of a setting.
        """
        digits = text.removesuffix(HIDDEN_DIGIT * HIDDEN_DIGITS)
        if not _FORM.fullmatch(digits):
            raise ValueError(f"must have prefixes such as +22177: {text!r}")
        if digits != text:
            raise ValueError(
                f"must have prefixes of digits: {digits} in place of {text!r} also"
                " includes longer numbers"
            )
        code = calling_code(text)
        if code is None:
            raise ValueError(f"must have prefixes with a known calling code: {text!r}")
        longest = len(f"+{code}") + _longest_mobile_number(code)
        if len(text) > longest - HIDDEN_DIGITS:
            raise ValueError(
                f"must have prefixes that hide at least {HIDDEN_DIGITS} digits of a"
                f" number: {text[: longest - HIDDEN_DIGITS]} is the longest one here"
            )
        return cls(text)

    def __str__(self) -> str:
        return self.text


class PrefixIndex:
    """Finds the prefixes of a number among any number of prefixes.

    A search takes one lookup for each length, of which there are at most 15.
    """

    __slots__ = ("_by_text", "_lengths")

    def __init__(self, prefixes: Iterable[Prefix] = ()) -> None:
        """Index *prefixes*."""
        self._by_text = {prefix.text: prefix for prefix in prefixes}
        self._lengths = sorted({len(text) for text in self._by_text})

    def matching(self, e164: str) -> list[Prefix]:
        """Return the prefixes that a number starts with, the shortest first.

        Args:
            e164: The number in E.164.
        """
        return [
            prefix
            for length in self._lengths
            if length <= len(e164) and (prefix := self._by_text.get(e164[:length]))
        ]

    def __bool__(self) -> bool:
        return bool(self._by_text)


def calling_code(text: str) -> int | None:
    """Return the calling code that a plus and digits start with, if they have one."""
    from phonenumbers import COUNTRY_CODE_TO_REGION_CODE  # noqa: PLC0415 - see above

    # No calling code is the start of another one.
    codes = (int(text[1:end]) for end in range(2, _MAX_CALLING_CODE_LENGTH + 2))
    return next((code for code in codes if code in COUNTRY_CODE_TO_REGION_CODE), None)


def regions(prefix: str) -> frozenset[str]:
    """Return the countries of the calling code of a prefix, as ISO 3166 codes."""
    from phonenumbers import COUNTRY_CODE_TO_REGION_CODE  # noqa: PLC0415 - see above

    return frozenset(COUNTRY_CODE_TO_REGION_CODE.get(calling_code(prefix) or 0, ()))


def blocks_in(prefix: str) -> list[str]:
    """List the blocks of mobile numbers that start with a prefix.

    A calling code with numbers of several lengths has blocks of several lengths.

    Args:
        prefix: A known calling code and any number of digits, with a plus.

    Raises:
        ValueError: There are over 100,000. The message follows the name of an option.
    """
    code = calling_code(prefix) or 0
    shortest = len(f"+{code}") - HIDDEN_DIGITS - len(prefix)
    missing = sorted(shortest + length for length in _mobile_lengths(code))
    if sum(10**digits for digits in missing if digits >= 0) > _MAX_BLOCKS:
        raise ValueError(f"has more than {_MAX_BLOCKS} blocks: {prefix!r}")
    blocks = [prefix] if 0 in missing else []
    for digits in missing:
        if digits > 0:
            blocks += [f"{prefix}{rest:0{digits}}" for rest in range(10**digits)]
    return blocks


def _longest_mobile_number(code: int) -> int:
    """Return the largest number of digits after the calling code *code*."""
    return max(_mobile_lengths(code))


@cache
def _mobile_lengths(code: int) -> frozenset[int]:
    """Return the numbers of digits that mobile numbers have after a calling code."""
    from phonenumbers import (  # noqa: PLC0415 - see above
        COUNTRY_CODE_TO_REGION_CODE,
        PhoneMetadata,
    )

    plans = [
        plan
        for region in COUNTRY_CODE_TO_REGION_CODE[code]
        if (plan := PhoneMetadata.metadata_for_region_or_calling_code(code, region))
    ]
    # Plans of networks without mobile numbers have general numbers only.
    kinds = [plan.mobile or plan.general_desc for plan in plans]
    lengths = {length for kind in kinds if kind for length in kind.possible_length}
    return frozenset(lengths - {_NO_LENGTH})
