"""The versions of the policy, signed, so that write access to Redis changes nothing.

A stored version is a JSON object with the change as text, `body`, and `signatures`, an
HMAC-SHA256 of that text for each configured pepper. During a rotation of the pepper a
version that has one valid signature gets the others, so that it stays valid when the
old pepper is removed.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from otp_engine.crypto.pepper import Pepper
from otp_engine.domain.policy.versions import PolicyVersion
from otp_engine.domain.ports import PolicyVersionStore

MAX_VERSIONS = 1_000
"""Number of versions that are stored."""

_MOST_SIGNATURES = 4


@dataclass(frozen=True, slots=True)
class StoredVersion:
    """A version as it stands in Redis.

    Attributes:
        text: All of it.
        amendment: The change; None, if no signature is valid.
        signed: For each configured pepper, whether it has signed this.
    """

    text: bytes
    policy_version: PolicyVersion | None = None
    signed: tuple[bool, ...] = (False,)

    @property
    def is_complete(self) -> bool:
        """Whether every configured pepper has signed this."""
        return all(self.signed)


class PolicyVersions:
    """Signs versions of the policy, and reads those with a valid signature."""

    def __init__(self, stored: PolicyVersionStore, peppers: Sequence[Pepper]) -> None:
        """Read and write *stored* versions.

        Args:
            stored: Where the texts are.
            peppers: The current one first. A version is signed with all of them, and
                valid with a signature of any.
        """
        self._stored = stored
        self._keys = [pepper.derive_key("policy") for pepper in peppers]

    def head(self) -> StoredVersion | None:
        """Return the version that was added last, valid or not; None without any."""
        text = self._stored.latest()
        return self._read(text) if text is not None else None

    def latest(self) -> PolicyVersion | None:
        """Return the newest valid version, wherever it stands."""
        return next(iter(self.history(1)), None)

    def history(self, most: int) -> list[PolicyVersion]:
        """Return the *most* newest valid versions, newest first.

        Of several with the same number only the newest is among them.
        """
        found = [one.policy_version for one in self._all() if one.policy_version]
        known: dict[int, PolicyVersion] = {}
        for amendment in sorted(found, key=lambda one: one.order, reverse=True):
            known.setdefault(amendment.version, amendment)
        return list(known.values())[:most]

    def following(self, now: datetime) -> tuple[int, datetime]:
        """Return the number and the time of a version that is made *now*.

        The number is one more than the highest. The time is after that of the newest
        version, whose author's clock may be ahead.
        """
        known = self.history(MAX_VERSIONS)
        if not known:
            return 1, now
        number = 1 + max(one.version for one in known)
        return number, max(now, known[0].created_at + timedelta(microseconds=1))

    def add(self, amendment: PolicyVersion) -> bool:
        """Make *amendment* live, unless another became live since it was begun.

        Returns:
            Whether it is live; its number must follow the highest valid one, and it
            must be newer than the newest.
        """
        head, known = self.head(), self.history(MAX_VERSIONS)
        if known and known[0] == amendment:
            return True
        if amendment.version != 1 + max((one.version for one in known), default=0):
            return False
        if known and amendment.order < known[0].order:
            return False
        text = self._write(_body(amendment))
        return self._stored.add(text, after=head.text if head else None)

    def complete(self) -> int:
        """Sign each valid version with every configured pepper.

        Returns:
            How many lacked a signature.
        """
        found = self._all() if len(self._keys) > 1 else []
        lacking = [one for one in found if one.policy_version and not one.is_complete]
        return sum(
            self._stored.replace(one.text, self._write(json.loads(one.text)["body"]))
            for one in lacking
        )

    def warnings(self) -> list[str]:
        """Return what is wrong with the stored versions, a sentence each."""
        found = self._all()
        valid = [one for one in found if one.policy_version]
        if not found:
            return []
        doubts, head = [], found[0]
        if head.policy_version is None:
            doubts.append(
                "the newest policy version in Redis is not signed with OTP_PEPPER, and"
                " is not live"
            )
        elif head.policy_version != self.latest():
            doubts.append("the policy versions in Redis are out of order")
        elif not head.signed[0]:
            doubts.append(
                f"policy version {head.policy_version.version} is not signed with"
                " OTP_PEPPER yet: keep OTP_PEPPER_PREVIOUS until a running instance has"
                " signed it"
            )
        if unsigned := len(found) - len(valid):
            doubts.append(
                f"of {len(found)} policy versions in Redis {unsigned} are not signed"
                " with OTP_PEPPER, and cannot be rolled back to"
            )
        return doubts

    def _all(self) -> list[StoredVersion]:
        return [self._read(text) for text in self._stored.history(MAX_VERSIONS)]

    def _signatures(self, body: str) -> list[str]:
        """Return the signature of *body* with each pepper, the current one first."""
        data = body.encode()
        return [hmac.digest(key, data, hashlib.sha256).hex() for key in self._keys]

    def _write(self, body: str) -> str:
        # Sorted, so that instances with the same two peppers write the same.
        return json.dumps({"body": body, "signatures": sorted(self._signatures(body))})

    def _read(self, text: bytes) -> StoredVersion:
        try:
            body, claimed = _parts(text)
            expected = self._signatures(body)
        except (ValueError, RecursionError):
            return StoredVersion(text)
        signed = tuple(
            any(hmac.compare_digest(signature.encode(), one) for one in claimed)
            for signature in expected
        )
        # What is not signed is not even read.
        amendment = _amendment(body) if any(signed) else None
        return (
            StoredVersion(text, amendment, signed) if amendment else StoredVersion(text)
        )


def _parts(text: bytes) -> tuple[str, list[bytes]]:
    """Return the body and the claimed signatures of a text that anybody may have put.

    Raises:
        ValueError: It is not written as a version.
    """
    match json.loads(text):
        case {"body": str() as body, "signatures": list() as claimed}:
            some = claimed[:_MOST_SIGNATURES]
            return body, [one.encode() for one in some if isinstance(one, str)]
        case _:
            raise ValueError("not a version of the policy")


def _body(amendment: PolicyVersion) -> str:
    return json.dumps(
        {
            "version": amendment.version,
            "created_at": amendment.created_at.isoformat(),
            "author": amendment.author,
            "reason": amendment.reason,
            "values": dict(amendment.values),
        },
        sort_keys=True,
        separators=(",", ":"),
    )


def _amendment(body: str) -> PolicyVersion | None:
    """Return the change in a signed *body*; None, if another release means more."""
    try:
        given = json.loads(body)
        return PolicyVersion(
            **given | {"created_at": datetime.fromisoformat(given["created_at"])}
        )
    except (KeyError, TypeError, ValueError):
        return None
