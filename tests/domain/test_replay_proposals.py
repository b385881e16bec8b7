"""What stored events can replay, and the reason where they cannot."""

from __future__ import annotations

import pytest

from otp_engine.domain import email_addresses
from otp_engine.domain.models import Channel
from otp_engine.domain.policy.policy import PARSERS, Policy, format_value
from otp_engine.domain.recipients import PseudonymousRecipient
from otp_engine.domain.replay.proposal import (
    REASONS,
    NotReplayable,
    Proposal,
    is_replayable,
)
from otp_engine.domain.replay.sends import STEPS, RecordedSend, Step, step_of
from otp_engine.domain.send_facts import SendFacts
from tests.support.replayed_runs import PEPPER

DEFAULTS = {name: format_value(getattr(Policy(), name)) for name in PARSERS}


@pytest.mark.parametrize("name", [name for name in PARSERS if is_replayable(name)])
def test_replayable_value_has_a_rule(name):
    proposal = Proposal.of({name: DEFAULTS[name]}, Policy(), [PEPPER])

    # The budget has a guard that refuses nothing before it.
    *_, rule = proposal.rules
    assert name.startswith("guard") or step_of(rule.name) is rule.step


@pytest.mark.parametrize("name", [name for name in PARSERS if not is_replayable(name)])
def test_value_that_is_not_replayable_has_a_reason(name):
    with pytest.raises(NotReplayable, match=f"{name} cannot be replayed: "):
        Proposal.of({name: DEFAULTS[name]}, Policy(), [PEPPER])


def test_reasons_are_those_of_values_that_are_not_replayable():
    assert not [name for name in REASONS if is_replayable(name)]


def test_limits_of_sends_have_their_step():
    requester = {"sends_per_ip", "sends_per_key", "sends_per_network"}
    limits = {name for name in PARSERS if name.startswith("sends_")}

    assert limits - set(STEPS) == requester
    assert all(step_of(name) is Step.REQUESTER for name in requester)


def test_rule_of_the_requester_needs_every_refusal():
    proposal = Proposal.of({"sends_per_ip": "1/1h"}, Policy(), [PEPPER])

    assert proposal.refusals is None


def test_rule_of_the_destination_needs_its_own_refusals():
    proposal = Proposal.of({"sends_total": "1/1h"}, Policy(), [PEPPER])

    assert proposal.refusals == {"sends_total"}


def test_rule_of_the_phone_needs_the_refusals_after_it():
    proposal = Proposal.of({"sends_per_phone": "1/1h"}, Policy(), [PEPPER])

    refusals = set(proposal.refusals or ())
    assert {"sends_per_phone", "sends_total", "pumping_guard"} <= refusals
    assert "resend_cooldown" not in refusals


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("sends_per_country", "1/1h"),
        ("sends_per_prefix", "+91=1/1h"),
        ("allowed_countries", "SN"),
        ("sending", "on, IN=off"),
        ("guard_block", "1"),
    ],
)
def test_rules_of_numbers_refuse_no_email_in_a_replay(name, value):
    proposal = Proposal.of({name: value}, Policy(), [PEPPER])
    address = email_addresses.parse("person@example.com")
    recipient = PseudonymousRecipient.from_address(address, PEPPER)
    send = RecordedSend(
        recipient=recipient,
        facts=SendFacts(exempt=True),
        channel=Channel.EMAIL,
        counted_at=1,
    )

    refused = []
    for _ in range(3):
        refused += [rule.refuses(send, 1) for rule in proposal.rules]
        for rule in proposal.rules:
            rule.count(send, 1)

    assert refused
    assert not any(refused)
