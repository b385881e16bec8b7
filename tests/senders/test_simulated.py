from __future__ import annotations

from dataclasses import dataclass, field, replace

import pytest

from otp_engine.domain.messages.delivery_reports import DeliveryReport
from otp_engine.domain.messages.inbox import SimulatedOutcome
from otp_engine.domain.models import Channel
from otp_engine.errors import DeliveryFailed, DeliveryUnconfirmed, ProviderUnavailable
from otp_engine.senders.simulated import SimulatedProvider
from tests.support.fakes import MESSAGE, FakeSender


@dataclass
class Simulation:
    """A simulated provider, and what it has done."""

    outcome: SimulatedOutcome
    channel: Channel = Channel.SMS
    provider: FakeSender = field(default_factory=FakeSender)
    reported: list[DeliveryReport] = field(default_factory=list)
    delays: list[float] = field(default_factory=list)
    hung: int = 0

    def hang(self):
        self.hung += 1

    def run_at_once(self, delay, function):
        self.delays.append(delay)
        function()

    def send(self):
        SimulatedProvider(
            self.provider,
            lambda: {self.channel: self.outcome},
            self.reported.append,
            slow_delay=30,
            hang=self.hang,
            run_later=self.run_at_once,
        ).send(replace(MESSAGE, channel=self.channel))

    @property
    def statuses(self):
        return [report.status for report in self.reported]


def test_accepted_message_is_passed_on_and_delivered():
    simulation = Simulation(SimulatedOutcome.ACCEPTED)

    simulation.send()

    assert simulation.provider.messages == [MESSAGE]
    assert simulation.statuses == ["sent", "delivered"]


def test_report_names_the_delivery():
    simulation = Simulation(SimulatedOutcome.ACCEPTED)

    simulation.send()

    report = simulation.reported[-1]
    assert (report.delivery_id, report.to) == (MESSAGE.delivery_id, MESSAGE.to)
    assert (report.provider, report.channel) == ("outbox", Channel.SMS)
    assert not report.not_on_channel


@pytest.mark.parametrize("channel", [Channel.WHATSAPP, Channel.TELEGRAM])
def test_message_of_an_app_is_read(channel):
    simulation = Simulation(SimulatedOutcome.ACCEPTED, channel)

    simulation.send()

    assert simulation.statuses == ["sent", "delivered", "read"]


def test_rejected_message_is_not_passed_on_and_may_fail_over():
    simulation = Simulation(SimulatedOutcome.REJECTED)

    with pytest.raises(DeliveryFailed) as caught:
        simulation.send()

    assert caught.value.retry_elsewhere
    assert (simulation.provider.messages, simulation.reported) == ([], [])


def test_unconfirmed_message_hangs_and_is_not_passed_on():
    simulation = Simulation(SimulatedOutcome.UNCONFIRMED)

    with pytest.raises(DeliveryUnconfirmed):
        simulation.send()

    assert (simulation.hung, simulation.provider.messages) == (1, [])


def test_undelivered_message_is_passed_on_and_reported():
    simulation = Simulation(SimulatedOutcome.UNDELIVERED)

    simulation.send()

    assert simulation.provider.messages == [MESSAGE]
    assert simulation.statuses == ["sent", "undelivered"]
    assert not simulation.reported[-1].not_on_channel


def test_slow_message_is_reported_after_its_delay_only():
    simulation = Simulation(SimulatedOutcome.SLOW)

    simulation.send()

    assert (simulation.statuses, simulation.delays) == (["delivered"], [30])


def test_recipient_without_the_app_is_reported():
    simulation = Simulation(SimulatedOutcome.NOT_ON_CHANNEL, Channel.WHATSAPP)

    simulation.send()

    assert simulation.statuses == ["sent", "undelivered"]
    assert [report.not_on_channel for report in simulation.reported] == [False, True]


@pytest.mark.parametrize("channel", [Channel.SMS, Channel.CALL, Channel.EMAIL])
def test_channel_without_an_app_reaches_every_recipient(channel):
    simulation = Simulation(SimulatedOutcome.NOT_ON_CHANNEL, channel)

    simulation.send()

    assert simulation.statuses == ["sent", "delivered"]


def test_ping_is_that_of_the_wrapped_provider():
    provider = FakeSender(error=ProviderUnavailable())
    simulated = SimulatedProvider(provider, dict, print, slow_delay=30)

    with pytest.raises(ProviderUnavailable):
        simulated.ping()
