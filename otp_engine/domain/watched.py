"""The engine, with somebody watching."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from otp_engine.domain import events, messages
from otp_engine.domain.engine import Engine
from otp_engine.domain.events import (
    Approved,
    Canceled,
    CodeSent,
    Exhausted,
    NothingWaiting,
    RequestRefused,
    Undelivered,
    Unserved,
    Watch,
    WrongCode,
)
from otp_engine.domain.phone import PhoneNumber
from otp_engine.domain.service import DEFAULT, Service
from otp_engine.domain.verification import (
    Asked,
    Channel,
    Checked,
    Guess,
    Sent,
    Waiting,
)
from otp_engine.domain.whom import Whom
from otp_engine.errors import (
    CarrierUnavailable,
    DeliveryFailed,
    DeliveryUnconfirmed,
    InvalidPhone,
    NotServed,
    OTPError,
    RateLimited,
    Saturated,
    SendingOff,
    StoreUnavailable,
    TooManyAttempts,
    Unavailable,
    VerificationNotFound,
)

_WHY: dict[type[OTPError], str] = {
    StoreUnavailable: "store",
    CarrierUnavailable: "carrier",
    Saturated: "saturated",
    SendingOff: "sending_off",
}


@dataclass(frozen=True, slots=True)
class Watched:
    """Does what *engine* does, and tells its watch what has come of it."""

    engine: Engine

    def send(self, asked: Asked) -> Sent:
        """As `Engine.send`."""
        with self._telling(asked):
            sent = self.engine.send(asked)
        self._sent(asked, sent.id, sent.token)
        return sent

    def check(self, guess: Guess) -> Checked:
        """As `Engine.check`."""
        with self._telling(guess):
            checked = self.engine.check(guess)
        if checked.approved:
            self._approved(self._whom(guess), checked.id)
        else:
            self._wrong(self._whom(guess), checked)
        return checked

    def look(
        self,
        number: PhoneNumber,
        service: Service = DEFAULT,
        bound: bytes | None = None,
    ) -> Waiting:
        """As `Engine.look`."""
        return self.engine.look(number, service, bound)

    def approve(
        self,
        number: PhoneNumber,
        service: Service,
        id: bytes,
        bound: bytes | None = None,
    ) -> None:
        """As `Engine.approve`."""
        self.engine.approve(number, service, id, bound)
        self._approved(Whom.of(number, self.engine.peppers[0]), id)

    def cancel(
        self,
        number: PhoneNumber,
        service: Service,
        id: bytes,
        bound: bytes | None = None,
    ) -> None:
        """As `Engine.cancel`."""
        self.engine.cancel(number, service, id, bound)
        whom = Whom.of(number, self.engine.peppers[0])
        self._watch(Canceled(whom=whom, verification=id))

    @property
    def _watch(self) -> Watch:
        return self.engine.watch

    def _whom(self, request: Asked | Guess) -> Whom:
        return Whom.of(request.number, self.engine.peppers[0], request.address)

    @contextmanager
    def _telling(self, request: Asked | Guess) -> Iterator[None]:
        """Tell of what kept a request from being done."""
        try:
            yield
        except OTPError as error:
            self._tell_of(error, request)
            raise

    def _tell_of(self, error: OTPError, request: Asked | Guess) -> None:
        match error, request:
            case (OTPError(remembered=True), _):
                pepper = self.engine.peppers[0]
                self._watch(RequestRefused.of(request, "provider_refusal", pepper))
            case (
                DeliveryUnconfirmed(
                    verification=bytes() as id, attempt=bytes() as token
                ),
                Asked() as asked,
            ):
                self._sent(asked, id, token, confirmed=False)
            case (RateLimited() | TooManyAttempts() | NotServed(), _) if _is_a_rule(
                error
            ):
                pepper = self.engine.peppers[0]
                self._watch(RequestRefused.of(request, _name(error), pepper))
            case (DeliveryFailed() | InvalidPhone() | NotServed(), Asked() as asked):
                self._undelivered(asked, error)
            case (VerificationNotFound(), _):
                self._watch(NothingWaiting(whom=self._whom(request)))
            case (Unavailable(), _):
                self._not_served(request, _WHY.get(type(error), "other"))

    def _sent(
        self,
        asked: Asked,
        verification: bytes,
        attempt: bytes,
        *,
        confirmed: bool = True,
    ) -> None:
        length = asked.service.code_length or self.engine.policy.code_length
        self._watch(
            CodeSent(
                whom=self._whom(asked),
                verification=verification,
                attempt=attempt,
                service=asked.service.sid,
                channel=asked.channel,
                code_length=len(asked.code) if asked.code else length,
                locale=_language(asked.locale),
                confirmed=confirmed,
            )
        )

    def _not_served(self, request: Asked | Guess, why: str) -> None:
        asked_for = events.action(request)
        whom = self._whom(request)
        self._watch(Unserved(whom=whom, action=asked_for, why=why))

    def _undelivered(self, asked: Asked, error: OTPError) -> None:
        self._watch(
            Undelivered(
                whom=self._whom(asked),
                channel=asked.channel,
                error=error.name,
                carrier_error=error.carrier_error,
            )
        )

    def _approved(self, whom: Whom, verification: bytes) -> None:
        self._watch(
            Approved(
                whom=whom,
                verification=verification,
                # There is no other so far.
                channel=Channel.SMS,
            )
        )

    def _wrong(self, whom: Whom, checked: Checked) -> None:
        left = checked.attempts_left
        self._watch(WrongCode(whom=whom, verification=checked.id, attempts_left=left))
        if not left:
            self._watch(Exhausted(whom=whom, verification=checked.id))


def _is_a_rule(refusal: OTPError) -> bool:
    """Whether it is one of ours; a carrier can know better about a number."""
    return refusal.carrier_error is None


def _name(refusal: OTPError) -> str:
    match refusal:
        case RateLimited():
            return refusal.limit
        case TooManyAttempts():
            return "max_checks"
        case _:
            return refusal.name


def _language(locale: str | None) -> str | None:
    """The language of a message; what else was asked for is nobody's business."""
    language = messages.language_of(locale)
    return language if locale and language in messages.LOCALES else None
