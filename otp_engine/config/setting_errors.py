"""Settings that are valid one by one, and not safe together."""

from __future__ import annotations

from otp_engine.config import console_settings, factor_keys, setting_parsers
from otp_engine.config.settings import Settings
from otp_engine.crypto.api_keys import MIN_BITS
from otp_engine.domain.money.budget import Budget

# The defaults of docker-compose.yml. They are published, so they protect nothing.
_LOCAL_SECRET = b"for-the-local-stack-only"
_PEPPER_NAMES = ("OTP_PEPPER", "OTP_PEPPER_PREVIOUS")
# 32 random bytes have about 30 different values.
_MIN_DISTINCT_BYTES = 8
_MIN_ARGON2_MEMORY = 64  # KiB


def find_problems(settings: Settings) -> list[str]:
    """Return a sentence for each unsafe combination of *settings*."""
    problems = _dev_problems if settings.dev else _production_problems
    return [
        *problems(settings),
        *_admin_problems(settings),
        *console_settings.find_problems(
            settings.console,
            settings.api_keys,
            proxies=settings.trusted_proxies,
            dev=settings.dev,
        ),
        *(
            f"OTP_BUDGET {problem}"
            for problem in budget_problems(settings.policy.budget, settings.currency)
        ),
    ]


def budget_problems(budget: Budget, currency: str) -> list[str]:
    """Return a sentence for a *budget* in another currency than the prices.

    Args:
        budget: The budget.
        currency: The currency of the prices.

    Returns:
        The problem, to follow the name of the budget.
    """
    if budget.currency in {None, currency}:
        return []
    problem = (
        f"is in {budget.currency}, and the prices are in {currency}: set a budget in"
        f" {currency}, or OTP_CURRENCY and OTP_PRICES"
    )
    return [problem]


def find_provider_problems(settings: Settings) -> list[str]:
    """Return a sentence for each problem of what only the service itself uses."""
    return [
        *find_price_problems(settings),
        *(
            f"OTP_ROUTES {problem}"
            for problem in settings.route_problems(settings.policy.routes)
        ),
    ]


def find_price_problems(settings: Settings) -> list[str]:
    """Return a sentence for prices in another currency than that of the settings."""
    if settings.prices.currency == settings.currency:
        return []
    problem = (
        f"OTP_CURRENCY is {settings.currency}, and the built-in prices are in"
        f" {settings.prices.currency}: set OTP_PRICES to a list of your prices"
    )
    return [problem]


def _admin_problems(settings: Settings) -> list[str]:
    if settings.admin_host is None or settings.admin_port is not None:
        return []
    return ["OTP_ADMIN_HOST has no effect without OTP_ADMIN_PORT: set both, or none"]


def _dev_problems(settings: Settings) -> list[str]:
    """Return what would let every client send real messages."""
    if not (name := settings.real_sender):
        return []
    problems = []
    if not settings.api_keys:
        problems.append(
            f"OTP_API_KEYS is not set: in dev mode the sender {name} needs it, because"
            " every client could send messages. Set a key, or OTP_DEV=0"
        )
    return problems + _secret_key_problems(settings) + _api_key_problems(settings)


def _production_problems(settings: Settings) -> list[str]:
    problems = _secret_key_problems(settings)
    if settings.argon2.memory_cost < _MIN_ARGON2_MEMORY:
        problems.append(
            f"OTP_ARGON2 must have m of at least {_MIN_ARGON2_MEMORY} (KiB) outside of"
            f" dev mode: {settings.argon2}"
        )
    problems += _api_key_problems(settings)
    if settings.metrics_key and settings.metrics_key.weak:
        problems.append(
            f"OTP_METRICS_KEY must have at least {MIN_BITS} bits outside of dev mode:"
            f" {setting_parsers.GENERATE_METRICS_KEY} generates a key"
        )
    return problems


def _api_key_problems(settings: Settings) -> list[str]:
    return [
        f"OTP_API_KEYS must have secrets of at least {MIN_BITS} bits, and that of"
        f" {key.name} has fewer. Only dev mode without a real sender accepts it;"
        f" {setting_parsers.GENERATE_API_KEY} generates a key"
        for key in settings.api_keys
        if key.weak
    ]


def _secret_key_problems(settings: Settings) -> list[str]:
    """Reject predictable peppers and factor keys, those before a rotation too."""
    keys = [
        *zip(_PEPPER_NAMES, settings.peppers, strict=False),
        *zip(factor_keys.VARIABLES, settings.factor_keys, strict=False),
    ]
    problems = []
    for name, key in keys:
        is_pepper = name in _PEPPER_NAMES
        noun = "pepper" if is_pepper else "factor key"
        cure = setting_parsers.GENERATE_PEPPER if is_pepper else factor_keys.GENERATE
        if key.secret.startswith(_LOCAL_SECRET):
            problems.append(
                f"{name} is the published {noun} of the local stack: {cure} generates"
                " another"
            )
        elif len(set(key.secret)) < _MIN_DISTINCT_BYTES:
            problems.append(
                f"{name} has fewer than {_MIN_DISTINCT_BYTES} different bytes: {cure}"
                " generates another"
            )
    return problems
