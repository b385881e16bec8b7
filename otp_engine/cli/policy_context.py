"""What the commands about the policy work on: the settings and the stores."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass

from otp_engine.cli.common import load_with_redis
from otp_engine.cli.terminal import warn
from otp_engine.config import Settings, setting_warnings
from otp_engine.domain.policy.changes import BasePolicy
from otp_engine.domain.policy.policy import Policy
from otp_engine.domain.policy.reverts import PolicyState
from otp_engine.domain.policy.signed_versions import SignedPolicyVersions
from otp_engine.domain.policy.versions import PolicyVersion, apply
from otp_engine.errors import StoreUnavailable
from otp_engine.store.redis_store import RedisStore


@dataclass(frozen=True, slots=True)
class PolicyContext:
    """The settings and the stores.

    Attributes:
        settings: The settings of the command.
        store: The store of the service.
        versions: Its policy versions.
        base: The policy of the environment of the command.
    """

    settings: Settings
    store: RedisStore
    versions: SignedPolicyVersions
    base: BasePolicy

    def emit_change(self, old: PolicyState, new: PolicyVersion) -> None:
        """Store the event of a new version."""
        self.store.events.add(self.base.changed_event(old, new))
        self.store.events.flush()

    def end_changes(self) -> None:
        """Add a version without the changes that have ended, if no instance did."""
        latest = self.versions.latest()
        if latest is None or not (ended := latest.state.due(self.versions.now())):
            return
        # Where Redis accepts no write, a command that reads still works.
        with suppress(StoreUnavailable):
            self.versions.end_changes(latest, ended)

    @property
    def live_policy(self) -> Policy:
        """The live policy; see `readable_policy`."""
        return readable_policy(self.settings.policy, self.versions.live_state())

    def policy_warnings(self, policy: Policy) -> list[str]:
        """Return a sentence for each unsafe value of *policy*."""
        return setting_warnings.policy_warnings(
            policy, self.settings, keys_known=bool(self.settings.api_keys)
        )


def load() -> PolicyContext:
    """Load the settings and the stores, and print the warnings about the versions.

    Changes that have ended are ended in a version first.
    """
    settings, store = load_with_redis()
    base = BasePolicy(settings.policy, settings.explicit_policy_names)

    def on_end(before: PolicyVersion, after: PolicyVersion) -> None:
        context.emit_change(before.state, after)

    versions = SignedPolicyVersions(store.policy_versions, settings.peppers, on_end)
    context = PolicyContext(settings, store, versions, base)
    for warning in versions.warnings():
        warn(warning)
    context.end_changes()
    return context


def readable_policy(base: Policy, state: PolicyVersion | PolicyState | None) -> Policy:
    """Return *base* with the values of a state, which another release can have stored.

    Returns:
        *base*, with a warning, if this release cannot read one of the values.
    """
    try:
        return apply(base, state)
    except ValueError as problem:
        warn(f"the live version is invalid in this release: {problem}")
        return base
