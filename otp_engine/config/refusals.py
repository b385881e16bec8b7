"""Settings that are readable one by one, and refused together."""

from __future__ import annotations

from otp_engine.config import keys
from otp_engine.config.settings import Settings

# What docker-compose.yml falls back to. It is published, so it protects nothing.
_LOCAL_PEPPER = b"for-the-local-stack-only"
_PEPPERS = ("OTP_PEPPER", "OTP_PEPPER_PREVIOUS")
# Of 32 random bytes about 30 are different.
_LEAST_DIFFERENT = 8
_LEAST_MEMORY = 64  # KiB


def problems(settings: Settings) -> list[str]:
    """List what *settings* must not combine, a sentence each."""
    return _in_dev(settings) if settings.dev else _outside_dev(settings)


def _in_dev(settings: Settings) -> list[str]:
    """Keep real messages from being free for all who reach the port."""
    if "twilio" not in settings.senders:
        return []
    found = []
    if not settings.api_keys:
        found.append(
            "OTP_API_KEYS is not set: in dev mode the sender twilio needs it, because"
            " anyone who reaches the service could send messages; or OTP_DEV=0"
        )
    return found + _of_peppers(settings) + _of_keys(settings)


def _outside_dev(settings: Settings) -> list[str]:
    found = _of_peppers(settings)
    if settings.cost.memory_cost < _LEAST_MEMORY:
        found.append(
            f"OTP_ARGON2 must have m of at least {_LEAST_MEMORY} (KiB) outside dev"
            f" mode: {settings.cost}"
        )
    found += _of_keys(settings)
    if settings.metrics_key and settings.metrics_key.weak:
        found.append(
            f"OTP_METRICS_KEY must have at least {keys.LEAST_BITS} bits outside dev"
            " mode: `otp-engine keys metrics` makes one"
        )
    return found


def _of_keys(settings: Settings) -> list[str]:
    return [
        f"OTP_API_KEYS must have secrets of at least {keys.LEAST_BITS} bits outside dev"
        f" mode and with the sender twilio, and that of {key.name} has less:"
        " `otp-engine keys new` makes one"
        for key in settings.api_keys
        if key.weak
    ]


def _of_peppers(settings: Settings) -> list[str]:
    """Refuse peppers that can be guessed, the one before a rotation too."""
    found = []
    for name, pepper in zip(_PEPPERS, settings.peppers, strict=False):
        if pepper.secret.startswith(_LOCAL_PEPPER):
            found.append(
                f"{name} is the local stack's, which everybody knows:"
                " `otp-engine keygen` makes another"
            )
        elif len(set(pepper.secret)) < _LEAST_DIFFERENT:
            found.append(
                f"{name} has fewer than {_LEAST_DIFFERENT} different bytes:"
                " `otp-engine keygen` makes another"
            )
    return found
