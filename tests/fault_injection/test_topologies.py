"""A primary and its replicas, when the primary is lost."""

from __future__ import annotations

from collections import Counter
from time import monotonic

import pytest

from tests.fault_injection import fault_proxy, simulated_users
from tests.fault_injection.load import numbers
from tests.fault_injection.simulated_users import (
    OTHERS,
    People,
    hold_over,
    judge,
    serving,
    strange,
    wait_for_sends,
)
from tests.support import redis_server, topologies

# How many have asked for a code before something is lost, by whether it is in full;
# a person is approved some 12 people later.
MANY = {False: 16, True: 100}


@pytest.mark.parametrize(
    ("replicas", "waits"), [(2, 1), pytest.param(1, 0, marks=pytest.mark.whole)]
)
def test_sentinel_fails_over(trial, whole, twilio, tmp_path, replicas, waits):
    rounds = 10 if whole else 1
    trial.title = f"Sentinel fails over, `OTP_REDIS_WAIT_REPLICAS={waits}`"
    trial.did(
        "sends, failed and correct checks from 8 clients; the primary of"
        f" {replicas + 1} killed, a replica promoted by 3 Sentinels (down after 1 s),"
        " every client retries",
        promise="1, 2, 3",
        runs=rounds,
    )
    crowds, took, late, failovers, known, disturbed = [], [], [], [], 0, 0
    more = {"OTP_REDIS_WAIT_REPLICAS": str(waits)}
    for n in range(rounds):
        folder = tmp_path / str(n)
        folder.mkdir()
        crowd = People(twilio, numbers(2_000, first=n * 2_000))
        with (
            topologies.sentinels(folder, replicas=replicas) as watched,
            serving(twilio, watched.url, **more) as served,
        ):
            with crowd.at_it(served.port, many=MANY[whole]):
                watched.primary.kill()
                killed = monotonic()
                wait_for_sends(served, OTHERS[n * 2_000 :])
                took.append(monotonic() - killed)
            replies, more_failovers = when_it_is_over(
                watched, crowd, served.port, waits
            )
            late += replies
            disturbed += more_failovers
            failovers.append(watched.failovers())
        known += crowd.approvals_before(killed)
        crowds.append(crowd)

    judge(trial, *crowds)
    hold_over(trial, late, *crowds)
    trial.tell("approvals before the kill", known)
    # A machine that stands still for a second fails over twice. Two of three servers
    # are then left, and neither has a replica until Sentinel, some 10 s later, makes
    # one of them the replica of the other.
    trial.tell("failovers of a run, most", max(failovers))
    trial.tell("retries disturbed by another failover", disturbed)
    trial.tell("from the kill to the first 201, longest", max(took), " s")


def when_it_is_over(watched, crowd, port, waits):
    """Let everybody try again, until nothing fails over meanwhile.

    Returns:
        The replies of that try, and how many tries were disturbed before it.
    """
    for disturbed in range(5):
        redis_server.wait_until(lambda: watched.settled(waits), seconds=60)
        before = watched.failovers()
        replies = crowd.try_again(port)
        if watched.settled(waits) and watched.failovers() == before:
            return replies, disturbed
    pytest.fail("the machine stood still again and again")


@pytest.mark.parametrize("waits", [1, pytest.param(0, marks=pytest.mark.whole)])
def test_a_replica_that_was_cut_off_is_promoted(trial, whole, twilio, tmp_path, waits):
    seconds = 3 if whole else 1
    trial.title = f"A cut-off replica is promoted, `OTP_REDIS_WAIT_REPLICAS={waits}`"
    trial.did(
        "sends, failed and correct checks from 8 clients; the only replica cut off"
        f" for {seconds} s, then the primary killed and the replica promoted; everybody"
        " tries again",
        promise="1, 2, 3",
    )
    crowd, more = People(twilio), {"OTP_REDIS_WAIT_REPLICAS": str(waits)}
    with (
        topologies.primary_server(tmp_path / "primary") as primary,
        fault_proxy.to(primary.port) as wire,
        topologies.replica(tmp_path / "replica", wire.port) as replica,
        fault_proxy.to(primary.port) as way,
        serving(twilio, f"redis://127.0.0.1:{way.port}", **more) as served,
    ):
        redis_server.wait_until(lambda: topologies.follows(replica))
        with crowd.at_it(served.port, many=MANY[whole]):
            wire.break_by(fault_proxy.Fault.BLACK_HOLE)
            cut = monotonic()
            redis_server.wait_until(lambda: monotonic() > cut + seconds)
        primary.kill()
        messages = set(crowd.messages())
        topologies.command(replica, "REPLICAOF", "NO", "ONE")
        way.target = replica.port
        primary.start()
        topologies.follow(primary, replica)
        wait_for_sends(served, OTHERS)
        before = len(crowd.replies)
        again = crowd.try_again(served.port)

    during = [r for r in crowd.replies[:before] if r.began > cut]
    known = {r.call.phone for r in crowd.replies[:before] if r.began <= cut}
    hold_over(trial, again, crowd)
    trial.tell("approvals before the cut", crowd.approvals_before(cut))
    if waits:
        judge(trial, crowd)
        trial.at_most("201s during the cut", sum(r.status == 201 for r in during), 0)
        trial.at_most("messages to phones of the cut", len(messages - known), 0)
        trial.tell("503s during the cut", sum(r.status == 503 for r in during))
        longest = max((r.seconds for r in during), default=0)
        trial.tell("longest answer during the cut", longest, " s")
    else:
        trial.at_most("500s and lost connections", strange(crowd.replies), 0)
        tell_what_was_lost(trial, crowd)


def tell_what_was_lost(trial, crowd):
    """Without waiting for replicas nothing is promised; this is what it costs."""
    # By code, for whoever was sent another may use that one too.
    approved = Counter((r.call.phone, r.call.code) for r in crowd.replies if r.approved)
    looked_at = Counter(r.call.phone for r in crowd.replies if r.approved or r.wrong)
    messages = Counter(crowd.messages())
    for name, counted, most in (
        ("codes approved twice", approved, 1),
        ("attempts beyond 5 at a phone", looked_at, simulated_users.MOST_CHECKS),
        ("messages beyond 1 to a phone", messages, 1),
    ):
        trial.tell(name, sum(max(0, n - most) for n in counted.values()))
    trial.tell("codes approved", len(approved))
    trial.tell("phones with failed checks", len(looked_at))
    trial.tell("messages", messages.total())
