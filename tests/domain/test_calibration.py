from __future__ import annotations

import time

import pytest

from otp_engine.domain.calibration import Calibrated, calibrate, propose
from otp_engine.domain.hashing import COSTS

DEAR = Calibrated(name="dear", cost=COSTS["rfc9106"], threads=2, per_second=10)
CHEAP = Calibrated(name="cheap", cost=COSTS["light"], threads=2, per_second=400)


def test_a_dearer_cost_makes_fewer_hashes():
    rates = [
        calibrate(
            name, COSTS[name], threads=1, seconds=0.2, clock=time.monotonic
        ).per_second
        for name in ("rfc9106", "owasp", "light", "test")
    ]

    assert rates == sorted(rates)


def test_memory_is_that_of_all_threads():
    assert DEAR.memory == 2 * 64 * 2**20


def test_core_hours_are_those_of_every_code_on_one_core():
    assert DEAR.core_hours(6) == pytest.approx(1_000_000 / 5 / 3_600)


@pytest.mark.parametrize(
    ("rate", "name"), [(5, "dear"), (10, "dear"), (11, "cheap"), (400, "cheap")]
)
def test_the_dearest_that_carries_the_rate_is_proposed(rate, name):
    chosen = propose([CHEAP, DEAR], rate)

    assert chosen
    assert chosen.name == name


def test_where_none_carries_the_rate_none_is_proposed():
    assert propose([CHEAP, DEAR], 401) is None
