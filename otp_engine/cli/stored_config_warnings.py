"""Warnings about Redis, and about the policy and the services that it stores."""

from __future__ import annotations

from collections.abc import Callable

from otp_engine.config import Settings, setting_warnings
from otp_engine.domain.policy.signed_versions import SignedPolicyVersions
from otp_engine.domain.policy.versions import apply
from otp_engine.errors import StoreUnavailable
from otp_engine.store.redis_store import RedisStore


def collect(settings: Settings, store: RedisStore) -> list[str]:
    """Collect all warnings about the Redis of *settings*.

    Args:
        settings: The settings; with the embedded store there is nothing to warn of.
        store: Their store.

    Returns:
        The warnings. A command that Redis does not answer is a warning too.
    """
    if settings.redis_url is None:
        return []
    versions = SignedPolicyVersions(store.policy_versions, settings.peppers)
    factor_sources = (
        ((store.factor_warnings, "whether it can lose authenticator apps"),)
        if settings.factor_keys
        else ()
    )
    sources: tuple[tuple[Callable[[], list[str]], str], ...] = (
        (store.persistence_warnings, "its persistence"),
        *factor_sources,
        (versions.warnings, "the live policy"),
        (
            lambda: _policy_and_services(settings, store, versions),
            "the strength of the live policy and of the services",
        ),
    )
    warnings: list[str] = []
    for source, subject in sources:
        try:
            warnings += source()
        except StoreUnavailable as error:
            warnings.append(f"Redis did not report {subject}: it {error.reason}")
    return warnings


def _policy_and_services(
    settings: Settings, store: RedisStore, versions: SignedPolicyVersions
) -> list[str]:
    try:
        policy = apply(settings.policy, versions.live_state())
    except ValueError:
        return ["live policy: this release cannot parse one of its values"]
    return [
        *(
            f"live policy: {warning}"
            for warning in setting_warnings.policy_warnings(policy, settings)
            if warning not in settings.warnings
        ),
        *(
            warning
            for service in store.services.list_services()
            # The environment defines the default one, so its warnings are there.
            if service.sid != settings.service.sid
            for warning in setting_warnings.service_warnings(service)
        ),
    ]
