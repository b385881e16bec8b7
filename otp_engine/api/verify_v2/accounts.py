"""Who calls, and whose things are answered with."""

from __future__ import annotations

from flask import g, request

from otp_engine.api import context
from otp_engine.api.callers import Caller
from otp_engine.api.verify_v2 import sids
from otp_engine.errors import Unauthorized


def enter() -> None:
    """Let the account in, or one of its keys, and leave its sid on `flask.g`.

    One deployment is one account. A key of another name was given for `/auth`, and
    does not get to decide about services with it; nor does anybody without a key,
    but in dev mode, where the account sid that an SDK was given is as good as any.

    Raises:
        Unauthorized: This is neither the account nor one of its keys.
    """
    here = context.current()
    caller = here.callers.identify(request)
    g.caller, g.account, g.person = caller.name, here.account, caller
    if caller.name is None and here.dev:
        g.account = _said() or here.account
    elif not _is_of_twilio(caller.name or ""):
        raise Unauthorized


def address(device: str | None) -> str | None:
    """The address of the person, as limits count it; see `Caller.address_of_person`.

    Raises:
        InvalidRequest: *device* is no address.
    """
    caller: Caller = g.person
    return caller.address_of_person(request, device)


def _is_of_twilio(name: str) -> bool:
    return sids.is_one(name, "AC") or sids.is_one(name, "SK")


def _said() -> str | None:
    name = request.authorization.username if request.authorization else None
    return name if name and sids.is_one(name, "AC") else None
