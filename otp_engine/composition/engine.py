"""The engine, and the engines of each version of the policy."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from operator import attrgetter
from typing import TYPE_CHECKING

from otp_engine.composition import background
from otp_engine.composition.capacity import concurrent_hashes
from otp_engine.composition.events import build_listener
from otp_engine.config import Settings
from otp_engine.crypto.hash_queue import HashQueue
from otp_engine.domain import engine_router
from otp_engine.domain.engine import Engine, leave_out_address
from otp_engine.domain.engine_router import EngineRouter
from otp_engine.domain.event_webhook import sealing
from otp_engine.domain.events import EventListener
from otp_engine.domain.messages.templates import Message
from otp_engine.domain.phones.destinations import AllowedDestinations
from otp_engine.domain.policy.changes import BasePolicy
from otp_engine.domain.policy.live import LivePolicy
from otp_engine.domain.policy.policy import Policy
from otp_engine.domain.policy.signed_versions import SignedPolicyVersions
from otp_engine.domain.policy.versions import PolicyVersion
from otp_engine.domain.ports import Sender, VerificationStore
from otp_engine.domain.sandbox_numbers import SandboxNumbers
from otp_engine.resilience.dependency_metrics import DependencyMetrics
from otp_engine.senders.null import NullSender
from otp_engine.store.provider_health_monitor import ProviderHealthMonitor
from otp_engine.store.redis_store import RedisStore

if TYPE_CHECKING:
    # For the type checker only, for the reason in `metrics.build_metrics`.
    from otp_engine.ops.event_metrics import EventMetrics

log = logging.getLogger(__name__)


def build_engine(
    settings: Settings,
    store: VerificationStore,
    senders: Mapping[str, Sender],
    metrics: DependencyMetrics,
) -> Engine:
    """Build the engine on *store* and *senders*."""
    return Engine(
        store=store,
        senders=senders,
        hash_queue=HashQueue(
            concurrent_hashes(settings.workers),
            wait=settings.hash_wait,
            metrics=metrics,
        ),
        peppers=settings.peppers,
        policy=settings.policy,
        argon2=settings.argon2,
        destinations=AllowedDestinations(settings.policy.allowed_countries),
        text_defaults=settings.text_defaults,
        prices=settings.prices,
        seal_address=_seal_address(settings),
        random_bytes=os.urandom,
        clock=time.monotonic,
    )


def _seal_address(settings: Settings) -> Callable[[Message], str | None]:
    """Return what encrypts addresses for the event webhook, if it has them."""
    if not (settings.event_webhook and settings.event_webhook.with_numbers):
        return leave_out_address

    def seal(message: Message) -> str:
        return sealing.seal(
            message.to, settings.peppers[0], verification_id=message.verification_id
        )

    return seal


def build_sandbox_numbers(settings: Settings) -> SandboxNumbers:
    """Return the sandbox numbers of the settings."""
    # Of two entries of a number, the one that lasts longer.
    ordered = sorted(settings.test_numbers, key=attrgetter("valid_through"))
    return SandboxNumbers(
        {sandbox.number.e164: sandbox for sandbox in ordered},
        lambda: datetime.now(UTC).date(),
    )


def build_live_policy(  # noqa: PLR0913 - the parts that a new policy version changes
    settings: Settings,
    store: RedisStore,
    engine: Engine,
    metrics: EventMetrics,
    *,
    sandbox_numbers: SandboxNumbers,
    monitor: ProviderHealthMonitor,
) -> LivePolicy[EngineRouter]:
    """Return the live policy, with engines that are built once for each version."""
    emit = background.with_feedback(
        build_listener(settings, store, metrics), settings, store, engine
    )

    def build_engines(policy: Policy) -> EngineRouter:
        live = replace(engine, policy=policy, emit=emit)
        monitor.slow_after = policy.slow_after
        for problem in policy.routes.find_problems(live.channels_by_provider):
            log.warning("routes %s: the step is skipped", problem)
        null_senders = {
            name: NullSender(name, sender.channels)
            for name, sender in engine.senders.items()
        }
        return engine_router.build(live, sandbox_numbers, null_senders)

    return LivePolicy(
        settings.policy,
        policy_versions(settings, store, emit),
        build_engines,
        gauges=metrics,
    )


def policy_versions(
    settings: Settings, store: RedisStore, emit: EventListener
) -> SignedPolicyVersions:
    """Return the versions of the policy.

    Args:
        settings: The settings of the operator.
        store: The store with the versions.
        emit: Receives the event of each version at the end of a change.
    """
    base = BasePolicy(settings.policy, settings.explicit_policy_names)

    def on_end(before: PolicyVersion, after: PolicyVersion) -> None:
        emit(base.changed_event(before.state, after))

    return SignedPolicyVersions(store.policy_versions, settings.peppers, on_end)
