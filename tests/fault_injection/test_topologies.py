"""A primary with replicas, which is killed and replaced."""

from __future__ import annotations

from collections import Counter
from time import monotonic

import pytest

from tests.fault_injection import fault_proxy, simulated_users
from tests.fault_injection.load import numbers
from tests.fault_injection.simulated_users import (
    OTHERS,
    Users,
    check_promises,
    count_unexpected,
    require_recovery,
    running_service,
    wait_for_sends,
)
from tests.support import redis_server, topologies

# Users that start before the fault, in the short and the full form: a user is
# approved while the twelfth user after that one starts.
MANY = {False: 16, True: 100}


@pytest.mark.parametrize(
    ("replicas", "waits"), [(2, 1), pytest.param(1, 0, marks=pytest.mark.whole)]
)
def test_sentinel_failover_keeps_limits_and_approvals(
    trial, whole, twilio, tmp_path, replicas, waits
):
    rounds = 10 if whole else 1
    trial.describe(
        f"Sentinel fails over, `OTP_REDIS_WAIT_REPLICAS={waits}`",
        "sends, failed and correct checks from 8 clients; the primary of"
        f" {replicas + 1} killed, a replica promoted by 3 Sentinels (down after 1 s),"
        " every client retries",
        promise="1, 2, 3",
        runs=rounds,
    )
    groups, took, late, failovers, known, disturbed = [], [], [], [], 0, 0
    more = {"OTP_REDIS_WAIT_REPLICAS": str(waits)}
    for n in range(rounds):
        folder = tmp_path / str(n)
        folder.mkdir()
        users = Users(twilio, numbers(2_000, first=n * 2_000))
        with (
            topologies.sentinels(folder, replicas=replicas) as setup,
            running_service(twilio, setup.url, **more) as served,
        ):
            with users.running(served.port, minimum=MANY[whole]):
                setup.primary.kill()
                killed = monotonic()
                wait_for_sends(served, OTHERS[n * 2_000 :])
                took.append(monotonic() - killed)
            replies, more_failovers = retry_after_failover(
                setup, users, served.port, waits
            )
            late += replies
            disturbed += more_failovers
            failovers.append(setup.failovers())
        known += users.approvals_before(killed)
        groups.append(users)

    check_promises(trial, *groups)
    require_recovery(trial, late, *groups)
    trial.record("approvals before the kill", known)
    # After a pause of the machine, Sentinel fails over twice. Two of three servers
    # remain, without a replica until Sentinel reconfigures one some 10 s later.
    trial.record("failovers of a run, most", max(failovers))
    trial.record("retries disturbed by another failover", disturbed)
    trial.record("from the kill to the first 201, longest", max(took), " s")


def retry_after_failover(setup, users, port, waits):
    """Retry all requests, until no failover disturbs the retries.

    Returns:
        The replies of the undisturbed retries, and the number of disturbed ones.
    """
    for disturbed in range(5):
        redis_server.wait_until(lambda: setup.settled(waits), seconds=60)
        before = setup.failovers()
        replies = users.retry_all(port)
        if setup.settled(waits) and setup.failovers() == before:
            return replies, disturbed
    pytest.fail("each of five retries was disturbed by a failover")


@pytest.mark.parametrize("waits", [1, pytest.param(0, marks=pytest.mark.whole)])
def test_promotion_of_disconnected_replica_keeps_limits_with_wait(
    trial, whole, twilio, tmp_path, waits
):
    seconds = 3 if whole else 1
    trial.describe(
        f"A cut-off replica is promoted, `OTP_REDIS_WAIT_REPLICAS={waits}`",
        "sends, failed and correct checks from 8 clients; the only replica cut off"
        f" for {seconds} s, then the primary killed and the replica promoted; every"
        " client retries",
        promise="1, 2, 3",
    )
    users, more = Users(twilio), {"OTP_REDIS_WAIT_REPLICAS": str(waits)}
    with (
        topologies.primary_server(tmp_path / "primary") as primary,
        fault_proxy.to(primary.port) as replication_proxy,
        topologies.replica(tmp_path / "replica", replication_proxy.port) as replica,
        fault_proxy.to(primary.port) as service_proxy,
        running_service(
            twilio, f"redis://127.0.0.1:{service_proxy.port}", **more
        ) as served,
    ):
        redis_server.wait_until(lambda: topologies.follows(replica))
        with users.running(served.port, minimum=MANY[whole]):
            replication_proxy.set_fault(fault_proxy.Fault.BLACK_HOLE)
            cut = monotonic()
            redis_server.wait_until(lambda: monotonic() > cut + seconds)
        primary.kill()
        messages = set(users.messages())
        topologies.command(replica, "REPLICAOF", "NO", "ONE")
        service_proxy.target = replica.port
        primary.start()
        topologies.follow(primary, replica)
        wait_for_sends(served, OTHERS)
        before = len(users.replies)
        again = users.retry_all(served.port)

    during = [r for r in users.replies[:before] if r.started > cut]
    known = {r.call.phone for r in users.replies[:before] if r.started <= cut}
    require_recovery(trial, again, users)
    trial.record("approvals before the cut", users.approvals_before(cut))
    if waits:
        check_promises(trial, users)
        trial.at_most("201s during the cut", sum(r.status == 201 for r in during), 0)
        trial.at_most("messages to phones of the cut", len(messages - known), 0)
        trial.record("503s during the cut", sum(r.status == 503 for r in during))
        longest = max((r.seconds for r in during), default=0)
        trial.record("longest answer during the cut", longest, " s")
    else:
        trial.at_most("500s and lost connections", count_unexpected(users.replies), 0)
        record_losses(trial, users)


def record_losses(trial, users):
    """Record what is lost without waiting for replicas, for which no promise exists."""
    # By code, because a recipient may also use the code of a resend.
    approved = Counter((r.call.phone, r.call.code) for r in users.replies if r.approved)
    compared = Counter(
        r.call.phone for r in users.replies if r.approved or r.failed_check
    )
    messages = Counter(users.messages())
    for name, counted, most in (
        ("codes approved twice", approved, 1),
        ("attempts beyond 5 at a phone", compared, simulated_users.MAX_CHECKS),
        ("messages beyond 1 to a phone", messages, 1),
    ):
        trial.record(name, sum(max(0, n - most) for n in counted.values()))
    trial.record("codes approved", len(approved))
    trial.record("phones with failed checks", len(compared))
    trial.record("messages", messages.total())
