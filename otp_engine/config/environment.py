"""The environment, read once; every problem with it is reported together."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from functools import partial

from otp_engine.config import (
    doubts,
    hosted,
    keys,
    readers,
    refusals,
    secret_settings,
    sids,
)
from otp_engine.config.given import Environment
from otp_engine.config.keys import ApiKey
from otp_engine.config.settings import Settings, Twilio
from otp_engine.crypto.argon2 import PROFILES, Argon2Parameters
from otp_engine.crypto.pepper import MIN_BYTES, Pepper
from otp_engine.domain import phone
from otp_engine.domain.policy import READERS as POLICY_READERS
from otp_engine.domain.policy import Policy
from otp_engine.errors import InvalidSettings

VARIABLES = (
    "REDIS_URL",
    "OTP_PEPPER",
    "OTP_PEPPER_PREVIOUS",
    "OTP_ARGON2",
    "OTP_SENDER",
    "TWILIO_ACCOUNT_SID",
    "TWILIO_AUTH_TOKEN",
    "TWILIO_API_KEY",
    "TWILIO_API_SECRET",
    "TWILIO_MESSAGING_SERVICE_SID",
    "TWILIO_FROM",
    "TWILIO_API_BASE_URL",
    "OTP_BRAND",
    "OTP_DEFAULT_REGION",
    "OTP_ALLOWED_COUNTRIES",
    "OTP_API_KEYS",
    "OTP_ALLOW_ANONYMOUS",
    "OTP_METRICS_KEY",
    "OTP_SERVICE_SID",
    "OTP_TRUSTED_PROXIES",
    "OTP_REDIS_TIMEOUT",
    "OTP_REDIS_WAIT_REPLICAS",
    "OTP_DRAIN",
    "OTP_PUBLIC_URL",
    "OTP_CORS_ORIGINS",
    "OTP_TEST_NUMBERS",
    *hosted.VARIABLES,
    "OTP_DEV",
    *(f"OTP_{name.upper()}" for name in POLICY_READERS),
    *secret_settings.FILES.values(),
)
"""Every variable that is read. The README's tables name each of them."""

_ZEROS = "0" * 32
_DEFAULT_TIMEOUT = timedelta(milliseconds=500)


def read(given: Mapping[str, str]) -> Settings:
    """Read the settings from environment variables.

    Raises:
        InvalidSettings: With every problem found, not just the first.
    """
    environment = Environment(given)
    settings = _settings(environment)
    if environment.problems:
        raise InvalidSettings(environment.problems)
    return settings


def _settings(env: Environment) -> Settings:
    dev = env.read("OTP_DEV", readers.switch, default=False)
    region = env.read("OTP_DEFAULT_REGION", readers.region, "IN")
    everywhere = frozenset({phone.EVERYWHERE})
    if not dev:
        env.demand("REDIS_URL", why="only dev mode can do without a Redis")
    settings = Settings(
        dev=dev,
        redis_url=env.read("REDIS_URL", readers.redis_url, None),
        redis_timeout=env.read(
            "OTP_REDIS_TIMEOUT", readers.milliseconds, _DEFAULT_TIMEOUT
        ),
        redis_replicas=env.read("OTP_REDIS_WAIT_REPLICAS", readers.count(9), 0),
        drain=env.read("OTP_DRAIN", readers.drain, timedelta()),
        peppers=_peppers(env, dev=dev),
        cost=env.read("OTP_ARGON2", Argon2Parameters.parse, PROFILES["owasp"]),
        senders=(senders := _senders(env, dev=dev)),
        twilio=_twilio(env),
        brand=env.read("OTP_BRAND", readers.brand, "OTP Engine"),
        region=region,
        countries=env.read(
            "OTP_ALLOWED_COUNTRIES",
            readers.countries,
            everywhere if dev else frozenset({region}),
        ),
        api_keys=(api_keys := _api_keys(env, dev=dev)),
        metrics_key=env.read("OTP_METRICS_KEY", partial(keys.read, "metrics"), None),
        account_sid=_account(env, api_keys),
        service_sid=env.read("OTP_SERVICE_SID", readers.sid("VA"), f"VA{_ZEROS}"),
        trusted_proxies=env.read("OTP_TRUSTED_PROXIES", readers.count(16), 0),
        public_url=env.read("OTP_PUBLIC_URL", readers.http_url, None),
        cors_origins=hosted.read_origins(env, "OTP_CORS_ORIGINS", dev=dev),
        test_numbers=env.read("OTP_TEST_NUMBERS", readers.test_numbers(_today()), ()),
        hosted=hosted.read(env, dev=dev, verify=dev and "twilio" not in senders),
        policy=_policy(env),
        chosen=_chosen(env),
    )
    env.problems += refusals.problems(settings)
    return replace(
        settings, warnings=tuple(doubts.of(settings, env.unknown(VARIABLES), VARIABLES))
    )


