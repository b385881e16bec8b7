from __future__ import annotations

import time

import pytest

from otp_engine.crypto.argon2 import PROFILES
from otp_engine.crypto.calibration import Benchmark, calibrate, recommend

STRONG = Benchmark(
    name="strong", argon2=PROFILES["rfc9106"], threads=2, hashes_per_second=10
)
LIGHT = Benchmark(
    name="light", argon2=PROFILES["light"], threads=2, hashes_per_second=400
)


def test_stronger_profile_is_slower():
    # CPU time: other programs take the rest of the time of a busy machine.
    rates = [
        calibrate(
            name, PROFILES[name], threads=1, seconds=0.2, clock=time.process_time
        ).hashes_per_second
        for name in ("rfc9106", "owasp", "light", "test")
    ]

    assert rates == sorted(rates)


def test_memory_is_the_sum_of_all_threads():
    assert STRONG.memory == 2 * 64 * 2**20


def test_core_hours_cover_every_code_on_one_core():
    assert STRONG.core_hours(6) == pytest.approx(1_000_000 / 5 / 3_600)


@pytest.mark.parametrize(
    ("rate", "name"), [(5, "strong"), (10, "strong"), (11, "light"), (400, "light")]
)
def test_recommend_returns_the_strongest_profile_at_the_rate(rate, name):
    chosen = recommend([LIGHT, STRONG], rate)

    assert chosen
    assert chosen.name == name


def test_recommend_returns_none_above_every_rate():
    assert recommend([LIGHT, STRONG], 401) is None
