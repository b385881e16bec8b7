from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from otp_engine.domain.messages.inbox import SimulatedOutcome
from otp_engine.domain.messages.templates import Message
from otp_engine.errors import DeliveryFailed, DeliveryUnconfirmed, ProviderUnavailable
from otp_engine.senders.simulated import SimulatedProvider
from tests.support.fakes import MESSAGE, FakeSender


@dataclass
class Simulation:
    """A simulated provider, and what it has done."""

    outcome: SimulatedOutcome
    provider: FakeSender = field(default_factory=FakeSender)
    reported: list[Message] = field(default_factory=list)
    later: list[Callable[[], None]] = field(default_factory=list)
    hung: int = 0

    def hang(self):
        self.hung += 1

    def send(self):
        SimulatedProvider(
            self.provider,
            lambda: self.outcome,
            self.reported.append,
            hang=self.hang,
            run_later=self.later.append,
        ).send(MESSAGE)


def test_accepted_message_is_passed_on():
    simulation = Simulation(SimulatedOutcome.ACCEPTED)

    simulation.send()

    assert simulation.provider.messages == [MESSAGE]
    assert simulation.later == []


def test_rejected_message_is_not_passed_on():
    simulation = Simulation(SimulatedOutcome.REJECTED)

    with pytest.raises(DeliveryFailed):
        simulation.send()

    assert simulation.provider.messages == []


def test_unconfirmed_message_hangs_and_is_not_passed_on():
    simulation = Simulation(SimulatedOutcome.UNCONFIRMED)

    with pytest.raises(DeliveryUnconfirmed):
        simulation.send()

    assert (simulation.hung, simulation.provider.messages) == (1, [])


def test_undelivered_message_is_passed_on_and_reported_later():
    simulation = Simulation(SimulatedOutcome.UNDELIVERED)

    simulation.send()

    assert simulation.provider.messages == [MESSAGE]
    assert simulation.reported == []
    [report] = simulation.later
    report()
    assert simulation.reported == [MESSAGE]


def test_ping_is_that_of_the_wrapped_provider():
    provider = FakeSender(error=ProviderUnavailable())
    simulated = SimulatedProvider(provider, lambda: SimulatedOutcome.ACCEPTED, print)

    with pytest.raises(ProviderUnavailable):
        simulated.ping()
