"""The live policy: a value that is rebuilt when operators change the policy."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from contextlib import suppress
from threading import Lock
from time import monotonic
from typing import Generic, Protocol, TypeVar

from otp_engine.domain.policy.ends import ChangeEnds
from otp_engine.domain.policy.policy import Policy
from otp_engine.domain.policy.reverts import PendingRevert, PolicyState, number_list
from otp_engine.domain.policy.signed_versions import SignedPolicyVersions, StoredVersion
from otp_engine.domain.policy.versions import PolicyVersion, apply
from otp_engine.errors import StoreUnavailable

log = logging.getLogger(__name__)

_REFRESH_INTERVAL = 1.0  # seconds

T = TypeVar("T")


class PolicyGauges(Protocol):
    """Metrics of the live policy."""

    def set_policy(self, version: int, policy: Policy) -> None:
        """Set the live policy; the first one included.

        Args:
            version: Number of its version; 0 without a version.
            policy: The policy.
        """

    def policy_rejected(self, rejected: bool) -> None:  # noqa: FBT001 - a value to set
        """Set whether the newest stored version is rejected.

        A version without a valid signature, or not newer than the live one, is
        rejected.
        """


class LivePolicy(Generic[T]):
    """A value that is built from the policy, and rebuilt when the policy changes.

    A request keeps its value until it ends; later requests get the new one. A version
    without a valid signature, or not newer than the live one, has no effect.

    When a change ends, one instance adds a version without it. If Redis accepts no
    write, the value reverts nevertheless.
    """

    def __init__(
        self,
        base_policy: Policy,
        versions: SignedPolicyVersions,
        build: Callable[[Policy], T],
        clock: Callable[[], float] = monotonic,
        *,
        gauges: PolicyGauges,
    ) -> None:
        """Start with the base policy.

        Args:
            base_policy: The policy of the environment.
            versions: The stored versions.
            build: Builds the value from a policy.
            clock: Returns monotonic seconds.
            gauges: Metrics that show the live policy.
        """
        self._base_policy = base_policy
        self._versions = versions
        self._build = build
        self._clock = clock
        self._value = build(base_policy)
        self._gauges = gauges
        self._ends = ChangeEnds(clock)
        self._ended: frozenset[PendingRevert] = frozenset()
        self._live_number: int | None = None
        self._live_version: PolicyVersion | None = None
        self._logged_text: bytes | None = None
        self._next_refresh = -math.inf
        self._refresh_lock = Lock()

    def current(self) -> T:
        """Return the value for the live policy, which is at most two seconds old.

        One request a second pays for a call to Redis; the others do not wait for it.
        After a pause all wait: the value is as old as the pause, or was never read.
        """
        overdue = self._clock() - self._next_refresh
        must_wait = overdue >= _REFRESH_INTERVAL
        if overdue >= 0 and self._refresh_lock.acquire(blocking=must_wait):
            try:
                self._refresh_if_due()
            finally:
                self._refresh_lock.release()
        return self._value

    def _refresh_if_due(self) -> None:
        # A request that waited comes after the refresh of another one.
        if self._clock() < self._next_refresh:
            return
        self._refresh()
        due = self._clock() + _REFRESH_INTERVAL
        self._next_refresh = min(due, self._ends.next_end)

    def _refresh(self) -> None:
        self._follow()
        if self._live_version and self._live_version.reverts:
            self._end_changes(self._live_version)

    def _follow(self) -> None:
        """Apply a newer version; while Redis is unavailable, the value stays."""
        try:
            head = self._versions.head()
            version = head.policy_version if head else None
            # A restored older version can come before a newer one.
            is_live = version is not None and version == self._live_version
            is_new = head and not is_live and head.text != self._logged_text
            if self._live_number is None or is_new:
                version = self._versions.latest()
        except StoreUnavailable:
            return
        is_newer = self._live_number is None or self._is_newer(version)
        if is_newer:
            self._apply(version)
        self._report(head)
        if is_newer or (head and head.policy_version and not head.is_complete):
            self._complete()

    def _is_newer(self, version: PolicyVersion | None) -> bool:
        if version is None:
            return False
        return self._live_version is None or version.order > self._live_version.order

    def _apply(self, version: PolicyVersion | None) -> None:
        self._live_number, self._live_version = (
            version.version if version else 0,
            version,
        )
        self._ended = frozenset()
        if self._build_from(version.state if version else PolicyState()) and version:
            log.info("policy version %d is live", version.version)

    def _build_from(self, state: PolicyState) -> bool:
        """Build the value from a state of the live version.

        Returns:
            Whether the state is valid.
        """
        number = self._live_number or 0
        try:
            policy = apply(self._base_policy, state)
        except ValueError:
            log.exception("policy version %d is invalid, and has no effect", number)
            return False
        self._value = self._build(policy)
        self._gauges.set_policy(number, policy)
        return True

    def _end_changes(self, version: PolicyVersion) -> None:
        """End the changes of the live version with an end that has come."""
        now = None
        with suppress(StoreUnavailable):
            now = self._versions.now()
        self._ends.observe(version.reverts, now)
        if not (ended := self._ends.ended()):
            return
        with suppress(StoreUnavailable):
            if after := self._versions.end_changes(version, ended):
                self._apply(after)
                return
        # Another instance has added a version, or none can.
        if ended != self._ended and self._build_from(version.state.ended(ended)):
            numbers = number_list(revert.end.version for revert in ended)
            log.warning("%s ended, and Redis has no version without it yet", numbers)
        self._ended = ended

    def _report(self, head: StoredVersion | None) -> None:
        """Report a *head* that is not the live version, and log it once."""
        version = head.policy_version if head else None
        rejected = version != self._live_version or (
            head is not None and version is None
        )
        self._gauges.policy_rejected(rejected)
        text = head.text if head else b""
        if rejected and text != self._logged_text:
            log.error("%s; version %s stays live", _reason(head), self._live_number)
        self._logged_text = text if rejected else None

    def _complete(self) -> None:
        with suppress(StoreUnavailable):
            if count := self._versions.complete():
                log.info("%d policy versions were signed with all peppers", count)


def _reason(head: StoredVersion | None) -> str:
    if head is None:
        return "the policy versions are missing in Redis"
    if head.policy_version is None:
        return "the newest policy version in Redis is not signed with this pepper"
    return f"policy version {head.policy_version.version} in Redis is not newer"
