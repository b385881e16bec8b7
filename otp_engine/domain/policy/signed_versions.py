"""Signed policy versions, so that write access to Redis cannot change the policy.

A stored version is a JSON object with the version as text, `body`, and `signatures`, an
HMAC-SHA256 of that text for each configured pepper. During a rotation of the pepper, a
version with one valid signature gets the other one. It then stays valid when the old
pepper is removed.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from otp_engine.crypto.pepper import Pepper
from otp_engine.domain.policy import version_codec
from otp_engine.domain.policy.reverts import PendingRevert, PolicyState, number_list
from otp_engine.domain.policy.versions import ENGINE_AUTHOR, PolicyVersion
from otp_engine.domain.ports import PolicyVersionStore

OnEnd = Callable[[PolicyVersion, PolicyVersion], None]
"""Receives a version, and the one that was added when changes of it ended."""

MAX_VERSIONS = 1_000
"""Number of stored versions; older ones are deleted."""

_MAX_SIGNATURES = 4


def ignore_end(_before: PolicyVersion, _after: PolicyVersion) -> None:
    """Do nothing."""


@dataclass(frozen=True, slots=True)
class StoredVersion:
    """A stored version, valid or not.

    Attributes:
        text: The stored text.
        policy_version: The version; None if no signature is valid.
        signed: For each configured pepper, whether the text has its signature.
    """

    text: bytes
    policy_version: PolicyVersion | None = None
    signed: tuple[bool, ...] = (False,)

    @property
    def is_complete(self) -> bool:
        """Whether the text has a signature of every configured pepper."""
        return all(self.signed)


class SignedPolicyVersions:
    """Signs policy versions, and verifies stored ones."""

    def __init__(
        self,
        store: PolicyVersionStore,
        peppers: Sequence[Pepper],
        on_end: OnEnd = ignore_end,
    ) -> None:
        """Use the versions of a store.

        Args:
            store: The store of the texts.
            peppers: The current pepper, then the previous one during a rotation. A new
                version is signed with all of them, and one signature makes it valid.
            on_end: Receives each version that `end_changes` adds.
        """
        self._store = store
        self._on_end = on_end
        self._keys = [pepper.derive_key("policy") for pepper in peppers]
        self._head: StoredVersion | None = None

    def head(self) -> StoredVersion | None:
        """Return the version that was added last, valid or not, if there is one."""
        text, head = self._store.latest(), self._head
        if text is None:
            return None
        if head is None or head.text != text:
            # A version can have long lists, and every worker reads it once a second.
            self._head = head = self._decode(text)
        return head

    def latest(self) -> PolicyVersion | None:
        """Return the newest valid version, wherever it is in the list."""
        return next(iter(self.history(1)), None)

    def live_state(self) -> PolicyState:
        """Return the live values: those of the newest version, without ended changes.

        Raises:
            StoreUnavailable: Redis did not reply.
        """
        latest = self.latest()
        if latest is None or not latest.reverts:
            return latest.state if latest else PolicyState()
        return latest.state.ended(latest.state.due(self.now()))

    def history(self, count: int) -> list[PolicyVersion]:
        """Return the *count* newest valid versions, newest first.

        If several have the same number, the list contains the newest of them.
        """
        versions = [
            stored.policy_version for stored in self._all() if stored.policy_version
        ]
        by_number: dict[int, PolicyVersion] = {}
        for version in sorted(versions, key=_order, reverse=True):
            by_number.setdefault(version.version, version)
        return list(by_number.values())[:count]

    def now(self) -> datetime:
        """Return the time by the clock of Redis, which ends changes.

        Raises:
            StoreUnavailable: Redis did not reply.
        """
        return self._store.now()

    def following(self, now: datetime) -> tuple[int, datetime]:
        """Return the number and the time of a new version.

        Args:
            now: Time by the clock of Redis. The time of the newest version can be ahead
                of it: an earlier release used the clock of the author's machine.

        Returns:
            The highest number plus one, and a time after that of the newest version.
        """
        versions = self.history(MAX_VERSIONS)
        if not versions:
            return 1, now
        return (
            1 + _highest_number(versions),
            max(now, versions[0].created_at + timedelta(microseconds=1)),
        )

    def add(self, version: PolicyVersion) -> bool:
        """Make a version live, unless another one became live in the meantime.

        Args:
            version: The version. Its number must follow the highest valid one, and it
                must be newer than the newest.

        Returns:
            Whether it is live.
        """
        head, versions = self.head(), self.history(MAX_VERSIONS)
        if versions and versions[0] == version:
            return True
        if version.version != 1 + _highest_number(versions):
            return False
        if versions and version.order < versions[0].order:
            return False
        text = self._encode(version_codec.encode(version))
        return self._store.add(text, after=head.text if head else None)

    def end_changes(
        self, version: PolicyVersion, ended: Collection[PendingRevert]
    ) -> PolicyVersion | None:
        """Add a version that restores what was before some changes.

        Of several instances that do the same, one adds it.

        Args:
            version: The newest valid version.
            ended: The pending reverts of the changes.

        Returns:
            The added version; None if *version* is not the newest one any longer.

        Raises:
            StoreUnavailable: Redis did not accept it.
        """
        number, created_at = self.following(self.now())
        if self.latest() != version:
            return None
        state = version.state.ended(ended)
        after = PolicyVersion(
            version=number,
            created_at=created_at,
            author=ENGINE_AUTHOR,
            reason=f"{number_list(revert.end.version for revert in ended)} ended",
            values=state.values,
            reverts=state.reverts,
        )
        if not self.add(after):
            return None
        self._on_end(version, after)
        return after

    def complete(self) -> int:
        """Sign each valid version with every configured pepper.

        Returns:
            The number of versions that got a signature.
        """
        versions = self._all() if len(self._keys) > 1 else []
        return sum(
            self._store.replace(
                version.text, self._encode(json.loads(version.text)["body"])
            )
            for version in versions
            if version.policy_version and not version.is_complete
        )

    def warnings(self) -> list[str]:
        """Return the problems of the stored versions, a sentence each."""
        versions = self._all()
        if not versions:
            return []
        warnings, head = [], versions[0]
        if head.policy_version is None:
            warnings.append(
                "the newest policy version in Redis is not signed with OTP_PEPPER, and"
                " is not live"
            )
        elif head.policy_version != self.latest():
            warnings.append("the policy versions in Redis are out of order")
        elif not head.signed[0]:
            warnings.append(
                f"policy version {head.policy_version.version} is not signed with"
                " OTP_PEPPER yet: keep OTP_PEPPER_PREVIOUS until a running instance has"
                " signed it"
            )
        if unsigned := sum(version.policy_version is None for version in versions):
            warnings.append(
                f"of {len(versions)} policy versions in Redis {unsigned} are not signed"
                " with OTP_PEPPER, and cannot be rolled back to"
            )
        return warnings

    def _all(self) -> list[StoredVersion]:
        return [self._decode(text) for text in self._store.history(MAX_VERSIONS)]

    def _signatures(self, body: str) -> list[str]:
        """Return the signature of *body* with each pepper, the current one first."""
        data = body.encode()
        return [hmac.digest(key, data, hashlib.sha256).hex() for key in self._keys]

    def _encode(self, body: str) -> str:
        # Sorted, so that instances with the same two peppers store the same text.
        return json.dumps({"body": body, "signatures": sorted(self._signatures(body))})

    def _decode(self, text: bytes) -> StoredVersion:
        try:
            body, claimed = _split(text)
            expected = self._signatures(body)
        except (ValueError, RecursionError):
            return StoredVersion(text)
        signed = tuple(
            any(hmac.compare_digest(signature.encode(), other) for other in claimed)
            for signature in expected
        )
        # The body is parsed only if a signature is valid.
        version = version_codec.decode(body) if any(signed) else None
        return StoredVersion(text, version, signed) if version else StoredVersion(text)


def _order(version: PolicyVersion) -> tuple[datetime, int]:
    return version.order


def _highest_number(versions: Sequence[PolicyVersion]) -> int:
    return max((version.version for version in versions), default=0)


def _split(text: bytes) -> tuple[str, list[bytes]]:
    """Return the body of a stored text and its signatures, which are not verified.

    Raises:
        ValueError: The text does not have the form of a stored version.
    """
    match json.loads(text):
        case {"body": str() as body, "signatures": list() as signatures}:
            first = signatures[:_MAX_SIGNATURES]
            return body, [item.encode() for item in first if isinstance(item, str)]
        case _:
            raise ValueError("not a policy version")
