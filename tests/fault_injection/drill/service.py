"""The real service as the other side of the actors."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Self

from tests.fault_injection.drill.actors import Action, Check, Outcome
from tests.fault_injection.drill.clients import Clients
from tests.fault_injection.drill.countries import country_of
from tests.fault_injection.drill.deployment import Deployment

GUARD_KEY = "otp:{shared}:guard"
# Real seconds. The service writes a credit within milliseconds of the approval.
_CREDIT_TIMEOUT = 5.0


@dataclass
class Service:
    """A service on one simulated day.

    Attributes:
        deployment: The service.
        start: Seconds from the start of the first day to that of this one.
        guarded: Whether the guard is on or in shadow mode.
        missing_credits: Approvals that the guard did not credit in time.
    """

    deployment: Deployment
    start: float
    guarded: bool = True
    missing_credits: int = 0
    _clients: Clients = field(init=False)

    def __post_init__(self) -> None:
        self._clients = Clients(self.deployment.port, self.deployment.twilio)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._clients.close()

    def execute(self, action: Action) -> Outcome:
        """Execute *action* at its time.

        An approval is credited after its response. The clock stands still until then,
        as a minute of the day takes a few milliseconds.
        """
        self.deployment.set_time(self.start + action.at)
        waits = self.guarded and isinstance(action, Check)
        before = self._place(action) if waits else None
        outcome = self._clients.execute(action)
        if outcome.approved and before:
            self._wait_for_credit(action, before)
        return outcome

    def _place(self, action: Action) -> bytes | None:
        """Return what the guard stores of the country, None without a guard."""
        code = country_of(action.phone).code
        stored: bytes | None = self.deployment.redis.hget(GUARD_KEY, code)
        return stored

    def _wait_for_credit(self, action: Action, before: bytes) -> None:
        end = time.monotonic() + _CREDIT_TIMEOUT
        while self._place(action) == before:
            if time.monotonic() > end:
                self.missing_credits += 1
                return
            time.sleep(0.001)
