"""Clocks that are wrong, or that jump."""

from __future__ import annotations

import pytest
import redis

from tests.fault_injection.load import check, numbers, run_in_parallel, send
from tests.support import redis_server, server_process, twilio_server
from tests.support.fake_wall_clock import FakeWallClock
from tests.support.fakes import different_code

HOUR = 3_600
TTL = 600


@pytest.fixture
def clock(tmp_path):
    return FakeWallClock.compiled_in(tmp_path)


@pytest.mark.parametrize("hours", [1, -1], ids=["+1h", "-1h"])
def test_instance_with_wrong_clock_returns_same_responses(
    hours, trial, environ, clock, twilio
):
    trial.describe(
        f"The clock of an instance is off by {hours:+}h",
        "a send, a refused re-send, a wrong and a right check by an instance with a"
        f" clock that is off by {hours} h, and by one with a correct clock",
        promise="time is Redis's",
    )
    workers = ("--workers", "1")
    clock.jump_to(hours * HOUR)
    with (
        server_process.running_server(*workers, **environ) as right,
        server_process.running_server(*workers, **environ | clock.environ) as wrong,
    ):
        seen = [story(at, wrong, twilio) for at in (right, wrong)]

    statuses = [[reply.status for reply in replies] for replies in seen]
    assert statuses[0] == [201, 429, 201, 201]
    trial.at_most("answers that differ", sum(map(_differ, *seen)), 0)


def story(first, other, twilio):
    """Send a code through *first*, and make every later request to *other*."""
    phone = numbers(1, first=first.port)[0]
    replies = run_in_parallel(first.port, [send(phone)])
    code = twilio.code_to(phone)
    for call in (send(phone), check(phone, different_code(code)), check(phone, code)):
        replies += run_in_parallel(other.port, [call])
    return replies


def _differ(first, second):
    names = ("retry-after", "otp-expires-in", "otp-resend-after", "otp-attempts-left")
    pairs = [(first.headers.get(name), second.headers.get(name)) for name in names]
    # A second may pass between the two requests.
    apart = [abs(int(a or 0) - int(b or 0)) > 1 for a, b in pairs]
    return first.status != second.status or first.body != second.body or any(apart)


@pytest.fixture
def jumpy(tmp_path, clock):
    """Run a Redis with *clock*."""
    environ = server_process.PATH | clock.environ
    with redis_server.restartable_redis(tmp_path, environ=environ) as server:
        yield server


@pytest.mark.parametrize("hours", [1, -1], ids=["+1h", "-1h"])
def test_code_is_approved_at_most_once_when_redis_clock_jumps(
    hours, trial, jumpy, clock
):
    trial.describe(
        f"The clock of Redis jumps by {hours:+}h",
        f"a code sent, Redis's clock jumps by {hours} h, then two checks of it, and"
        " a send to another phone, checked right",
        promise="1, 2; early expiry at worst, or a life longer by the jump",
    )
    old, new = numbers(2)
    with (
        twilio_server.running() as twilio,
        server_process.running_server(
            "--workers", "1", **server_process.production(jumpy.url, twilio.url)
        ) as served,
        redis.Redis.from_url(jumpy.url) as admin,
    ):
        run_in_parallel(served.port, [send(old)])
        before = int(admin.time()[0])
        clock.jump_to(hours * HOUR)
        redis_server.wait_until(lambda: abs(admin.time()[0] - before) > HOUR / 2)
        lives = [admin.pttl(key) / 1_000 for key in admin.scan_iter("*:verification")]
        checked = run_in_parallel(served.port, [check(old, twilio.code_to(old))])[0]
        again = run_in_parallel(served.port, [check(old, twilio.code_to(old))])[0]
        replies = run_in_parallel(served.port, [send(new)])
        replies += run_in_parallel(served.port, [check(new, twilio.code_to(new))])

    expected = 404 if hours > 0 else 201
    trial.at_most(
        "pending codes that do not follow the jump",
        int(checked.status != expected),
        0,
    )
    trial.at_most("approvals of one code", checked.approved + again.approved, 1)
    trial.at_most("lifetime of a pending code", max([*lives, 0]), TTL + HOUR, " s")
    trial.at_most(
        "codes sent after it that are not approved",
        sum(reply.status != 201 for reply in replies),
        0,
    )
