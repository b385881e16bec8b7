"""Loads all settings from the environment, and reports every problem at once."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any, TypedDict

from otp_engine.config import (
    apprise_settings,
    aws_settings,
    command_settings,
    console_settings,
    event_webhook,
    factor_keys,
    own_text_warnings,
    plugin_settings,
    price_lists,
    price_warnings,
    proxies,
    secret_settings,
    service_webhooks,
    setting_errors,
    setting_warnings,
    smtp_settings,
    telegram_settings,
    text_settings,
    twilio_settings,
    urls,
    verify_page,
    webhook_settings,
)
from otp_engine.config import setting_parsers as parsers
from otp_engine.config.apprise_settings import AppriseSettings
from otp_engine.config.aws_settings import AwsSettings
from otp_engine.config.env_reader import EnvReader
from otp_engine.config.plugin_settings import PluginSettings
from otp_engine.config.settings import Settings, SmtpSettings, TwilioSettings
from otp_engine.config.telegram_settings import TelegramSettings
from otp_engine.config.text_settings import TextSettings
from otp_engine.config.webhook_settings import WebhookSettings
from otp_engine.crypto.api_keys import ApiKey
from otp_engine.crypto.argon2 import PROFILES, Argon2Parameters
from otp_engine.crypto.hash_queue import DEFAULT_WAIT
from otp_engine.crypto.pepper import Pepper
from otp_engine.crypto.secret_keys import MIN_BYTES
from otp_engine.domain import services
from otp_engine.domain.money import amounts
from otp_engine.domain.money.prices import Prices
from otp_engine.domain.phones import countries, numbers
from otp_engine.domain.policy.policy import PARSERS as POLICY_PARSERS
from otp_engine.domain.policy.policy import Policy
from otp_engine.domain.services import Service
from otp_engine.errors import InvalidSettings
from otp_engine.parsing import is_sid

VARIABLES = (
    "REDIS_URL",
    "OTP_PEPPER",
    "OTP_PEPPER_PREVIOUS",
    *factor_keys.VARIABLES,
    "OTP_ARGON2",
    "OTP_HASH_WAIT",
    "OTP_SENDER",
    *twilio_settings.VARIABLES,
    *aws_settings.VARIABLES,
    *telegram_settings.VARIABLES,
    *proxies.VARIABLES,
    *smtp_settings.VARIABLES,
    *webhook_settings.VARIABLES,
    *plugin_settings.VARIABLES,
    *apprise_settings.VARIABLES,
    "OTP_BRAND",
    "OTP_DEFAULT_REGION",
    "OTP_DEFAULT_LANGUAGES",
    "OTP_MESSAGES",
    "OTP_CURRENCY",
    "OTP_PRICES",
    "OTP_API_KEYS",
    "OTP_ALLOW_ANONYMOUS",
    "OTP_METRICS_KEY",
    *console_settings.VARIABLES,
    "OTP_ADMIN_PORT",
    "OTP_ADMIN_HOST",
    "OTP_SERVICE_SID",
    "OTP_SERVICE_NAME",
    "OTP_SERVICE_CODE_LENGTH",
    "OTP_SERVICE_CUSTOM_CODE",
    "OTP_TRUSTED_PROXIES",
    "OTP_REDIS_TIMEOUT",
    "OTP_REDIS_WAIT_REPLICAS",
    "OTP_SHARED_SLOTS",
    "OTP_DRAIN",
    "OTP_KEEP_ALIVE",
    "OTP_PUBLIC_URL",
    "OTP_CALLBACK_URL",
    "OTP_HOME_URL",
    "OTP_CORS_ORIGINS",
    "OTP_TEST_NUMBERS",
    *verify_page.VARIABLES,
    *event_webhook.VARIABLES,
    "OTP_OPERATOR",
    "OTP_DEV",
    *(f"OTP_{name.upper()}" for name in POLICY_PARSERS),
    *secret_settings.FILES.values(),
)
"""Every variable that is read. The tables of docs/configuration.md list them."""

_BRAND = "OTP Engine"
_NULL_SID_DIGITS = "0" * 32
_WITHOUT_REDIS = "only dev mode (`otp-engine serve --dev`) works without Redis"
_DEFAULT_REDIS_TIMEOUT = timedelta(milliseconds=500)
# Load balancers reuse an idle connection for up to a minute. The one that closes it
# must be the load balancer: it can send a request while the service closes it.
_DEFAULT_KEEP_ALIVE = timedelta(seconds=75)


class _Accounts(TypedDict):
    """The settings of the providers."""

    senders: tuple[str, ...]
    webhooks: tuple[WebhookSettings, ...]
    plugins: tuple[PluginSettings, ...]
    apprise: AppriseSettings | None
    twilio: TwilioSettings | None
    aws: AwsSettings | None
    telegram: TelegramSettings | None
    smtp: SmtpSettings | None


def load(environ: Mapping[str, str]) -> Settings:
    """Load the settings.

    Args:
        environ: The environment variables.

    Raises:
        InvalidSettings: With every problem, not only the first one.
    """
    env = EnvReader(environ)
    unknown = setting_warnings.name_warnings(env.unknown(VARIABLES), VARIABLES)
    try:
        settings = _valid_settings(
            env, _WITHOUT_REDIS, setting_errors.find_provider_problems
        )
    except InvalidSettings as error:
        # A setting that is missing can be one with a misspelled name.
        raise InvalidSettings(error.problems, unknown) from None
    warnings = setting_warnings.collect_warnings(settings)
    warnings += unknown
    warnings += [
        f"{variable} is set, and OTP_SENDER does not list {name}: no message goes to it"
        for name, variable in _ACCOUNTS.items()
        if env.has(variable) and name not in settings.senders
    ]
    warnings += setting_warnings.sandbox_warnings(settings, _today())
    warnings += price_warnings.collect(settings, _today())
    warnings += own_text_warnings.collect(settings)
    return replace(settings, warnings=tuple(warnings))


# Docker Compose sets those of e-mail in any case.
_ACCOUNTS = {
    "aws": "OTP_AWS_NOTIFY_CONFIGURATION",
    "telegram": "TELEGRAM_GATEWAY_TOKEN",
    "apprise": "OTP_APPRISE_URLS",
}


def load_for_command(environ: Mapping[str, str]) -> Settings:
    """Load the settings of a command on a running service.

    The other variables are not read, and can be missing or invalid.

    Args:
        environ: The environment variables.

    Returns:
        The settings, with their defaults for all variables that are not in
        `command_settings.VARIABLES`, and the channels of the providers and the sandbox
        numbers if the environment has the complete settings of the service.

    Raises:
        InvalidSettings: With every problem, not only the first one.
    """
    env = EnvReader(command_settings.select(environ))
    settings = _valid_settings(env, command_settings.WITHOUT_REDIS)
    try:
        service = load(environ)
    except InvalidSettings:
        return replace(settings, knows_providers=False)
    return replace(
        settings,
        known_channels=service.channels_by_provider,
        test_numbers=service.test_numbers,
    )


def load_prices(environ: Mapping[str, str]) -> Prices:
    """Load the prices, without the other settings.

    Args:
        environ: The environment variables.

    Raises:
        InvalidSettings: With every problem.
    """
    env = EnvReader(environ)
    prices = _prices(env, _currency(env))
    if env.problems:
        raise InvalidSettings(env.problems)
    return prices


def load_texts(environ: Mapping[str, str]) -> TextSettings:
    """Load what texts depend on, without the other settings.

    Args:
        environ: The environment variables.

    Raises:
        InvalidSettings: With every problem.
    """
    env = EnvReader(environ)
    default = Policy()
    brand = env.get("OTP_BRAND", parsers.brand, _BRAND)
    settings = TextSettings(
        defaults=text_settings.load_defaults(env, brand),
        code_length=env.get(
            "OTP_CODE_LENGTH", POLICY_PARSERS["code_length"], default.code_length
        ),
        ttl=env.get("OTP_TTL", POLICY_PARSERS["ttl"], default.ttl),
        prices=_prices(env, _currency(env)),
    )
    if env.problems:
        raise InvalidSettings(env.problems)
    return settings


def _valid_settings(
    env: EnvReader, without_redis: str, *checks: Callable[[Settings], list[str]]
) -> Settings:
    settings = _settings(env, without_redis)
    for find_problems in (setting_errors.find_problems, *checks):
        env.problems += find_problems(settings)
    if env.problems:
        raise InvalidSettings(env.problems)
    return settings


def _settings(env: EnvReader, without_redis: str) -> Settings:
    dev = env.get("OTP_DEV", parsers.boolean, default=False)
    region = env.get("OTP_DEFAULT_REGION", countries.parse, "IN")
    if not dev:
        env.require("REDIS_URL", why=without_redis)
    accounts = _accounts(env, dev=dev)
    return Settings(
        dev=dev,
        **_redis(env),
        drain_duration=env.get("OTP_DRAIN", parsers.drain_duration, timedelta()),
        keep_alive=env.get("OTP_KEEP_ALIVE", parsers.keep_alive, _DEFAULT_KEEP_ALIVE),
        peppers=(peppers := _peppers(env, dev=dev)),
        factor_keys=factor_keys.load(env, peppers, dev=dev),
        argon2=env.get("OTP_ARGON2", Argon2Parameters.parse, PROFILES["owasp"]),
        hash_wait=env.get("OTP_HASH_WAIT", parsers.hash_wait, DEFAULT_WAIT),
        **accounts,
        brand=(brand := env.get("OTP_BRAND", parsers.brand, _BRAND)),
        default_region=region,
        text_defaults=text_settings.load_defaults(env, brand),
        currency=(currency := _currency(env)),
        prices=_prices(env, currency),
        api_keys=(client_keys := _api_keys(env, dev=dev)),
        metrics_key=env.get("OTP_METRICS_KEY", parsers.metrics_key, None),
        console=console_settings.load(env),
        admin_port=env.get("OTP_ADMIN_PORT", parsers.port, None),
        admin_host=env.get("OTP_ADMIN_HOST", str, None),
        account_sid=_account_sid(env, client_keys),
        service=_default_service(env, brand),
        trusted_proxies=env.get("OTP_TRUSTED_PROXIES", parsers.non_negative_int(16), 0),
        public_url=env.get("OTP_PUBLIC_URL", urls.base_url, None),
        home_url=env.get("OTP_HOME_URL", urls.page, None),
        callback_url=env.get("OTP_CALLBACK_URL", urls.base_url, None),
        cors_origins=verify_page.get_origins(env, "OTP_CORS_ORIGINS", dev=dev),
        test_numbers=env.get("OTP_TEST_NUMBERS", parsers.test_numbers(_today()), ()),
        verify_page=verify_page.load(env, dev=dev, senders=accounts["senders"]),
        event_webhook=event_webhook.load(env, dev=dev),
        service_webhooks=service_webhooks.load(env, dev=dev),
        operator=env.get("OTP_OPERATOR", command_settings.operator_name, None),
        policy=_policy(env, dev=dev, region=region),
        explicit_policy_names=_explicit_policy_names(env),
    )


def _accounts(env: EnvReader, *, dev: bool) -> _Accounts:
    """Load the settings of each provider."""
    webhooks = webhook_settings.load(env, dev=dev)
    senders = _senders(env, webhooks, dev=dev)
    own = {*parsers.BUILT_IN_SENDERS, *(webhook.name for webhook in webhooks)}
    plugins = [name for name in senders if name not in own]
    return {
        "senders": senders,
        "webhooks": webhooks,
        "plugins": plugin_settings.load(plugins, env),
        "apprise": apprise_settings.load(env, is_used="apprise" in senders),
        "twilio": twilio_settings.load(env),
        "aws": aws_settings.load(env, is_used="aws" in senders),
        "telegram": telegram_settings.load(env, is_used="telegram" in senders),
        "smtp": smtp_settings.load(env),
    }


def _redis(env: EnvReader) -> dict[str, Any]:
    """Return the settings of Redis, by the names of their attributes."""
    return {
        "redis_url": env.get("REDIS_URL", parsers.redis_url, None),
        "redis_timeout": env.get(
            "OTP_REDIS_TIMEOUT", parsers.redis_timeout, _DEFAULT_REDIS_TIMEOUT
        ),
        "redis_replicas": env.get(
            "OTP_REDIS_WAIT_REPLICAS", parsers.non_negative_int(9), 0
        ),
        "shared_slots": env.get("OTP_SHARED_SLOTS", parsers.shared_slots, 1),
    }


def _currency(env: EnvReader) -> str:
    default = price_lists.DEFAULT_CURRENCY
    return env.get("OTP_CURRENCY", amounts.parse_currency, default)


def _prices(env: EnvReader, currency: str) -> Prices:
    found = env.get("OTP_PRICES", price_lists.reader(currency), None)
    return found or price_lists.default()


def _peppers(env: EnvReader, *, dev: bool) -> tuple[Pepper, ...]:
    # The embedded store of dev mode ends with the process, so its pepper may as well.
    if not env.has("OTP_PEPPER") and dev and not env.has("REDIS_URL"):
        return (Pepper(secrets.token_bytes(MIN_BYTES)),)
    env.require("OTP_PEPPER", why=f"{parsers.GENERATE_PEPPER} generates one")
    current = env.get("OTP_PEPPER", parsers.pepper, None)
    previous = env.get("OTP_PEPPER_PREVIOUS", parsers.pepper, None)
    if current and current == previous:
        env.problems.append(
            "OTP_PEPPER_PREVIOUS is the same as OTP_PEPPER: set it to the pepper"
            " before the rotation, or remove it"
        )
    return tuple(pepper for pepper in (current, previous) if pepper)


def _senders(
    env: EnvReader, webhooks: Iterable[WebhookSettings], *, dev: bool
) -> tuple[str, ...]:
    default = ("twilio",) if env.has("TWILIO_ACCOUNT_SID") else ("console",)
    if default == ("console",) and not dev:
        env.require(
            "OTP_SENDER",
            why="set it to the names of providers, or TWILIO_ACCOUNT_SID for Twilio;"
            " console only prints the messages, for a rehearsal",
        )
    own = [webhook.name for webhook in webhooks]
    invalid = () if own else webhook_settings.claimed_names(env)
    parse = parsers.senders(own, plugin_settings.installed, invalid)
    names = env.get("OTP_SENDER", parse, default)
    if "twilio" in names:
        why = "the sender twilio needs it"
        env.require("TWILIO_ACCOUNT_SID", why=why)
        if env.has("TWILIO_API_KEY"):
            env.require("TWILIO_API_SECRET", why=why)
        else:
            env.require("TWILIO_AUTH_TOKEN", why=why)
        if not twilio_settings.has_sender(env):
            why += ", or TWILIO_MESSAGING_SERVICE_SID instead"
            env.require("TWILIO_FROM", why=why)
    if "smtp" in names:
        env.require("OTP_SMTP_URL", why="the sender smtp needs it")
        env.require("OTP_SMTP_FROM", why="the sender smtp needs it")
    return names


def _api_keys(env: EnvReader, *, dev: bool) -> tuple[ApiKey, ...]:
    keys = env.get("OTP_API_KEYS", parsers.api_keys, ())
    anonymous = env.get("OTP_ALLOW_ANONYMOUS", parsers.boolean, default=False)
    if not dev and not anonymous:
        env.require(
            "OTP_API_KEYS",
            why=f"{parsers.GENERATE_API_KEY} generates a key, and OTP_ALLOW_ANONYMOUS=1"
            " lets clients without a key send messages",
        )
    return keys


def _account_sid(env: EnvReader, keys: Sequence[ApiKey]) -> str:
    """Return the account that `/v2` serves: the name of a key, or a null SID."""
    accounts = sorted({key.name for key in keys if is_sid(key.name, "AC")})
    if len(accounts) > 1:
        env.problems.append(
            "OTP_API_KEYS has several account SIDs: keep one, because /v2 serves one"
            " account"
        )
    return accounts[0] if accounts else f"AC{_NULL_SID_DIGITS}"


def _default_service(env: EnvReader, brand: str) -> Service:
    return Service(
        sid=env.get("OTP_SERVICE_SID", parsers.sid("VA"), f"VA{_NULL_SID_DIGITS}"),
        brand=env.get("OTP_SERVICE_NAME", services.parse_name, brand),
        code_length=env.get(
            "OTP_SERVICE_CODE_LENGTH", POLICY_PARSERS["code_length"], None
        ),
        custom_code=env.get("OTP_SERVICE_CUSTOM_CODE", parsers.boolean, default=False),
    )


def _policy(env: EnvReader, *, dev: bool, region: str) -> Policy:
    allowed = numbers.COUNTRY_WILDCARD if dev else region
    default = Policy(
        allowed_countries=frozenset({allowed}), call_countries=frozenset({allowed})
    )
    values = {
        name: env.get(f"OTP_{name.upper()}", parser, getattr(default, name))
        for name, parser in POLICY_PARSERS.items()
    }
    return Policy(**values)


def _explicit_policy_names(env: EnvReader) -> frozenset[str]:
    return frozenset(name for name in POLICY_PARSERS if env.has(f"OTP_{name.upper()}"))


def _today() -> date:
    return datetime.now(UTC).date()
