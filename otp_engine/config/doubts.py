"""What is allowed and unwise: settings, policies and services."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from urllib.parse import urlsplit

from otp_engine.config import keys, redis_url
from otp_engine.config.keys import ApiKey
from otp_engine.config.settings import Settings, is_loopback
from otp_engine.domain import guessing, phone
from otp_engine.domain.limits import KeyedLimit
from otp_engine.domain.policy import READERS, Policy
from otp_engine.domain.service import Service


def of(settings: Settings, unknown: Iterable[str], known: Sequence[str]) -> list[str]:
    """Say what is unwise in *settings*, a sentence each.

    Args:
        settings: All of them.
        unknown: Variables that look like ours, and are none.
        known: Those that are.
    """
    warnings = of_policy(settings.policy, settings)
    if settings.dev:
        warnings.append("this is development mode (OTP_DEV): not for production")
    if not settings.cost.meets_asvs:
        warnings.append("OTP_ARGON2 is weaker than OWASP ASVS 5.0 (appendix C) accepts")
    if "console" in settings.senders and not settings.dev:
        warnings.append("OTP_SENDER console prints every code where the logs go")
    if len(settings.peppers) > 1:
        warnings.append(
            "OTP_PEPPER_PREVIOUS is set: remove it 30 days after the change; earlier"
            " forgets the failed checks of phones without a send or check since, and"
            " within OTP_TTL the codes that are out"
        )
    if settings.trusted_proxies and not settings.public_url:
        warnings.append(
            "OTP_PUBLIC_URL is not set: behind a proxy, the URLs that /v2 answers with"
            " can lead elsewhere, and SDKs follow them with their credentials"
        )
    if not (settings.dev or settings.api_keys or settings.public_url):
        warnings.append(
            "OTP_PUBLIC_URL is not set: without API keys any page may send whose name"
            " leads to this service (DNS rebinding)"
        )
    if (url := settings.twilio and settings.twilio.base_url) and _is_exposed(url):
        warnings.append(
            "TWILIO_API_BASE_URL is http: the credentials of the account travel in"
            " plain text"
        )
    return [
        *warnings,
        *redis_url.doubts(settings.redis_url or ""),
        *_of_keys(settings),
        *_of_page(settings),
        *_of_names(unknown, known),
    ]


def of_policy(policy: Policy, settings: Settings) -> list[str]:
    """List what is unwise in *policy* with the countries and keys of *settings*."""
    warnings = [*policy.warnings(), *_of_key_names(policy, settings.api_keys)]
    bounded = policy.sends_per_country.enforced or policy.sends_total.enforced
    if phone.EVERYWHERE in settings.countries and not bounded:
        warnings.append(
            "OTP_ALLOWED_COUNTRIES is * while sends_per_country and sends_total bound"
            " nothing: messages to the most expensive countries have no limit"
        )
    return warnings


def of_host(settings: Settings, host: str) -> list[str]:
    """List what dev mode leaves open when the service listens on *host*.

    Args:
        settings: The settings in force.
        host: The name or the address to listen on.

    Returns:
        One warning, or none outside of dev mode and on the loopback interface.
    """
    if not settings.dev or is_loopback(host):
        return []
    unlocked = {
        "/dev/inbox (every code)": settings.inbox,
        "/verify": settings.hosted.verify,
        "/metrics": not settings.metrics_key,
        "/v2": not settings.api_keys,
        "sends and checks on /auth": not settings.api_keys,
    }
    paths = ", ".join(path for path, is_open in unlocked.items() if is_open)
    if not paths:
        return []
    return [f"dev mode on {host}: open without a key to all who reach it: {paths}"]


def of_service(service: Service) -> list[str]:
    """List what makes codes of *service* weaker than those of the policy."""
    warnings = []
    name = f"service {service.sid}"
    if service.code_length and service.code_length < guessing.DIGITS:
        warnings.append(
            f"{name}: CodeLength {service.code_length} is under {guessing.DIGITS}"
            " digits: NIST SP 800-63B-4 (3.1.3.2), OWASP ASVS 5.0 (6.5.4)"
        )
    if service.custom_code:
        warnings.append(
            f"{name}: CustomCodeEnabled lets its clients choose codes, whose strength"
            " is not known here"
        )
    return warnings


def _of_key_names(policy: Policy, api_keys: Iterable[ApiKey]) -> list[str]:
    """List limits of *policy* for API keys that do not exist."""
    known = {key.name for key in api_keys}
    return [
        f"{limit_name} has a limit for {name}, and OTP_API_KEYS has no key of that name"
        for limit_name in READERS
        if isinstance(limit := getattr(policy, limit_name), KeyedLimit)
        for name, _ in limit.by_name
        if name not in known
    ]


def _of_keys(settings: Settings) -> list[str]:
    """List weak secrets; outside of dev mode they are refused."""
    warnings = [
        f"OTP_API_KEYS: the secret of {key.name} has less than {keys.LEAST_BITS} bits;"
        " `otp-engine keys new` makes one"
        for key in settings.api_keys
        if key.weak
    ]
    if settings.metrics_key and settings.metrics_key.weak:
        warnings.append(
            f"OTP_METRICS_KEY has less than {keys.LEAST_BITS} bits; `otp-engine keys"
            " metrics` makes one"
        )
    return warnings


def _of_page(settings: Settings) -> list[str]:
    if not settings.hosted.verify:
        return []
    warnings = []
    if settings.dev:
        if "twilio" in settings.senders:
            warnings.append(
                "OTP_VERIFY_PAGE with the sender twilio: in dev mode too, anybody who"
                " reaches the service can have messages sent"
            )
        return warnings
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
    return warnings


def _of_names(unknown: Iterable[str], known: Sequence[str]) -> list[str]:
    warnings = []
    for name in unknown:
        near = difflib.get_close_matches(name, known, n=1)
        hint = f"; did you mean {near[0]}?" if near else ""
        warnings.append(f"{name} is not a setting{hint}")
    return warnings


def _is_exposed(url: str) -> bool:
    """Whether what is sent to *url* leaves this machine unencrypted."""
    parts = urlsplit(url)
    return parts.scheme == "http" and not is_loopback(parts.hostname or "")
