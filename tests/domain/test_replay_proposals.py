"""What stored events can replay, and the reason where they cannot."""

from __future__ import annotations

import pytest

from otp_engine.domain.policy.policy import PARSERS, Policy, format_value
from otp_engine.domain.replay.proposal import (
    REASONS,
    NotReplayable,
    Proposal,
    is_replayable,
)
from otp_engine.domain.replay.sends import STEPS, Step, step_of
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
