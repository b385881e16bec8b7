"""What the commands about the policy work on: the settings and the stores."""

from __future__ import annotations

from dataclasses import dataclass

from otp_engine.cli.common import load_with_redis
from otp_engine.cli.terminal import warn
from otp_engine.config import Settings, setting_warnings
from otp_engine.domain.policy.changes import BasePolicy
from otp_engine.domain.policy.policy import Policy
from otp_engine.domain.policy.signed_versions import SignedPolicyVersions
from otp_engine.store.redis_store import RedisStore


@dataclass(frozen=True, slots=True)
class PolicyContext:
    """The settings and the stores.

    Attributes:
        settings: The settings of the command.
        store: The store of the service.
        versions: Its policy versions.
    """

    settings: Settings
    store: RedisStore
    versions: SignedPolicyVersions

    @property
    def base(self) -> BasePolicy:
        """The policy of the environment of the command."""
        settings = self.settings
        return BasePolicy(settings.policy, settings.explicit_policy_names)

    def policy_warnings(self, policy: Policy) -> list[str]:
        """Return a sentence for each unsafe value of *policy*."""
        return setting_warnings.policy_warnings(
            policy, self.settings, keys_known=bool(self.settings.api_keys)
        )


def load() -> PolicyContext:
    """Load the settings and the stores, and print the warnings about the versions."""
    settings, store = load_with_redis()
    versions = SignedPolicyVersions(store.policy_versions, settings.peppers)
    for warning in versions.warnings():
        warn(warning)
    return PolicyContext(settings, store, versions)
