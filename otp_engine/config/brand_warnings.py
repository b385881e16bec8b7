"""Warnings about a brand that does not fit into one segment with the whole text."""

from __future__ import annotations

from datetime import timedelta

from otp_engine.domain.messages import sms
from otp_engine.domain.messages.languages import LOCALES


def collect_warnings(
    source: str, brand: str, *, code_length: int, ttl: timedelta
) -> list[str]:
    """Return what messages with *brand* leave out, to stay within one segment.

    Args:
        source: The setting or the service that has the brand.
        brand: The name in messages.
        code_length: Digits of a code.
        ttl: Lifetime of a code.
    """
    code = "0" * code_length
    over = [
        language
        for language in sorted(LOCALES)
        if sms.render(code=code, brand=brand, ttl=ttl, language=language).left_out
    ]
    if not over:
        return []
    warning = (
        f"{source} {brand!r} is too long for one segment with the whole text in"
        f" {len(over)} of {len(LOCALES)} languages ({', '.join(over)}), so messages in"
        " these languages leave out the lifetime or the warning. A segment has 160"
        " characters of the GSM 7-bit alphabet, or 70 if any other is among them"
    )
    return [warning]
