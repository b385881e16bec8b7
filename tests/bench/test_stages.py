"""The stages of a request, by its stack and its threads."""

from __future__ import annotations

import time

import pytest

from tests.bench.sampler import (
    ACCESS_LOG,
    ENGINE,
    EVENTS,
    HASHES,
    OTHER,
    PARSING,
    PROVIDER,
    REDIS,
    Sampler,
    stage_of,
    stage_of_thread,
)
from tests.bench.stages import Profile, render

PACKAGE = "/srv/otp_engine/"


@pytest.mark.parametrize(
    ("paths", "stage"),
    [
        ([f"{PACKAGE}domain/engine.py", f"{PACKAGE}api/auth_views.py"], ENGINE),
        (["/lib/json/encoder.py", f"{PACKAGE}store/verifications.py"], REDIS),
        (["/lib/redis/client.py", f"{PACKAGE}store/redis_client.py"], REDIS),
        (["/lib/queue.py", f"{PACKAGE}store/events/event_store.py"], EVENTS),
        ([f"{PACKAGE}domain/phones/numbers.py"], PARSING),
        (["/lib/logging/__init__.py", f"{PACKAGE}ops/request_log.py"], ACCESS_LOG),
        (["/lib/threading.py", f"{PACKAGE}crypto/hash_queue.py"], HASHES),
        (["/lib/ssl.py", "/lib/urllib3/connection.py"], PROVIDER),
        (["/lib/flask/app.py", "/tests/bench/stages.py"], PARSING),
    ],
)
def test_innermost_file_with_a_stage_decides(paths, stage):
    assert stage_of(iter(paths)) == stage


@pytest.mark.parametrize(
    ("name", "stage"),
    [("hashing_0", HASHES), ("events", EVENTS), ("sending_11", PROVIDER), ("x", OTHER)],
)
def test_thread_has_the_stage_of_its_name(name, stage):
    assert stage_of_thread(name) == stage


def test_sampled_time_is_cpu_time_of_the_main_thread():
    started = time.thread_time()
    with Sampler() as sampler:
        end = time.thread_time() + 0.1
        while time.thread_time() < end:
            pass
    spent = time.thread_time() - started

    assert sampler.samples > 0
    # These files have no stage, so all of it is in the default one.
    assert 0 < sampler.seconds[PARSING] <= spent


def test_table_of_stages_has_the_rest_of_the_whole_server():
    profile = Profile(stages={ENGINE: 0.2, REDIS: 0.2}, total=0.4, samples=100)

    text = render({"check": profile, "send": profile}, {"check": 0.5})

    assert text.splitlines()[2:] == [
        "| engine | 0.200 ± 0.020 | 0.200 ± 0.020 |",
        "| Redis calls | 0.200 ± 0.020 | 0.200 ± 0.020 |",
        "| the application | 0.400 | 0.400 |",
        "| HTTP server and switches of threads | 0.100 |  |",
        "| the whole server | 0.500 |  |",
    ]