def _peppers(env: Environment, *, dev: bool) -> tuple[Pepper, ...]:
    # The store inside a dev process forgets with it, so its pepper may as well.
    if not env.has("OTP_PEPPER") and dev and not env.has("REDIS_URL"):
        return (Pepper(secrets.token_bytes(MIN_BYTES)),)
    env.demand("OTP_PEPPER", why="`otp-engine keygen` makes one")
    current = env.read("OTP_PEPPER", readers.pepper, None)
    previous = env.read("OTP_PEPPER_PREVIOUS", readers.pepper, None)
    if current and current == previous:
        env.problems.append("OTP_PEPPER_PREVIOUS is the same as OTP_PEPPER")
    return tuple(pepper for pepper in (current, previous) if pepper)


def _senders(env: Environment, *, dev: bool) -> tuple[str, ...]:
    unsaid = ("twilio",) if env.has("TWILIO_ACCOUNT_SID") else ("console",)
    if unsaid == ("console",) and not dev:
        env.demand("OTP_SENDER", why="it says who delivers: twilio, or console")
    names = env.read("OTP_SENDER", readers.senders, unsaid)
    if "twilio" in names:
        why = "the sender twilio needs it"
        env.demand("TWILIO_ACCOUNT_SID", why=why)
        if env.has("TWILIO_API_KEY"):
            env.demand("TWILIO_API_SECRET", why=why)
        else:
            env.demand("TWILIO_AUTH_TOKEN", why=why)
        if not env.has("TWILIO_MESSAGING_SERVICE_SID"):
            why += ", or TWILIO_MESSAGING_SERVICE_SID instead"
            env.demand("TWILIO_FROM", why=why)
    return names


def _twilio(env: Environment) -> Twilio | None:
    account = env.read("TWILIO_ACCOUNT_SID", readers.sid("AC"), "")
    key = env.read("TWILIO_API_KEY", readers.sid("SK"), "")
    token = env.read("TWILIO_AUTH_TOKEN", readers.text, "")
    secret = env.read("TWILIO_API_SECRET", readers.text, "")
    twilio = Twilio(
        account_sid=account,
        username=key or account,
        password=secret if key else token,
        service=env.read("TWILIO_MESSAGING_SERVICE_SID", readers.sid("MG"), None),
        from_=env.read("TWILIO_FROM", readers.text, None),
        base_url=env.read("TWILIO_API_BASE_URL", readers.http_url, None),
        token=token or None,
    )
    return twilio if account else None


def _api_keys(env: Environment, *, dev: bool) -> tuple[ApiKey, ...]:
    keys = env.read("OTP_API_KEYS", readers.api_keys, ())
    anonymous = env.read("OTP_ALLOW_ANONYMOUS", readers.switch, default=False)
    if not dev and not anonymous:
        why = "set OTP_ALLOW_ANONYMOUS=1 to let anybody have messages sent"
        env.demand("OTP_API_KEYS", why=why)
    return keys


def _account(env: Environment, keys: Sequence[ApiKey]) -> str:
    """The one account that `/v2` answers for."""
    accounts = sorted({key.name for key in keys if sids.is_one(key.name, "AC")})
    if len(accounts) > 1:
        env.problems.append("OTP_API_KEYS names two accounts, and there can be one")
    return accounts[0] if accounts else f"AC{_ZEROS}"


def _policy(env: Environment) -> Policy:
    default = Policy()
    values = {
        name: env.read(f"OTP_{name.upper()}", reader, getattr(default, name))
        for name, reader in POLICY_READERS.items()
    }
    return Policy(**values)


def _today() -> date:
    return datetime.now(UTC).date()


def _chosen(env: Environment) -> frozenset[str]:
    return frozenset(name for name in POLICY_READERS if env.has(f"OTP_{name.upper()}"))
