"""Warnings about settings, policies and services that are allowed but unsafe."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from datetime import date
from urllib.parse import urlsplit

from otp_engine.config import (
    brand_warnings,
    callback_urls,
    console_settings,
    redis_url_warnings,
    redis_urls,
    setting_errors,
    setting_parsers,
    twilio_warnings,
)
from otp_engine.config import policy_warnings as policy_rules
from otp_engine.config.settings import Settings, is_loopback
from otp_engine.crypto.api_keys import MIN_BITS, ApiKey
from otp_engine.domain.limits.limits_by_name import LimitByName
from otp_engine.domain.phones import numbering_plans, numbers
from otp_engine.domain.policy.online_guessing import MIN_CODE_LENGTH
from otp_engine.domain.policy.policy import PARSERS, Policy
from otp_engine.domain.policy.switches import KEY
from otp_engine.domain.services import MAX_DIGITS, Service

# Variables that other servers have for what is an option here.
_OPTIONS_OF_SERVE = {
    "OTP_HOST": "--host",
    "OTP_PORT": "--port",
    "OTP_WORKERS": "--workers",
}


def collect_warnings(settings: Settings) -> list[str]:
    """Return a sentence for each unsafe setting.

    Args:
        settings: All settings.
    """
    return [
        *policy_warnings(settings.policy, settings),
        *_setting_warnings(settings),
        *_default_service_warnings(settings.service),
        *_brand_warnings(settings),
        *_public_url_warnings(settings),
        *_callback_url_warnings(settings),
        *twilio_warnings.collect(settings),
        *_redis_warnings(settings),
        *_key_warnings(settings),
        *_verify_page_warnings(settings),
        *_webhook_warnings(settings),
        *console_settings.find_warnings(settings.console, settings.public_url),
    ]


def policy_warnings(
    policy: Policy, settings: Settings, *, keys_known: bool = True
) -> list[str]:
    """Return a sentence for each unsafe value of *policy*.

    Args:
        policy: The policy, which may differ from that of the settings.
        settings: The countries and API keys that the policy applies to.
        keys_known: Whether the settings have every API key of the service.
    """
    warnings = policy_rules.collect_warnings(
        policy, settings.service.code_length, settings.offered_channels
    )
    warnings += _shared_plan_warnings(policy.allowed_countries)
    warnings += [
        f"budget {problem}"
        for problem in setting_errors.budget_problems(policy.budget, settings.currency)
    ]
    warnings += [
        f"routes {problem}: the step is skipped"
        for problem in settings.route_problems(policy.routes)
    ]
    if keys_known:
        warnings += _key_name_warnings(policy, settings.api_keys)
    bounded = policy.sends_per_country.default.enforced or policy.sends_total.enforced
    if numbers.COUNTRY_WILDCARD in policy.allowed_countries and not bounded:
        warnings.append(
            "allowed_countries is * while sends_per_country and sends_total enforce"
            " no limit: messages to the most expensive countries have no limit"
        )
    return warnings


def host_warnings(settings: Settings, host: str) -> list[str]:
    """Return what dev mode exposes when the service listens on *host*.

    Args:
        settings: The settings in force.
        host: The host name or IP address that the service listens on.

    Returns:
        One sentence; none outside of dev mode or on the loopback interface.
    """
    if not settings.dev or is_loopback(host):
        return []
    exposed = {
        "/dev/inbox (every code)": settings.inbox,
        "/console": settings.has_console and not settings.console.has_sign_in,
        "/verify": settings.verify_page.enabled,
        "/metrics": not (
            settings.metrics_key or is_loopback(settings.admin_host or host)
        ),
        "/v2": not settings.api_keys,
        "sends and checks on /auth": not settings.api_keys,
    }
    paths = ", ".join(path for path, is_exposed in exposed.items() if is_exposed)
    if not paths:
        return []
    return [f"dev mode on {host}: every client can use without a key: {paths}"]


def service_warnings(service: Service) -> list[str]:
    """Return a sentence for each setting of *service* that weakens its codes."""
    warnings = []
    name = f"service {service.sid}"
    if service.code_length and service.code_length < MIN_CODE_LENGTH:
        warnings.append(
            f"{name}: CodeLength {service.code_length} is under {MIN_CODE_LENGTH}"
            " digits: NIST SP 800-63B-4 (3.1.3.2), OWASP ASVS 5.0 (6.5.4)"
        )
    if service.custom_code:
        warnings.append(
            f"{name}: CustomCodeEnabled lets its clients choose codes; this service"
            " cannot check their strength"
        )
    defaults = Policy()
    return warnings + brand_warnings.collect_warnings(
        f"{name}: FriendlyName",
        service.brand or "",
        code_length=service.code_length or defaults.code_length,
        ttl=defaults.ttl,
    )


def sandbox_warnings(settings: Settings, today: date) -> list[str]:
    """Return a sentence for each sandbox number that has expired.

    Args:
        settings: All settings.
        today: The date in UTC.
    """
    return [
        f"OTP_TEST_NUMBERS: {sandbox.number.masked} expired on"
        f" {sandbox.valid_through}, so it gets neither a fixed code nor a message:"
        " remove or renew it"
        for sandbox in settings.test_numbers
        if sandbox.valid_through < today
    ]


def _setting_warnings(settings: Settings) -> list[str]:
    warnings = []
    if settings.dev:
        warnings.append(
            "dev mode is on (--dev or OTP_DEV=1): use it for development only"
        )
    if not settings.argon2.meets_asvs:
        warnings.append(
            "OTP_ARGON2 is weaker than OWASP ASVS 5.0 (appendix C) accepts: use owasp"
            " or rfc9106"
        )
    if "console" in settings.senders and not settings.dev:
        warnings.append(
            "OTP_SENDER has console, which prints every code: remove it for production"
        )
    if len(settings.peppers) > 1:
        warnings.append(
            "OTP_PEPPER_PREVIOUS is set: remove it 30 days after the rotation. Earlier"
            " removal deletes the failed checks of phones without a send or check"
            " since, and within OTP_TTL the live codes"
        )
    if len(settings.factor_keys) > 1:
        warnings.append(
            "OTP_FACTOR_KEY_PREVIOUS is set: remove it at the end of the rotation;"
            " `otp-engine doctor` reports when nothing needs it"
        )
    twilio = settings.twilio
    if twilio and twilio.base_url and (twilio.region or twilio.edge):
        warnings.append(
            "TWILIO_REGION and TWILIO_EDGE have no effect with TWILIO_API_BASE_URL"
        )
    return warnings + _plain_text_warnings(settings)


def _plain_text_warnings(settings: Settings) -> list[str]:
    """Return a sentence for each provider that gets codes without encryption."""
    twilio, aws, telegram = settings.twilio, settings.aws, settings.telegram
    urls = {
        "TWILIO_API_BASE_URL": twilio and twilio.base_url,
        "AWS_ENDPOINT_URL": aws and aws.url,
        "TELEGRAM_GATEWAY_URL": telegram and telegram.url,
    }
    warnings = [
        f"{name} is http: codes and the account's credentials are sent in plain text."
        " Use https"
        for name, url in urls.items()
        if url and _is_exposed(url)
    ]
    smtp = settings.smtp
    if smtp and smtp.tls == "off" and not (settings.dev or is_loopback(smtp.host)):
        warnings.append(
            "OTP_SMTP_URL has starttls=off: codes are sent in plain text. Use"
            " starttls=required or smtps"
        )
    return warnings


def _brand_warnings(settings: Settings) -> list[str]:
    policy, service = settings.policy, settings.service
    brands = {"OTP_BRAND": settings.brand}
    if service.brand and service.brand != settings.brand:
        brands["OTP_SERVICE_NAME"] = service.brand
    warnings = [
        warning
        for source, brand in brands.items()
        for warning in brand_warnings.collect_warnings(
            source, brand, code_length=policy.code_length, ttl=policy.ttl
        )
    ]
    # OTP_SERVICE_NAME and names of the API cannot have that many.
    if sum(character.isdigit() for character in settings.brand) > MAX_DIGITS:
        warnings.append(
            f"OTP_BRAND has more than {MAX_DIGITS} digits: people and phones can take"
            " them for the code"
        )
    return warnings


def _default_service_warnings(service: Service) -> list[str]:
    """Return a sentence for each setting that weakens the codes of the default service.

    The warnings about a service of the API name the parameters of the API instead.
    """
    warnings = []
    if service.code_length and service.code_length < MIN_CODE_LENGTH:
        warnings.append(
            f"OTP_SERVICE_CODE_LENGTH {service.code_length} is under {MIN_CODE_LENGTH}"
            " digits: NIST SP 800-63B-4 (3.1.3.2), OWASP ASVS 5.0 (6.5.4)"
        )
    if service.custom_code:
        warnings.append(
            "OTP_SERVICE_CUSTOM_CODE lets clients of /v2 choose codes; this service"
            " cannot check their strength"
        )
    return warnings


def _redis_warnings(settings: Settings) -> list[str]:
    if settings.redis_url is None:
        return []
    return redis_url_warnings.collect_warnings(redis_urls.parse(settings.redis_url))


def _shared_plan_warnings(countries: frozenset[str]) -> list[str]:
    """Return a sentence for each territory that stands for a larger country too."""
    territories = sorted(countries - {numbers.COUNTRY_WILDCARD})
    return [
        f"allowed_countries has {territory} and not {country}: they share mobile"
        f" numbers, so messages to {country} are sent too"
        for territory in territories
        if (country := numbering_plans.main_country(territory)) not in countries
    ]


def _public_url_warnings(settings: Settings) -> list[str]:
    if settings.public_url:
        return []
    warnings = []
    if settings.trusted_proxies:
        warnings.append(
            "OTP_PUBLIC_URL is not set: SDKs send their credentials to the URLs in"
            " responses of /v2, which have the Host and X-Forwarded-Proto of the proxy"
        )
    if not (settings.dev or settings.api_keys):
        warnings.append(
            "OTP_PUBLIC_URL is not set: without API keys, any web page with a host"
            " name that resolves to this service can send messages (DNS rebinding)"
        )
    return warnings


def _callback_url_warnings(settings: Settings) -> list[str]:
    """Return why no delivery reports will come from Twilio."""
    if "twilio" not in settings.senders or not settings.twilio:
        return []
    name = "OTP_CALLBACK_URL" if settings.callback_url else "OTP_PUBLIC_URL"
    warnings = []
    if settings.callback_url and not settings.twilio.token:
        warnings.append(
            f"{name} has no effect: TWILIO_AUTH_TOKEN is not set, which signs delivery"
            " reports"
        )
    url = settings.callback_url or settings.public_url
    if url and (problem := callback_urls.find_problem(url)):
        warnings.append(
            f"{name} {problem}, so that Twilio sends no delivery reports: set"
            " OTP_CALLBACK_URL to an https URL of this service that Twilio can reach"
        )
    return warnings


def _key_name_warnings(policy: Policy, api_keys: Iterable[ApiKey]) -> list[str]:
    """Return a sentence for each limit or switch of an API key that does not exist."""
    names = {key.name for key in api_keys}
    switches = [
        f"sending has {name}, but OTP_API_KEYS has no key of that name"
        for name, _ in policy.sending.by_name
        if name.startswith(KEY) and name.removeprefix(KEY) not in names
    ]
    return switches + [
        f"{limit_name} has a limit for {name}, but OTP_API_KEYS has no key of that name"
        for limit_name in PARSERS
        if limit_name.endswith("_per_key")
        and isinstance(limit := getattr(policy, limit_name), LimitByName)
        for name, _ in limit.by_name
        if name not in names
    ]


def _key_warnings(settings: Settings) -> list[str]:
    """Return a sentence for each secret that is weak, or that two clients have."""
    warnings = [
        f"OTP_API_KEYS: the secret of {key.name} has fewer than {MIN_BITS} bits;"
        f" {setting_parsers.GENERATE_API_KEY} generates a key"
        for key in settings.api_keys
        if key.weak
    ]
    first_names: dict[bytes, str] = {}
    for key in settings.api_keys:
        first = first_names.setdefault(key.digest, key.name)
        if first != key.name:
            warnings.append(
                f"OTP_API_KEYS: {first} and {key.name} have the same secret, so"
                f" requests with Bearer count as those of {first}"
            )
    if settings.metrics_key and settings.metrics_key.weak:
        warnings.append(
            f"OTP_METRICS_KEY has fewer than {MIN_BITS} bits;"
            f" {setting_parsers.GENERATE_METRICS_KEY} generates a key"
        )
    return warnings


def _webhook_warnings(settings: Settings) -> list[str]:
    warnings = [
        f"OTP_WEBHOOKS has {webhook.name}, which OTP_SENDER does not list: no message"
        " goes to it"
        for webhook in settings.webhooks
        if webhook.name not in settings.senders
    ]
    warnings += [
        f"OTP_WEBHOOK_SECRETS has neither a secret nor a header for {webhook.name}: its"
        " receiver cannot reject requests of others"
        for webhook in settings.webhooks
        if not (webhook.secrets or webhook.authorization)
    ]
    warnings += [
        f"OTP_WEBHOOKS has reports of {webhook.name}, which have no effect without"
        " OTP_PUBLIC_URL or OTP_CALLBACK_URL"
        for webhook in settings.webhooks
        if webhook.has_reports and not settings.webhook_report_url(webhook.name)
    ]
    return warnings


def _verify_page_warnings(settings: Settings) -> list[str]:
    if not settings.verify_page.enabled:
        return []
    if settings.dev:
        if not settings.real_sender:
            return []
        warning = (
            f"OTP_VERIFY_PAGE with the sender {settings.real_sender}: in dev mode"
            " too, every visitor can send real messages"
        )
        return [warning]
    warnings = []
    if settings.api_keys:
        warnings.append(
            "OTP_VERIFY_PAGE lets every visitor send codes and use up checks, also for"
            " phones that clients with a key verify"
        )
    if not (settings.public_url or "").startswith("https://"):
        warnings.append(
            "OTP_VERIFY_PAGE without an https OTP_PUBLIC_URL: browsers may send its"
            " session cookie in plain text"
        )
    return warnings


def name_warnings(unknown: Iterable[str], known: Sequence[str]) -> list[str]:
    """Return a sentence for each variable that is not a setting.

    Args:
        unknown: Variables that start with `OTP_` and are not settings.
        known: The names of all settings.
    """
    warnings = []
    for name in unknown:
        similar = difflib.get_close_matches(name.upper(), known, n=1)
        hint = f"; did you mean {similar[0]}?" if similar else ""
        if option := _OPTIONS_OF_SERVE.get(name.upper()):
            hint = f"; use `otp-engine serve {option}`"
        warnings.append(f"{name} is not a setting{hint}")
    return warnings


def _is_exposed(url: str) -> bool:
    """Return whether requests to *url* leave this machine unencrypted."""
    parts = urlsplit(url)
    return parts.scheme == "http" and not is_loopback(parts.hostname or "")
