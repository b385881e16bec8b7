"""`RateLimit` and `RateLimit-Policy`: how many sends the limits still allow a client.

They follow draft-ietf-httpapi-ratelimit-headers-11: `q` messages in any `w` seconds,
`r` of them left, and with none left, the next in `t` seconds. Each window of a limit is
a policy of its own, named as operators write it. No header reveals what a limit counts.

Only clients with a key get them, because they would help an attacker to stay just below
every limit.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from flask import g

from otp_engine.domain.limits.limits import Limit, Window, WindowUsage


def for_send(uses: Sequence[WindowUsage]) -> dict[str, str]:
    """Return the headers of a send with this usage of limits.

    Limits in shadow mode are left out.
    """
    enforced = [use for use in uses if not use.window.shadow]
    if g.get("caller") is None or not enforced:
        return {}
    return {
        "RateLimit-Policy": _list(
            _policy(use.limit_name, use.window) for use in enforced
        ),
        "RateLimit": _list(map(_remaining, enforced)),
    }


def for_refusal(name: str, limit: Limit) -> dict[str, str]:
    """Return the header of a send that the *limit* called *name* has rejected."""
    if g.get("caller") is None:
        return {}
    windows = limit.enforced.windows
    return {"RateLimit-Policy": _list(_policy(name, window) for window in windows)}


def _list(items: Iterable[str]) -> str:
    return ", ".join(items)


def _policy(name: str, window: Window) -> str:
    seconds = math.ceil(window.period.total_seconds())
    return f"{_name(name, window)};q={window.count};w={seconds}"


def _remaining(use: WindowUsage) -> str:
    left = max(0, use.window.count - use.used)
    item = f"{_name(use.limit_name, use.window)};r={left}"
    return item if left else f"{item};t={math.ceil(use.resets_in.total_seconds())}"


def _name(name: str, window: Window) -> str:
    return f'"{name} {window}"'
