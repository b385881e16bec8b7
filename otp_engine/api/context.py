"""What the views are handed, and how they reach it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from flask import Flask, current_app, g

from otp_engine.api.callers import Callers
from otp_engine.crypto import api_keys
from otp_engine.crypto.pepper import Pepper
from otp_engine.crypto.proof_tokens import ProofTokenIssuer
from otp_engine.domain import handles, phone
from otp_engine.domain.handles import Handle
from otp_engine.domain.phone import PhoneNumber
from otp_engine.domain.policy import Policy
from otp_engine.domain.ports import Events, Records, SafeList, Services
from otp_engine.domain.rehearsal import Rehearsed, TestNumbers
from otp_engine.domain.service import Service
from otp_engine.domain.verification import Checked

_NAME = "otp_engine"


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """The engine, and what reading a request and shaping an answer takes.

    Attributes:
        dev: Development: `/v2` can be tried without a key.
        numbers: Reads what people type, and numbers for tests.
        live: The engine, under the policy as it is now.
        peppers: The current one, and behind it the one before a rotation.
        region: ISO 3166 code of the country that national numbers belong to.
        account: Twilio's kind of name for whoever runs this.
        service: The default service, which is always there.
        services: The others, and what was added to the default one.
        proofs: Issues proof tokens.
        public_url: How callers reach this; none is as they have done it.
        now: The time of day, in UTC.
    """

    dev: bool
    numbers: TestNumbers
    live: Callable[[], Rehearsed]
    peppers: tuple[Pepper, ...]
    callers: Callers
    region: str
    account: str
    service: Service
    services: Services
    records: Records
    safe_list: SafeList
    events: Events
    public_url: str | None
    proofs: ProofTokenIssuer
    now: Callable[[], datetime]

    @property
    def engine(self) -> Rehearsed:
        """The engine for this request; a later one may have another."""
        if "engine" not in g:
            g.engine = self.live()
        engine: Rehearsed = g.engine
        return engine

    @property
    def policy(self) -> Policy:
        """What the engine goes by."""
        return self.engine.engine.policy

    def proven(self, number: PhoneNumber, checked: Checked) -> dict[str, str]:
        """The header that proves an approval to others than the caller."""
        audience = g.get("caller") or api_keys.ANONYMOUS
        proof = self.prove(number, checked, audience=audience)
        return {"OTP-Proof": proof} if proof else {}

    def prove(
        self,
        number: PhoneNumber,
        checked: Checked,
        *,
        audience: str,
        nonce: str | None = None,
    ) -> str | None:
        """Issue a proof token for an approval, as `ProofTokenIssuer.issue`."""
        if checked.approved_at is None:
            return None
        return self.proofs.issue(
            number.e164,
            approved_at=checked.approved_at,
            audience=audience,
            nonce=nonce,
            test=self.numbers.find(number.e164) is not None,
        )

    def handle(self, text: str) -> Handle:
        """Read the handle of a bound verification.

        Raises:
            VerificationNotFound: It is not a handle.
        """
        return handles.read(text, self.peppers, self._number)

    def handle_of(self, verification: bytes | None) -> dict[str, str]:
        """Return the header with the handle of a *verification*, if it is bound.

        Whether it is, and for which number, the view has left on `flask.g`.
        """
        number: PhoneNumber | None = g.get("bound")
        if number is None or verification is None:
            return {}
        return {"OTP-Verification": Handle(verification, number).write(self.peppers[0])}

    def _number(self, e164: str) -> PhoneNumber:
        return self.numbers.read(e164, phone.NOWHERE)

    def install(self, app: Flask) -> None:
        """Make this what the views of *app* are handed."""
        app.extensions[_NAME] = self


def current() -> Context:
    """What the app that answers this request was built from."""
    context: Context = current_app.extensions[_NAME]
    return context
