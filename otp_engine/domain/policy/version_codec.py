"""The body of a stored policy version: JSON that is signed.

The pending reverts are a value of the version with a name that no policy has. An
earlier release ignores such a name, keeps it in its own versions, and so carries the
reverts on. With a field of their own, it would reject the whole version.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from otp_engine.domain.policy.reverts import End, PendingRevert, PolicyState
from otp_engine.domain.policy.versions import PolicyVersion

_REVERTS = "pending_reverts"


def encode(version: PolicyVersion) -> str:
    """Return the body of a version."""
    values = dict(version.values)
    if version.reverts:
        values[_REVERTS] = _to_json([_revert_to_dict(r) for r in version.reverts])
    return _to_json(
        {
            "version": version.version,
            "created_at": version.created_at.isoformat(),
            "author": version.author,
            "reason": version.reason,
            "values": values,
        }
    )


def decode(body: str) -> PolicyVersion | None:
    """Return the version of a signed *body*; None if another release wrote it."""
    try:
        fields = json.loads(body)
        values = dict(fields["values"])
        reverts = _decode_reverts(values.pop(_REVERTS, "[]"))
        state = PolicyState(values, tuple(reverts)).normalized()
        return PolicyVersion(
            **fields
            | {
                "created_at": datetime.fromisoformat(fields["created_at"]),
                "values": values,
                "reverts": state.reverts,
            }
        )
    except (AttributeError, KeyError, TypeError, ValueError):
        return None


def _to_json(value: Any) -> str:  # noqa: ANN401 - any value of JSON
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


def _revert_to_dict(revert: PendingRevert) -> dict[str, Any]:
    fields = {
        "name": revert.name,
        "key": revert.key,
        "text": revert.text,
        "before": revert.before,
        "base": revert.base,
        "until": revert.end.until.isoformat(),
        "version": revert.end.version,
    }
    return {name: value for name, value in fields.items() if value is not None}


def _decode_reverts(text: str) -> Iterable[PendingRevert]:
    """Return the reverts of a signed text; a later release can add fields to one."""
    for fields in json.loads(text):
        yield PendingRevert(
            name=fields["name"],
            key=fields.get("key"),
            text=fields.get("text"),
            before=fields.get("before"),
            base=fields.get("base"),
            end=End(datetime.fromisoformat(fields["until"]), fields["version"]),
        )
