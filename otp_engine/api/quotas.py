"""`RateLimit` and `RateLimit-Policy`: what the limits leave of a caller's sends.

As draft-ietf-httpapi-ratelimit-headers-11 has them: `q` messages in any `w` seconds,
`r` of them left, and where none is left, the next in `t` seconds. Each window of a
limit is a policy of its own, named as operators write it. Nothing says whom a limit
counts.

Only callers with a key are told: to a stranger it would be a plan of the walls.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from flask import g

from otp_engine.domain.limits import Limit, Use, Window


def of_sent(uses: Sequence[Use]) -> dict[str, str]:
    """The headers of a send that *uses* have counted; a limit in shadow is not told."""
    told = [use for use in uses if not use.window.shadow]
    if g.get("caller") is None or not told:
        return {}
    return {
        "RateLimit-Policy": _list(_policy(use.limit_name, use.window) for use in told),
        "RateLimit": _list(map(_left, told)),
    }


def of_refused(name: str, limit: Limit) -> dict[str, str]:
    """The header of a send that the *limit* called *name* has refused."""
    if g.get("caller") is None:
        return {}
    windows = limit.enforced.windows
    return {"RateLimit-Policy": _list(_policy(name, one) for one in windows)}


def _list(items: Iterable[str]) -> str:
    return ", ".join(items)


def _policy(name: str, window: Window) -> str:
    seconds = math.ceil(window.period.total_seconds())
    return f"{_name(name, window)};q={window.count};w={seconds}"


def _left(use: Use) -> str:
    left = max(0, use.window.count - use.used)
    item = f"{_name(use.limit_name, use.window)};r={left}"
    return item if left else f"{item};t={math.ceil(use.frees_in.total_seconds())}"


def _name(name: str, window: Window) -> str:
    return f'"{name} {window}"'
