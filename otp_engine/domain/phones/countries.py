"""Countries as operators write them: ISO 3166 codes.

The plans of libphonenumber are imported when a country is parsed: the help of the
command line imports this module, and must not wait for them.
"""

from __future__ import annotations

from collections.abc import Collection

from otp_engine import parsing

# Codes that the European Union uses instead of the ones in ISO 3166.
_OTHER_CODES = {"UK": "GB", "EL": "GR"}


def parse(text: str) -> str:
    """Parse the ISO 3166 code of a country with mobile numbers.

    Raises:
        ValueError: The text is not such a code. The message follows the name of a
            setting.
    """
    from otp_engine.domain.phones import numbers  # noqa: PLC0415 - see above

    code = text.upper()
    if code in _OTHER_CODES:
        raise ValueError(f"must be {_OTHER_CODES[code]}, and not {code}, in ISO 3166")
    if not numbers.has_mobile_numbers(code):
        raise ValueError(
            "must be the ISO 3166 code of a country with mobile numbers, such as IN:"
            f" {text!r}"
        )
    return code


def parse_counted(text: str) -> str:
    """Parse the code of a country that numbers count under.

    Åland has numbers of Finland, which count under `FI`. The networks of no country
    count under `001`.

    Raises:
        ValueError: The text is not such a code. The message follows the name of a
            setting.
    """
    from otp_engine.domain.phones import numbering_plans, numbers  # noqa: PLC0415 - see above

    if text == numbers.GLOBAL_NETWORK:
        return text
    code = parse(text)
    main = numbering_plans.main_country(code)
    if main != code:
        raise ValueError(f"must have {main} in place of {code}, which has its numbers")
    return code


def counted(allowed: Collection[str]) -> set[str]:
    """Return the countries that numbers of allowed countries count under.

    Args:
        allowed: ISO 3166 codes; `*` is ignored.
    """
    from otp_engine.domain.phones import numbering_plans, numbers  # noqa: PLC0415 - see above

    codes = set(allowed) - {numbers.COUNTRY_WILDCARD}
    return codes | set(map(numbering_plans.main_country, codes))


def parse_allowed(text: str) -> frozenset[str]:
    """Parse comma-separated codes, or `*` for all countries.

    Raises:
        ValueError: The text is neither. The message follows the name of a setting.
    """
    from otp_engine.domain.phones import numbers  # noqa: PLC0415 - see above

    if text == numbers.COUNTRY_WILDCARD:
        return frozenset({numbers.COUNTRY_WILDCARD})
    codes = frozenset(map(parse, parsing.comma_separated(text)))
    if not codes:
        raise ValueError("must name at least one country, or *")
    return codes
