"""What is allowed, and unwise."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence

from otp_engine.config.settings import Settings


def of(settings: Settings, unknown: Iterable[str], known: Sequence[str]) -> list[str]:
    """Say what is unwise in *settings*, a sentence each.

    Args:
        settings: All of them.
        unknown: Variables that look like ours, and are none.
        known: Those that are.
    """
    warnings = settings.policy.warnings()
    if not settings.cost.meets_asvs:
        warnings.append("OTP_ARGON2 is weaker than OWASP ASVS 5.0 (appendix C) accepts")
    if "console" in settings.senders and not settings.dev:
        warnings.append("OTP_SENDER console prints every code where the logs go")
    if len(settings.peppers) > 1:
        warnings.append("OTP_PEPPER_PREVIOUS is set: remove it a day after the change")
    if settings.trusted_proxies and not settings.public_url:
        warnings.append(
            "OTP_PUBLIC_URL is not set: behind a proxy, the URLs that /v2 answers with"
            " can lead elsewhere, and SDKs follow them with their credentials"
        )
    warnings += [
        f"OTP_API_KEYS: the secret of {key.name} is short; `otp-engine keys new` makes"
        " one"
        for key in settings.api_keys
        if key.short
    ]
    if settings.metrics_key and settings.metrics_key.short:
        warnings.append("OTP_METRICS_KEY is short; `otp-engine keys metrics` makes one")
    if settings.hosted.verify and not settings.dev:
        if settings.api_keys:
            warnings.append(
                "OTP_VERIFY_PAGE lets anybody have codes sent and spend guesses, of"
                " phones that programs with a key ask for as well"
            )
        if not (settings.public_url or "").startswith("https://"):
            warnings.append(
                "OTP_VERIFY_PAGE without an https OTP_PUBLIC_URL: its"
                " cookie may travel in plain"
            )
    for name in unknown:
        near = difflib.get_close_matches(name, known, n=1)
        hint = f"; did you mean {near[0]}?" if near else ""
        warnings.append(f"{name} is not a setting{hint}")
    return warnings
