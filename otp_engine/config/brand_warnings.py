"""Warnings about a brand that does not fit into one segment with the whole text."""

from __future__ import annotations

from datetime import timedelta

from otp_engine.domain.messages import segments
from otp_engine.domain.messages.languages import TEXTS


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
    counts = {
        language: segments.count(
            " ".join(
                [
                    text.code.format(code=code, brand=brand),
                    text.render_lifetime(ttl),
                    text.warning,
                ]
            )
        )
        for language, text in TEXTS.items()
    }
    over = ", ".join(f"{language} {n}" for language, n in counts.items() if n > 1)
    if not over:
        return []
    warning = (
        f"{source} {brand!r} is too long for one segment with the whole text (segments:"
        f" {over}), so messages in these languages leave out the lifetime or the"
        " warning. A segment has 160 characters of the GSM 7-bit alphabet, or 70 if any"
        " other is among them"
    )
    return [warning]
