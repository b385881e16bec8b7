"""A Redis Cluster of three nodes, also with killed, replaced and hanging nodes."""

from __future__ import annotations

from time import monotonic

import pytest

from tests.fault_injection.load import (
    check,
    numbers,
    retry_while_overloaded,
    run_in_parallel,
    send,
)
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
from tests.support.fakes import different_code, extract_code

# Users that start before the fault, in the short and the full form: a user is
# approved while the twelfth user after that one starts.
MANY = {False: 16, True: 100}
# The limit of an address rejects before the node of the phone is used.
_NO_SERVICE = {503, 429}


def code_of(twilio, phone):
    texts = [m["Body"] for m in twilio.messages if m["To"] == phone]
    return extract_code(texts[-1])


def test_parallel_requests_to_cluster_stay_within_limits(
    trial, whole, twilio, tmp_path
):
    rounds, users = (50, 1_000) if whole else (1, 100)
    trial.describe(
        "Races in a cluster of three",
        f"{users:,} parallel checks with one right code among them, 200 parallel right"
        f" answers, and {users:,} parallel sends from one address (limit 20/1h)",
        promise="1, 2, 3",
        runs=rounds,
    )
    compared, approved, sent, replies = [], [], [], []
    with (
        topologies.cluster(tmp_path) as cluster,
        running_service(twilio, cluster.url) as served,
    ):
        for n, (phone, other) in enumerate(
            zip(*[iter(numbers(2 * rounds))] * 2, strict=True)
        ):
            run_in_parallel(served.port, [send(phone), send(other)])
            right = code_of(twilio, phone)
            calls = [check(phone, different_code(right))] * (users - 1)
            check_replies = run_in_parallel(served.port, [*calls, check(phone, right)])
            compared.append(sum(r.approved or r.failed_check for r in check_replies))
            calls = [check(other, code_of(twilio, other))] * 200
            answers = run_in_parallel(served.port, calls)
            approved.append(sum(r.approved for r in answers))
            before = len(twilio.messages)
            phones = numbers(users, first=10_000 + n * users)
            calls = [send(phone, client_ip=f"198.51.100.{n}") for phone in phones]
            sends = retry_while_overloaded(served.port, calls)
            sent.append(len(twilio.messages) - before)
            replies += [*check_replies, *answers, *sends]

    trial.at_most("attempts counted", max(compared), 5)
    trial.at_least("attempts counted, fewest", min(compared), 1)
    trial.at_most("approvals, most", max(approved), 1)
    trial.at_least("approvals, fewest", min(approved), 1)
    trial.at_most("messages accepted by the provider, most", max(sent), 20)
    trial.at_least("messages accepted by the provider, fewest", min(sent), 20)
    trial.at_most("500s and lost connections", count_unexpected(replies), 0)


@pytest.mark.parametrize(
    "coverage", ["no", pytest.param("yes", marks=pytest.mark.whole)]
)
def test_killed_cluster_node_rejects_its_own_phones_only(
    trial, whole, twilio, tmp_path, coverage
):
    seconds = 3 if whole else 1
    trial.describe(
        f"A node of a Cluster killed, full coverage required: {coverage}",
        f"sends, failed and correct checks from 8 clients, {seconds} s of them after a"
        " node of three was killed that has no replica"
        f" (`cluster-require-full-coverage {coverage}`)",
        promise="1, 2, 3, 8",
    )
    users = Users(twilio)
    options = ("--cluster-require-full-coverage", coverage)
    with (
        topologies.cluster(tmp_path, *options) as cluster,
        running_service(twilio, cluster.url) as served,
        users.running(served.port, minimum=MANY[whole]),
    ):
        # A node without the global limits.
        dead = (cluster.index_of_global_limits() + 1) % 3
        cluster.primaries[dead].kill()
        killed = monotonic()
        redis_server.wait_until(lambda: monotonic() > killed + seconds)

    check_promises(trial, users)
    after = [r for r in users.replies if r.started > killed]
    gone = [r for r in after if cluster.index_of(r.call.phone) == dead]
    there = [r for r in after if cluster.index_of(r.call.phone) != dead]
    answered = sum(r.status not in _NO_SERVICE for r in gone)
    trial.at_most("answers but 503 and 429 to phones of the dead node", answered, 0)
    refused = sum(r.status == 503 for r in there)
    longest = max((r.seconds for r in gone), default=0)
    if coverage == "yes":
        share = 100 * refused / len(there)
        trial.record("503s to phones of the other nodes", share, " %")
    elif whole:
        trial.at_most("503s to phones of the other nodes", refused, 0)
        slowest = max(r.seconds for r in there)
        trial.record("longest answer to one of those", slowest, " s")
    else:
        trial.at_least("answers to phones of other nodes", len(there) - refused, 1)
    trial.within("longest 503 to a phone of the dead node", longest, 1)


