"""What operators see of a service that runs: two instances of two workers."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from tests import processes, servers
from tests.fakes import other_than
from tests.pages import values

KEY = {"Authorization": "Bearer shop-secret-0123456789"}
SCRAPE = {"Authorization": "Bearer metrics-secret-0123456789"}
SENT = "otp_sends_total{channel=sms,country=IN,outcome=accepted}"
REFUSED = "otp_refusals_total{action=send,limit=sends_per_phone}"
SHADOW = "otp_shadow_refusals_total{action=send,limit=sends_per_phone}"
WRONG = "otp_checks_total{outcome=wrong}"
APPROVED = "otp_approvals_total{channel=sms,country=IN}"


@pytest.fixture
def environ(quick):
    return quick | {
        "OTP_METRICS_KEY": "metrics-secret-0123456789",
        "OTP_RESEND_COOLDOWN": "0s",
        "OTP_SENDS_PER_PHONE": "2/1h",
    }


@pytest.fixture
def pair(environ):
    with (
        processes.serving("--workers", "2", **environ) as one,
        processes.serving("--workers", "2", **environ) as two,
    ):
        yield one, two


def told(served):
    return values(served.read("/metrics", **SCRAPE))


def number(n):
    return f"+9194450{n:05}"


def test_what_the_instances_count_together_is_what_happened(pair, twilio):
    def person(n):
        """Three sends, the last over the limit; a wrong code and a right one."""
        phone = {"phone": number(n)}
        served = [pair[(n + turn) % 2] for turn in range(5)]
        for turn in range(3):
            served[turn].post("/auth/send_otp", phone, **KEY)
        code = twilio.code_to(phone["phone"])
        for turn, typed in ((3, other_than(code)), (4, code)):
            served[turn].post("/auth/verify_otp", phone | {"otp": typed}, **KEY)

    with ThreadPoolExecutor(4) as people:
        list(people.map(person, range(20)))

    counted = Counter(told(pair[0])) + Counter(told(pair[1]))
    assert len(twilio.messages) == 40
    assert (counted[SENT], counted[REFUSED], counted[SHADOW]) == (40, 20, 0)
    assert (counted[WRONG], counted[APPROVED]) == (20, 20)
    carrier = "otp_carrier_duration_seconds_count{outcome=accepted,sender=twilio}"
    assert counted[carrier] == 40
    assert counted["otp_hashing_duration_seconds_count"] == 80


def test_whichever_worker_is_asked_answers_for_the_instance(pair):
    for n in range(6):
        pair[0].post("/auth/send_otp", {"phone": number(n)}, **KEY)

    # Of 16 connections hardly all are taken by the same of two workers.
    assert {told(pair[0])[SENT] for _ in range(16)} == {6}
    assert told(pair[1])[SENT] == 0


def test_what_a_worker_that_died_has_counted_stays(environ):
    with processes.serving("--workers", "1", **environ) as served:
        served.post("/auth/send_otp", {"phone": number(0)}, **KEY)
        [worker] = children(served.process.pid)
        os.kill(worker, signal.SIGKILL)
        servers.wait_until(lambda: children(served.process.pid) not in ([], [worker]))
        servers.wait_until(lambda: answers(served), seconds=30)

        served.post("/auth/send_otp", {"phone": number(1)}, **KEY)

        assert told(served)[SENT] == 2


def children(pid):
    with open(f"/proc/{pid}/task/{pid}/children") as file:  # noqa: PTH123 - no file
        return [int(child) for child in file.read().split()]


def answers(served):
    try:
        return served.get("/healthz").status == 200
    except OSError:
        return False


def test_whom_a_limit_in_shadow_would_refuse_is_counted_and_told(pair, environ):
    one, two = pair
    changed = processes.run(
        *("policy", "set", "sends_per_phone", "1/1h shadow", "--reason", "let us see"),
        **environ,
    )
    servers.wait_until(lambda: versions(pair) == {1})

    answers = [
        served.post("/auth/send_otp", {"phone": number(0)}, **KEY).status
        for served in (one, two, one)
    ]

    counted = Counter(told(one)) + Counter(told(two))
    assert answers == [201] * 3
    assert "! sends_per_phone 1/1h is in shadow, and refuses nobody" in changed.stderr
    assert (counted[SENT], counted[SHADOW], counted[REFUSED]) == (3, 2, 0)
    servers.wait_until(lambda: len(shown(environ, "--kind", "refused")) == 2)
    events = list(map(json.loads, shown(environ, "--json", "--kind", "refused")))
    assert [(event["limit"], event["shadow"]) for event in events] == [
        ("sends_per_phone", True)
    ] * 2


def versions(pair):
    # None, before anybody has read one.
    return {told(served).get("otp_policy_version") for served in pair}


def shown(environ, *words):
    """What `otp-engine events` shows, of what is written by now."""
    return processes.run("events", *words, **environ).stdout.splitlines()


@contextmanager
def following(environ):
    """Follow the events, line by line as they come."""
    with subprocess.Popen(
        [*processes.PROGRAM, "events", "--follow", "--json"],
        env=processes.PATH | environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as follower:
        yield follower


def test_events_are_followed_as_they_happen_and_the_end_is_quiet(pair, environ, twilio):
    one, two = pair
    with following(environ) as follower:
        phone = {"phone": number(7)}
        one.post("/auth/send_otp", phone, **KEY)
        code = twilio.code_to(phone["phone"])
        sent = json.loads(follower.stdout.readline())
        two.post("/auth/verify_otp", phone | {"otp": other_than(code)}, **KEY)
        wrong = json.loads(follower.stdout.readline())
        two.post("/auth/verify_otp", phone | {"otp": code}, **KEY)
        approved = json.loads(follower.stdout.readline())
        follower.send_signal(signal.SIGINT)
        rest, complaints = follower.communicate(timeout=30)

    kinds = [event["kind"] for event in (sent, wrong, approved)]
    assert kinds == ["sent", "failed_check", "approved"]
    assert {event["phone"] for event in (sent, wrong, approved)} == {sent["phone"]}
    assert sent["verification"] == approved["verification"]
    assert (rest, complaints, follower.returncode) == ("", "", 0)
    written = json.dumps([sent, wrong, approved])
    assert code not in written
    assert number(7)[1:] not in written


def test_events_of_one_kind_and_a_change_of_the_policy_are_shown(pair, environ):
    processes.run("policy", "set", "ttl", "5m", "--reason", "tests", **environ)
    pair[0].post("/auth/verify_otp", {"phone": number(0), "otp": "123456"}, **KEY)

    servers.wait_until(lambda: shown(environ, "--kind", "not_found") != [])

    [policy] = shown(environ, "--kind", "policy")
    assert "change=ttl = 5m  reason=tests" in policy
    assert "phone=+91944*******" in shown(environ, "--kind", "not_found")[0]
    assert shown(environ, "--since", "0s") == []


@pytest.mark.parametrize(
    "words", [("--since", "yesterday"), ("--since", "40d"), ("--kind", "gossip")]
)
def test_what_cannot_be_asked_for_is_said(environ, words):
    result = processes.run("events", *words, **environ)

    assert result.returncode == 2
    assert f"Invalid value for '{words[0]}'" in result.stderr
