"""The values of the pumping guard in the policy, by country."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache, partial
from typing import Any

from otp_engine import parsing
from otp_engine.domain.policy.by_country import ByCountry
from otp_engine.domain.pumping_guard.rules import GuardMode, GuardRules

_SHARE = re.compile(r"0?\.[0-9]{1,4}", re.ASCII)
# Under 0.15 each approval would forgive more than six messages. The guard takes at most
# 0.6 of the share that is usually typed in, so a larger value has no effect.
LEAST_CONVERSION, MOST_CONVERSION = 0.15, 0.6
# A block has as many numbers.
_MOST_IN_A_BLOCK = 10_000
_MOST_IN_A_COUNTRY = 1_000_000


def _mode(text: str) -> GuardMode:
    word = text.lower()
    if word not in set(GuardMode):
        raise ValueError(f"must be on, shadow or off: {text!r}")
    return GuardMode(word)


def _conversion(text: str) -> float:
    in_form = _SHARE.fullmatch(text)
    if not in_form or not LEAST_CONVERSION <= float(text) <= MOST_CONVERSION:
        raise ValueError(
            f"must be a share from {LEAST_CONVERSION} to {MOST_CONVERSION}: {text!r}"
        )
    return float(text)


def _number_or_off(maximum: int) -> Callable[[str], int | None]:
    parse = parsing.integer(1, maximum)

    def parse_number(text: str) -> int | None:
        return None if text.lower() == "off" else parse(text)

    return parse_number


def _by_country(parse_value: Callable[[str], Any]) -> Callable[[str], ByCountry[Any]]:
    return partial(ByCountry.parse, parse_value=parse_value)


parse_mode = _by_country(_mode)
parse_block = _by_country(parsing.integer(1, _MOST_IN_A_BLOCK))
parse_wide = _by_country(_number_or_off(_MOST_IN_A_COUNTRY))
parse_conversion = _by_country(_conversion)


# A service sends to some countries with a few policies at a time.
@lru_cache(maxsize=1024)
def rules(  # noqa: PLR0913 - the values of the policy
    country: str,
    *,
    mode: ByCountry[GuardMode],
    block: ByCountry[int],
    strict: ByCountry[int],
    pressure: ByCountry[int | None],
    wide: ByCountry[int | None],
    conversion: ByCountry[float],
) -> GuardRules:
    """Return the rules for one country; empty for an e-mail address."""
    return GuardRules(
        mode=mode.for_country(country) if country else GuardMode.OFF,
        block=block.for_country(country),
        strict=strict.for_country(country),
        pressure=pressure.for_country(country),
        wide=wide.for_country(country),
        conversion=conversion.for_country(country),
    )
