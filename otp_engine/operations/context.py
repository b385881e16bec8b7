"""What operations work on: the settings, the store and the policy versions."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Self

from otp_engine.config import Settings, setting_warnings
from otp_engine.domain.policy.changes import BasePolicy
from otp_engine.domain.policy.policy import Policy
from otp_engine.domain.policy.reverts import PolicyState
from otp_engine.domain.policy.signed_versions import SignedPolicyVersions
from otp_engine.domain.policy.versions import PolicyVersion, apply
from otp_engine.errors import StoreUnavailable
from otp_engine.store.redis_store import RedisStore


def utcnow() -> datetime:
    """Return the time of this machine in UTC."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class ReadPolicy:
    """A policy as this release reads it.

    Attributes:
        policy: The policy; that of the environment if the live version is invalid here.
        problem: Why the live version is invalid in this release, if it is.
    """

    policy: Policy
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class OperatorContext:
    """The settings and the stores.

    Attributes:
        settings: The settings of the command or of the service.
        store: The store of the service.
        versions: Its policy versions.
        base: The policy of the environment.
        clock: Returns the time of this machine in UTC.
    """

    settings: Settings
    store: RedisStore
    versions: SignedPolicyVersions
    base: BasePolicy
    clock: Callable[[], datetime] = utcnow

    @classmethod
    def build(
        cls,
        settings: Settings,
        store: RedisStore,
        clock: Callable[[], datetime] = utcnow,
    ) -> Self:
        """Return the context of a store, without a call to Redis.

        Args:
            settings: The settings.
            store: Their store.
            clock: Returns the time of this machine in UTC.
        """
        base = BasePolicy(settings.policy, settings.explicit_policy_names)

        def on_end(before: PolicyVersion, after: PolicyVersion) -> None:
            context.emit_change(before.state, after)

        versions = SignedPolicyVersions(store.policy_versions, settings.peppers, on_end)
        context = cls(settings, store, versions, base, clock)
        return context

    def emit_change(self, old: PolicyState, new: PolicyVersion) -> None:
        """Store the event of a new version."""
        self.store.events.add(self.base.changed_event(old, new))
        self.store.events.flush()

    def end_changes(self) -> None:
        """Add a version without the changes that have ended, if no instance did."""
        latest = self.versions.latest()
        if latest is None or not (ended := latest.state.due(self.versions.now())):
            return
        # Where Redis accepts no write, an operation that reads still works.
        with suppress(StoreUnavailable):
            self.versions.end_changes(latest, ended)

    def read_policy(self) -> ReadPolicy:
        """Return the live policy.

        Raises:
            StoreUnavailable: Redis did not reply.
        """
        return readable_policy(self.settings.policy, self.versions.live_state())

    def policy_warnings(self, policy: Policy) -> list[str]:
        """Return a sentence for each unsafe value of *policy*."""
        return setting_warnings.policy_warnings(
            policy, self.settings, keys_known=bool(self.settings.api_keys)
        )


def readable_policy(
    base: Policy, state: PolicyVersion | PolicyState | None
) -> ReadPolicy:
    """Return *base* with the values of a state, which another release can have stored.

    Returns:
        *base* with a problem, if this release cannot read one of the values.
    """
    try:
        return ReadPolicy(apply(base, state))
    except ValueError as problem:
        return ReadPolicy(
            base, f"the live version is invalid in this release: {problem}"
        )
