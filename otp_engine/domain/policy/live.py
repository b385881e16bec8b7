"""The engine under the policy as operators last set it."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from contextlib import suppress
from threading import Lock
from time import monotonic
from typing import Generic, Protocol, TypeVar

from otp_engine.domain.policy.policy import Policy
from otp_engine.domain.policy.signed_versions import PolicyVersions, StoredVersion
from otp_engine.domain.policy.versions import PolicyVersion, apply
from otp_engine.errors import StoreUnavailable

log = logging.getLogger(__name__)

_BETWEEN = 1.0  # seconds

T = TypeVar("T")


class Gauges(Protocol):
    """Show which policy is live."""

    def set_policy(self, version: int, policy: Policy) -> None:
        """Set the version that is live; called for the first one too."""

    def policy_rejected(self, rejected: bool) -> None:  # noqa: FBT001 - a value to set
        """Set whether the newest stored version is not the live one.

        It has no valid signature then, or it is not newer than what was live.
        """


class LivePolicy(Generic[T]):
    """A value that is built for the policy, and rebuilt when the policy changes.

    A request keeps the value that it got; later requests get the new one. A version
    that is not signed, or not newer than the live one, is ignored.
    """

    def __init__(
        self,
        decided: Policy,
        versions: PolicyVersions,
        make: Callable[[Policy], T],
        clock: Callable[[], float] = monotonic,
        *,
        gauges: Gauges,
    ) -> None:
        """Start with the policy that was *decided* before the start.

        Args:
            decided: The policy of the environment.
            versions: The stored versions.
            make: Builds the value.
            clock: Monotonic seconds.
            gauges: Are set to what is live.
        """
        self._decided = decided
        self._versions = versions
        self._make = make
        self._clock = clock
        self._made = make(decided)
        self._gauges = gauges
        self._version: int | None = None
        self._live: PolicyVersion | None = None
        self._logged: bytes | None = None
        self._look_at = -math.inf
        self._looking = Lock()

    def current(self) -> T:
        """Return the value for the policy that was live a second ago at most.

        One request in a second pays a round trip for all the others.
        """
        if self._clock() >= self._look_at and self._looking.acquire(blocking=False):
            try:
                self._look()
                self._look_at = self._clock() + _BETWEEN
            finally:
                self._looking.release()
        return self._made

    def _look(self) -> None:
        """Apply a new version; while Redis is unavailable, nothing changes."""
        try:
            head = self._versions.head()
            found = head.policy_version if head else None
            # An older version can be in front of a newer one, if it was restored.
            is_live = found is not None and found == self._live
            is_new = head and not is_live and head.text != self._logged
            if self._version is None or is_new:
                found = self._versions.latest()
        except StoreUnavailable:
            return
        version = found.version if found else 0
        is_newer = self._version is None or self._is_newer(found)
        if is_newer:
            self._take_up(version, found)
        self._report(head)
        if is_newer or (head and head.policy_version and not head.is_complete):
            self._complete()

    def _is_newer(self, found: PolicyVersion | None) -> bool:
        if found is None:
            return False
        return self._live is None or found.order > self._live.order

    def _take_up(self, version: int, found: PolicyVersion | None) -> None:
        try:
            policy = apply(self._decided, found)
        except ValueError:
            log.exception("policy version %d cannot be read, and is left out", version)
        else:
            self._made = self._make(policy)
            self._gauges.set_policy(version, policy)
            log.info("policy version %d is live", version)
        self._version, self._live = version, found

    def _report(self, head: StoredVersion | None) -> None:
        """Report a *head* that is not the live version, and log it once."""
        found = head.policy_version if head else None
        rejected = found != self._live or (head is not None and found is None)
        self._gauges.policy_rejected(rejected)
        text = head.text if head else b""
        if rejected and text != self._logged:
            log.error("%s; version %s stays live", _reason(head), self._version)
        self._logged = text if rejected else None

    def _complete(self) -> None:
        with suppress(StoreUnavailable):
            if signed := self._versions.complete():
                log.info("%d policy versions are signed with both peppers", signed)


def _reason(head: StoredVersion | None) -> str:
    if head is None:
        return "the policy versions are gone from Redis"
    if head.policy_version is None:
        return "the newest policy version in Redis is not signed with this pepper"
    return f"policy version {head.policy_version.version} in Redis is not a newer one"
