"""`otp-engine doctor`: check the settings, Redis and the providers."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime

from otp_engine import senders
from otp_engine.cli import (
    factor_report,
    provider_report,
    stored_config_warnings,
    twilio_report,
)
from otp_engine.cli.common import load
from otp_engine.cli.guessing import print_chance
from otp_engine.cli.policy_context import warned
from otp_engine.cli.proxy_probe import ProbeFailed, ProxyProbe
from otp_engine.cli.terminal import fail, status_line, success, warn
from otp_engine.composition.capacity import MAX_CONCURRENT_SENDS
from otp_engine.composition.events import event_account
from otp_engine.config import Settings
from otp_engine.config.event_webhook import EventWebhookSettings
from otp_engine.domain.event_webhook import cloud_events
from otp_engine.domain.money import amounts
from otp_engine.domain.policy.online_guessing import guessing_chance
from otp_engine.domain.policy.policy import Policy
from otp_engine.domain.policy.signed_versions import SignedPolicyVersions
from otp_engine.domain.policy.versions import apply
from otp_engine.errors import (
    DeliveryFailed,
    OTPError,
    ProviderUnavailable,
    StoreUnavailable,
)
from otp_engine.operations import guard_summary
from otp_engine.operations.context import readable_policy
from otp_engine.senders.event_webhook import EventPoster
from otp_engine.store.redis_store import RedisStore


def doctor(*, url: str | None = None) -> None:
    """Check the settings, Redis, the providers, and the proxies in front of a URL.

    Ends the process with 0 if the service could serve a request now, and with 1
    otherwise.

    Args:
        url: The URL of the running service as clients reach it; None tests no proxy.
    """
    settings, store = load()
    success("the settings are valid")
    chance = guessing_chance(settings.policy, settings.service.code_length)
    print_chance(chance)
    for warning in settings.warnings:
        warn(warning)
    providers = senders.build_senders(settings, max_concurrent=MAX_CONCURRENT_SENDS)
    healthy = [
        _report(f"Redis ({_redacted_url(settings)})", store.check_permissions),
        *(
            _report(f"the sender ({name})", each.ping)
            for name, each in providers.items()
        ),
    ]
    twilio_report.print_report(settings)
    provider_report.print_report(settings, providers)
    if settings.event_webhook:
        healthy.append(_report_event_webhook(settings, settings.event_webhook, store))
    if healthy[0]:
        healthy.append(factor_report.print_report(settings, store))
    if all(healthy):
        for warning in stored_config_warnings.collect(settings, store):
            warn(warning)
        _report_live(settings, store)
        if url:
            healthy.append(_report_proxies(url, settings, store))
        elif settings.trusted_proxies:
            warn(
                "OTP_TRUSTED_PROXIES is set: --url URL tests that no client chooses the"
                " IP address that its requests count for"
            )
    sys.exit(0 if all(healthy) else 1)


def _report_live(settings: Settings, store: RedisStore) -> None:
    """Print what the pumping guard did and what messages cost, under the live policy.

    Without a reply of Redis, or with a policy that this release cannot read, the
    warnings have the reason.
    """
    if settings.redis_url is None:
        return
    versions = SignedPolicyVersions(store.policy_versions, settings.peppers)
    with suppress(StoreUnavailable, ValueError):
        policy = apply(settings.policy, versions.live_state())
        for sentence in guard_summary.report(store, policy, datetime.now(UTC)):
            success(sentence)
        _report_budget(settings, policy, store.budget.read().whole.spent)


def _report_budget(settings: Settings, policy: Policy, spent: int) -> None:
    """Print what messages cost, and recommend a budget if there is none."""
    money = f"{amounts.format_amount(spent)} {settings.currency}"
    if policy.budget:
        success(f"messages cost {money} in a day; the budget is {policy.budget}")
    else:
        warn(
            f"no budget limits what messages cost, which was {money} in a day: set one"
            " with `otp-engine policy set budget 480/24h`"
        )


def _report_event_webhook(
    settings: Settings, target: EventWebhookSettings, store: RedisStore
) -> bool:
    """Post a test event, and print how its receiver answers."""
    event = cloud_events.of_test(datetime.now(UTC), event_account(settings, store))
    result = EventPoster(target).post([event])
    if result.is_accepted:
        success("the receiver of the event webhook accepts events")
    else:
        reason = (
            f"the receiver of the event webhook accepts no events: {result.outcome}"
        )
        status_line("✗", "red", reason)
    return result.is_accepted


def _report_proxies(url: str, settings: Settings, store: RedisStore) -> bool:
    if settings.redis_url is None:
        fail("--url needs REDIS_URL: another process has the embedded store")
    versions = SignedPolicyVersions(store.policy_versions, settings.peppers)
    probe = ProxyProbe(
        url=url,
        settings=settings,
        store=store,
        policy=warned(readable_policy(settings.policy, versions.live_state())),
    )
    shown = _without_login(url)
    try:
        problems = probe.find_problems()
    except (ProbeFailed, StoreUnavailable) as error:
        status_line("✗", "red", f"{shown} was not tested: {error}")
        return False
    for problem in problems:
        status_line("✗", "red", f"{shown}: {problem}")
    if not problems and settings.console.user_header:
        success(f"{shown}: no client names an operator of the console")
    if not problems:
        success(
            f"{shown}: no client chooses the IP address that its requests count for"
        )
    return not problems


def _redacted_url(settings: Settings) -> str:
    """Return the URL of Redis without its credentials and options."""
    # First the options: a password among them can contain an @.
    return _without_login((settings.redis_url or "in this process").partition("?")[0])


def _without_login(url: str) -> str:
    """Return *url* without a user name and a password, even if it is malformed."""
    scheme, slashes, rest = url.partition("://") if "://" in url else ("", "", url)
    return f"{scheme}{slashes}{rest.rpartition('@')[-1]}"


def _report(name: str, check: Callable[[], None]) -> bool:
    try:
        check()
    except OTPError as error:
        status_line("✗", "red", f"{name} {_reason(error)}")
        return False
    success(f"{name} answers")
    return True


def _reason(error: OTPError) -> str:
    match error:
        case StoreUnavailable() | ProviderUnavailable():
            return error.reason
        case DeliveryFailed():
            code = f" ({error.provider_error})" if error.provider_error else ""
            return f"rejects the account or its credentials{code}"
        case _:
            return "does not answer"
