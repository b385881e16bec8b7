"""What a person can do on the page: give a number, a code, or neither."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from urllib.parse import urlsplit

from flask import g, request

from otp_engine.api import context, responses
from otp_engine.api.callers import ANYBODY
from otp_engine.domain import codes
from otp_engine.domain.phone import PhoneNumber
from otp_engine.domain.verification import Asked, Guess
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
        visit.begin_again()

    def _number(self, visit: Visit, words: Texts) -> Said | None:
        return self._send(_read(request.form.get("phone", "")), visit, words)

    def _resend(self, visit: Visit, words: Texts) -> Said | None:
        said = self._send(_number_of(visit), visit, words)
        return said or Said(words.say("new_code"), good=True)

    def _send(self, number: PhoneNumber, visit: Visit, words: Texts) -> Said | None:
        here = context.current()
        asked = Asked(
            number=number,
            locale=words.locale,
            address=ANYBODY.address_of_person(request, None),
            service=here.service,
            wishes=Wishes(origin=_host(here.public_url)),
        )
        try:
            sent = here.engine.send(asked)
        except DeliveryUnconfirmed as silence:
            visit.sent(number.e164, silence.resend_after or timedelta())
            return Said(words.say(silence.name))
        except RateLimited as refusal:
            # Whoever comes back to a page that they have closed has a code already.
            if refusal.limit == "resend_cooldown" and _waits(number):
                rounded = responses.retry_after(refusal.retry_after, rule=True)
                visit.sent(number.e164, timedelta(seconds=int(rounded)))
            raise
        visit.sent(number.e164, sent.resend_after)
        return None

    def _code(self, visit: Visit, words: Texts) -> Said | Approval:
        number = _number_of(visit)
        guess = Guess(
            number=number,
            code=codes.read(request.form.get("otp", "")),
            address=ANYBODY.address_of_person(request, None),
        )
        checked = context.current().engine.check(guess)
        if not checked.approved:
            return Said(words.say("wrong", left=checked.attempts_left))
        approval = self._approval(number, visit.back)
        visit.end()
        return approval

    def _approval(self, number: PhoneNumber, back: Back | None) -> Approval:
        """Prove it to the application that the person goes back to, if it may know."""
        origin = origin_of(back.url) if back else None
        if back is None or origin not in self._origins:
            return Approval()
        here = context.current()
        proof = here.prove(number, audience=origin or "", nonce=back.state)
        return Approval(proof, back)


def _read(text: str) -> PhoneNumber:
    here = context.current()
    number = here.numbers.read(text, here.region)
    g.phone = number.masked
    return number


def _number_of(visit: Visit) -> PhoneNumber:
    if visit.phone is None:
        raise VerificationNotFound
    return _read(visit.phone)


def _waits(number: PhoneNumber) -> bool:
    here = context.current()
    try:
        here.engine.look(number, here.service)
    except VerificationNotFound:
        return False
    return True


def _host(public_url: str | None) -> str | None:
    """What a message must name for a browser to read it (WebOTP)."""
    return urlsplit(public_url).hostname if public_url else None
