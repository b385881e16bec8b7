"""What limits have counted, and forgetting it; on both stores."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from otp_engine.domain.inspection import PhoneInspector
from otp_engine.domain.limits.limits import Limit
from otp_engine.domain.phones import numbers
from otp_engine.domain.services import Service
from otp_engine.errors import RateLimited
from tests.support.fakes import different_code
from tests.support.tuning import with_policy

SHOP = Service(sid="VA1", namespace="VA1", brand="Shop")
SPACES = ["", "VA1"]


@pytest.fixture
def limited(engine):
    return with_policy(
        engine,
        sends_per_phone=Limit.parse("2/10m, 9/1d"),
        failed_checks_per_phone=Limit.parse("3/1h"),
        sends_total=Limit.parse("5/1h"),
    )


@pytest.fixture
def inspector(limited):
    store = limited.store
    return PhoneInspector(store, store.limit_usage, limited.peppers, limited.policy)


def test_of_a_phone_that_nobody_asked_for_nothing_is_used(inspector, alice, redis):
    found = inspector.inspect(alice.number, SPACES)

    assert found.pending == []
    assert {use.used for use in found.limit_usage} == {0}
    assert redis.dbsize() == 0


def test_each_window_says_how_far_it_is_used_and_when_it_has_room(
    limited, inspector, alice, guess, outbox
):
    limited.send(alice)
    limited.send(replace(alice, service=SHOP))
    limited.check(guess(different_code(*outbox.codes)))

    uses = {
        (use.limit_name, str(use.window)): use
        for use in inspector.inspect(alice.number, SPACES).limit_usage
    }

    used = {key: use.used for key, use in uses.items()}
    assert used == {
        ("sends_per_phone", "2/10m"): 2,
        ("sends_per_phone", "9/1d"): 2,
        ("failed_checks_per_phone", "3/1h"): 1,
        ("max_consecutive_failures", "100/30d"): 1,
        ("sends_total", "5/1h"): 2,
    }
    full = uses["sends_per_phone", "2/10m"].resets_in
    assert timedelta(minutes=9) < full <= timedelta(minutes=10)
    assert not uses["sends_per_phone", "9/1d"].resets_in


def test_what_waits_is_told_by_service(limited, inspector, alice):
    limited.send(alice)
    limited.send(replace(alice, service=SHOP))

    waiting = inspector.inspect(alice.number, SPACES).pending

    assert [space for space, _ in waiting] == SPACES


def test_windows_in_shadow_are_shown_as_they_would_be(engine, store, alice):
    watched = with_policy(
        engine,
        sends_per_phone=Limit.parse("5/10m, 1/10m shadow"),
        sends_total=Limit.parse("9/1h, 1/1h shadow"),
    )
    watched.send(alice)
    watched.send(alice)

    inspector = PhoneInspector(
        store, store.limit_usage, watched.peppers, watched.policy
    )

    used = {
        (use.limit_name, str(use.window)): use.used
        for use in inspector.inspect(alice.number, SPACES).limit_usage
    }
    del used["failed_checks_per_phone", "1000/1h"]
    del used["max_consecutive_failures", "100/30d"]
    assert used == {
        ("sends_per_phone", "5/10m"): 2,
        ("sends_per_phone", "1/10m shadow"): 1,
        ("sends_total", "9/1h"): 2,
        ("sends_total", "1/1h shadow"): 1,
    }


def test_looking_costs_nothing(limited, inspector, alice, guess, outbox):
    limited.send(alice)
    for _ in range(20):
        inspector.inspect(alice.number, SPACES)

    assert limited.check(guess(outbox.code)).approved


def test_a_forgotten_phone_has_all_its_limits_and_nothing_waits(
    limited, inspector, alice, guess, outbox
):
    limited.send(alice)
    limited.send(replace(alice, service=SHOP))
    with pytest.raises(RateLimited):
        limited.send(alice)

    assert inspector.delete(alice.number, SPACES)

    assert inspector.inspect(alice.number, SPACES).pending == []
    limited.send(alice)
    assert not inspector.delete(numbers.parse("+919445067890", "IN"), SPACES)


def test_what_everybody_shares_stays_counted(limited, inspector, alice):
    limited.send(alice)

    inspector.delete(alice.number, SPACES)

    uses = inspector.inspect(alice.number, SPACES).limit_usage
    assert {use.limit_name: use.used for use in uses}["sends_total"] == 1