@pytest.mark.whole
@pytest.mark.parametrize("waits", [1, 0])
def test_cluster_failover_keeps_limits_and_approvals(
    trial, whole, twilio, tmp_path, waits
):
    trial.describe(
        f"A Cluster fails over, `OTP_REDIS_WAIT_REPLICAS={waits}`",
        "sends, failed and correct checks from 8 clients; a primary of three killed"
        " (`cluster-node-timeout` 1 s), its replica takes over"
        + (", the killed one comes back as the replica" if waits else "")
        + "; every client retries",
        promise="1, 2, 3",
    )
    users, more = Users(twilio), {"OTP_REDIS_WAIT_REPLICAS": str(waits)}
    with (
        topologies.cluster(tmp_path, replicas=True) as cluster,
        running_service(twilio, cluster.url, **more) as served,
    ):
        with users.running(served.port, minimum=MANY[whole]):
            place = cluster.index_of_global_limits()
            cluster.primaries[place].kill()
            killed = monotonic()
            redis_server.wait_until(lambda: cluster.promoted(place), seconds=30)
            promoted = monotonic()
            if waits:
                cluster.primaries[place].start()
            for n in range(3):
                theirs = [p for p in OTHERS if cluster.index_of(p) == n]
                wait_for_sends(served, theirs)
            back = monotonic()
        again = users.retry_all(served.port)

    check_promises(trial, users)
    require_recovery(trial, again, users)
    trial.record("approvals before the kill", users.approvals_before(killed))
    trial.record("until the replica took over", promoted - killed, " s")
    trial.record("until all phones were served again", back - killed, " s")


@pytest.mark.whole
@pytest.mark.parametrize("frozen", [1, 3])
def test_requests_to_hanging_cluster_node_fail_within_a_second(
    trial, twilio, tmp_path, frozen
):
    trial.describe(
        f"{frozen} of 3 nodes of a Cluster hang",
        "sends, failed and correct checks from 32 clients, 3 s of them after"
        f" {frozen} of three nodes hung (`cluster-require-full-coverage no`)",
        promise="8",
    )
    users, options = Users(twilio), ("--cluster-require-full-coverage", "no")
    with (
        topologies.cluster(tmp_path, *options) as cluster,
        running_service(twilio, cluster.url) as served,
        users.running(served.port, clients=32, pause=0.2),
    ):
        # The node with the global limits is the last to hang.
        shared = cluster.index_of_global_limits()
        hanging = {(shared + n + 1) % 3 for n in range(frozen)}
        for place in hanging:
            cluster.primaries[place].freeze()
        since = monotonic()
        redis_server.wait_until(lambda: monotonic() > since + 3)

    check_promises(trial, users)
    after = [r for r in users.replies if r.started > since]
    lost = [r for r in after if cluster.index_of(r.call.phone) in hanging]
    there = [r for r in after if cluster.index_of(r.call.phone) not in hanging]
    answered = sum(r.status not in _NO_SERVICE for r in lost)
    trial.at_most("answers but 503 and 429 to phones of those that hang", answered, 0)
    trial.within("longest 503", max(r.seconds for r in lost), 1)
    trial.record("503s to phones of the others", sum(r.status == 503 for r in there))
    slowest = max((r.seconds for r in there), default=0)
    trial.record("longest answer to one of them", slowest, " s")
    trial.record("answers after it", len(after))
