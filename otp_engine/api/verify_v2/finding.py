"""Finds the service that a path names, and changes it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import TypeVar

from otp_engine.api import context
from otp_engine.api.verify_v2 import errors
from otp_engine.domain.service import Service
from otp_engine.errors import Unavailable

_TRIES = 20

T = TypeVar("T")
N = TypeVar("N", bound=Service | None)


def service(sid: str) -> Service:
    """The service of that sid.

    The default one is what the environment says, and what was added to it here.

    Raises:
        Problem: There is none.
    """
    here = context.current()
    stored = here.services.find(sid)
    if sid != here.service.sid:
        if stored is None:
            raise errors.not_found()
        # Not as it is stored: what was the default one may not be any more.
        return replace(stored, space=sid)
    if stored is None:
        return here.service
    return replace(
        here.service, rate_limits=stored.rate_limits, messaging=stored.messaging
    )


def one(things: Iterable[T], fits: Callable[[T], bool]) -> T:
    """The first of *things* that *fits*.

    Raises:
        Problem: There is none.
    """
    for thing in things:
        if fits(thing):
            return thing
    raise errors.not_found()


def is_default(sid: str) -> bool:
    """Whether the environment decides about this service."""
    return sid == context.current().service.sid


def change(sid: str, make: Callable[[Service], N]) -> N:
    """Put what *make* makes of a service in its place; with none, it is deleted.

    Where somebody else has changed it meanwhile, *make* is asked again: what it
    checks always holds for what is written.

    Raises:
        Problem: There is no such service, or *make* refused.
    """
    services = context.current().services
    for _ in range(_TRIES):
        old = services.find(sid)
        new = make(service(sid))
        if services.swap(old, new):
            return new
    raise Unavailable
