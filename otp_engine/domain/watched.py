"""The engine, with somebody watching."""

from __future__ import annotations

from dataclasses import dataclass

from otp_engine.domain import events, messages
from otp_engine.domain.engine import Engine
from otp_engine.domain.events import Approved, CodeSent, Watch
from otp_engine.domain.phone import PhoneNumber
from otp_engine.domain.service import DEFAULT, Service
from otp_engine.domain.verification import Asked, Checked, Guess, Sent, Waiting
from otp_engine.errors import DeliveryUnconfirmed


@dataclass(frozen=True, slots=True)
class Watched:
    """Does what *engine* does, and says what has come of it.

    Attributes:
        watch: Is told each event. It must not raise, for what it is told has happened.
    """

    engine: Engine
    watch: Watch

    def send(self, asked: Asked) -> Sent:
        """As `Engine.send`."""
        try:
            sent = self.engine.send(asked)
        except DeliveryUnconfirmed as silence:
            if silence.verification and silence.attempt:
                self._sent(asked, silence.verification, silence.attempt)
            raise
        self._sent(asked, sent.id, sent.token)
        return sent

    def check(self, guess: Guess) -> Checked:
        """As `Engine.check`."""
        checked = self.engine.check(guess)
        if checked.approved:
            self.watch(Approved(verification=checked.id))
        return checked

    def look(self, number: PhoneNumber, service: Service = DEFAULT) -> Waiting:
        """As `Engine.look`."""
        return self.engine.look(number, service)

    def approve(self, number: PhoneNumber, service: Service, id: bytes) -> None:
        """As `Engine.approve`."""
        self.engine.approve(number, service, id)
        self.watch(Approved(verification=id))

    def cancel(self, number: PhoneNumber, service: Service, id: bytes) -> None:
        """As `Engine.cancel`."""
        self.engine.cancel(number, service, id)

    def _sent(self, asked: Asked, verification: bytes, attempt: bytes) -> None:
        number, engine = asked.number, self.engine
        length = asked.service.code_length or engine.policy.code_length
        self.watch(
            CodeSent(
                verification=verification,
                attempt=attempt,
                service=asked.service.sid,
                phone=engine.peppers[0].digest("event", number.e164),
                prefix=events.prefix(number),
                country=number.country,
                channel=asked.channel,
                code_length=len(asked.code) if asked.code else length,
                locale=asked.locale and messages.language_of(asked.locale),
            )
        )
