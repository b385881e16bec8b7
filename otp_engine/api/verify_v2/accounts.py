"""Who calls, and whose things are answered with."""

from __future__ import annotations

from flask import g, request

from otp_engine.api import context
from otp_engine.api.verify_v2 import sids


def enter() -> None:
    """Let the holder of a key in, and leave the sid of the account on `flask.g`.

    One deployment is one account. Where nobody needs a key, an account sid that an SDK
    was given is as good as any.

    Raises:
        Unauthorized: Keys are configured, and this is none of them.
    """
    here = context.current()
    caller = here.callers.identify(request)
    g.caller, g.account = caller.name, here.account
    said = request.authorization.username if request.authorization else None
    if caller.name is None and said and sids.is_one(said, "AC"):
        g.account = said
