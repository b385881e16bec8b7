"""Policy versions and gauges in memory, for tests of the live policy."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from otp_engine.crypto.pepper import Pepper
from otp_engine.domain.policy.policy import Policy
from otp_engine.domain.policy.reverts import End, PolicyState
from otp_engine.domain.policy.signed_versions import SignedPolicyVersions
from otp_engine.domain.policy.versions import PolicyVersion
from otp_engine.errors import StoreUnavailable

PEPPER = Pepper(b"p" * 32)
BASE_POLICY = Policy(max_sends=7)


class FakeVersionStore:
    """A `PolicyVersionStore` in memory, which counts reads, and calls `on_read`."""

    def __init__(self):
        self.texts = []
        self.latest_reads = 0
        self.on_read = None
        self.history_reads = 0
        self.is_available = True
        self.accepts_writes = True
        self.wall_clock = datetime(2026, 2, 3, tzinfo=UTC)
        self.versions = SignedPolicyVersions(self, [PEPPER])

    def change(self, **values):
        self.change_state(PolicyState(values))

    def change_state(self, state):
        self.wall_clock += timedelta(seconds=1)
        version, created_at = self.versions.following(self.wall_clock)
        change = PolicyVersion(
            version=version,
            created_at=created_at,
            author="me",
            values=state.values,
            reverts=state.reverts,
        )
        assert self.versions.add(change)

    def set_until(self, until, **values):
        """Set values that end at a time."""
        latest = self.versions.latest()
        state = latest.state if latest else PolicyState()
        end = End(until, (latest.version if latest else 0) + 1)
        for name, text in values.items():
            state = state.with_value(name, text, end)
        self.change_state(state)

    def now(self):
        if not self.is_available:
            raise StoreUnavailable
        return self.wall_clock

    def latest(self):
        self.latest_reads += 1
        if self.on_read:
            self.on_read()
        if not self.is_available:
            raise StoreUnavailable
        return self.texts[0] if self.texts else None

    def history(self, count):
        self.history_reads += 1
        return self.texts[:count]

    def add(self, text, *, after):
        if not self.accepts_writes:
            raise StoreUnavailable
        assert after == (self.texts[0] if self.texts else None)
        self.texts.insert(0, text.encode())
        return True

    def replace(self, old, new):
        if old not in self.texts:
            return False
        self.texts[self.texts.index(old)] = new.encode()
        return True


class FakeGauges:
    def __init__(self):
        self.policies = []
        self.rejected = None

    def set_policy(self, version, policy):
        self.policies.append((version, policy))

    def policy_rejected(self, rejected):
        self.rejected = rejected
