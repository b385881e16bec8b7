"""What a person can do on the page: give a number, a code, or neither."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from urllib.parse import urlsplit

from flask import g, request

from otp_engine.api import context, responses
from otp_engine.api.callers import ANYBODY
from otp_engine.domain import codes
from otp_engine.domain.handles import Handle
from otp_engine.domain.phone import PhoneNumber
from otp_engine.domain.verification import Asked, Checked, Guess
from otp_engine.domain.wishes import Wishes
from otp_engine.errors import (
    DeliveryUnconfirmed,
    RateLimited,
    VerificationNotFound,
)
from otp_engine.web.sheet import Said, origin_of
from otp_engine.web.texts import Texts
from otp_engine.web.visit import Approval, Back, Visit

_Step = Callable[[Visit, Texts], Said | Approval | None]


class Steps:
    """The steps, by what the forms call them."""

    def __init__(self, origins: Sequence[str]) -> None:
        """Approvals are proven to applications of those *origins*."""
        self._origins = origins
        self._known: dict[str, _Step] = {
            "number": self._number,
            "code": self._code,
            "resend": self._resend,
            "change": self._change,
        }

    def take(self, name: str, visit: Visit, words: Texts) -> Said | Approval | None:
        """Take the step called *name*; what comes back is to be said, if anything.

        Any other name is no step.

        Raises:
            OTPError: As `Engine.send` and `Engine.check`, and what cannot be read.
        """
        step = self._known.get(name)
        return step(visit, words) if step else None

    def _change(self, visit: Visit, _words: Texts) -> None:
        visit.change_number()

    def _number(self, visit: Visit, words: Texts) -> Said | None:
        number = _read(request.form.get("phone", ""))
        # A person who types the same number again goes on with its verification.
        known = _handle_of(visit.handle or visit.previous)
        if known is None or known.number != number:
            known = None
        return self._send(number, known, visit, words)

    def _resend(self, visit: Visit, words: Texts) -> Said | None:
        handle = _current(visit)
        said = self._send(handle.number, handle, visit, words)
        return said or Said(words.say("new_code"), good=True)

    def _send(
        self, number: PhoneNumber, handle: Handle | None, visit: Visit, words: Texts
    ) -> Said | None:
        """Send a code for *handle*, or for a new verification once that has ended."""
        here = context.current()
        asked = Asked(
            number=number,
            locale=words.locale,
            address=ANYBODY.address_of_person(request, None),
            service=here.service,
            wishes=Wishes(origin=_host(here.public_url)),
            bind=handle is None,
            bound=handle.verification if handle else None,
        )
        try:
            sent = here.engine_for(number).send(asked)
        except VerificationNotFound:
            if handle is None:
                raise
            return self._send(number, None, visit, words)
        except RateLimited as refusal:
            if handle and refusal.limit == "resend_cooldown":
                rounded = responses.retry_after(refusal.retry_after, rule=True)
                wait = timedelta(seconds=int(rounded))
                visit.sent(_written(handle.verification, number), wait)
            raise
        visit.sent(_written(sent.id, number), sent.resend_after)
        return None if sent.confirmed else Said(words.say(DeliveryUnconfirmed.name))

    def _code(self, visit: Visit, words: Texts) -> Said | Approval:
        handle = _current(visit)
        guess = Guess(
            number=handle.number,
            code=codes.read(request.form.get("otp", "")),
            address=ANYBODY.address_of_person(request, None),
            bound=handle.verification,
        )
        checked = context.current().engine_for(handle.number).check(guess)
        if not checked.approved:
            return Said(words.say("wrong", left=checked.attempts_left))
        approval = self._approval(handle.number, checked, visit.back)
        visit.end()
        return approval

    def _approval(
        self, number: PhoneNumber, checked: Checked, back: Back | None
    ) -> Approval:
        """Prove it to the application that the person goes back to, if it may know."""
        origin = origin_of(back.url) if back else None
        if back is None or origin not in self._origins:
            return Approval()
        here = context.current()
        proof = here.prove(number, checked, audience=origin or "", nonce=back.state)
        return Approval(proof, back)


def _read(text: str) -> PhoneNumber:
    here = context.current()
    number = here.numbers.read(text, here.region)
    g.phone = number.masked
    return number


def _handle_of(text: str | None) -> Handle | None:
    """Read a handle of the visit; one whose pepper or number is gone is none."""
    try:
        return context.current().handle(text or "")
    except VerificationNotFound:
        return None


def _current(visit: Visit) -> Handle:
    """Return the handle of the verification that the visit is at.

    Raises:
        VerificationNotFound: There is none.
    """
    handle = context.current().handle(visit.handle or "")
    g.phone = handle.number.masked
    return handle


def _written(verification: bytes, number: PhoneNumber) -> str:
    handle = Handle(verification, number)
    return handle.write(context.current().peppers[0])


def _host(public_url: str | None) -> str | None:
    """What a message must name for a browser to read it (WebOTP)."""
    return urlsplit(public_url).hostname if public_url else None
