"""A Redis Cluster of three in the place of one Redis, and with a node lost."""

from __future__ import annotations

from time import monotonic

import pytest

from tests.fault_injection.load import all_at_once, check, in_the_end, numbers, send
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
from tests.support.fakes import different_code, extract_code

# How many have asked for a code before something is lost, by whether it is in full;
# a person is approved some 12 people later.
MANY = {False: 16, True: 100}
# A limit of the address refuses before the phone is looked up, on another node.
_NO_SERVICE = {503, 429}


def code_of(twilio, phone):
    texts = [m["Body"] for m in twilio.messages if m["To"] == phone]
    return extract_code(texts[-1])


def test_races_in_a_cluster_of_three(trial, whole, twilio, tmp_path):
    rounds, crowd = (50, 1_000) if whole else (1, 100)
    trial.did(
        f"{crowd:,} parallel checks with one right code among them, 200 parallel right"
        f" answers, and {crowd:,} parallel sends from one address (limit 20/1h)",
        promise="1, 2, 3",
        runs=rounds,
    )
    looked_at, approved, sent, replies = [], [], [], []
    with (
        topologies.cluster(tmp_path) as cluster,
        serving(twilio, cluster.url) as served,
    ):
        for n, (phone, other) in enumerate(
            zip(*[iter(numbers(2 * rounds))] * 2, strict=True)
        ):
            all_at_once(served.port, [send(phone), send(other)])
            right = code_of(twilio, phone)
            calls = [check(phone, different_code(right))] * (crowd - 1)
            guesses = all_at_once(served.port, [*calls, check(phone, right)])
            looked_at.append(sum(r.approved or r.wrong for r in guesses))
            calls = [check(other, code_of(twilio, other))] * 200
            answers = all_at_once(served.port, calls)
            approved.append(sum(r.approved for r in answers))
            before = len(twilio.messages)
            phones = numbers(crowd, first=10_000 + n * crowd)
            calls = [send(phone, client_ip=f"198.51.100.{n}") for phone in phones]
            sends = in_the_end(served.port, calls)
            sent.append(len(twilio.messages) - before)
            replies += [*guesses, *answers, *sends]

    trial.at_most("attempts counted", max(looked_at), 5)
    trial.at_least("attempts counted, fewest", min(looked_at), 1)
    trial.at_most("approvals, most", max(approved), 1)
    trial.at_least("approvals, fewest", min(approved), 1)
    trial.at_most("messages accepted by the provider, most", max(sent), 20)
    trial.at_least("messages accepted by the provider, fewest", min(sent), 20)
    trial.at_most("500s and lost connections", strange(replies), 0)


@pytest.mark.parametrize(
    "coverage", ["no", pytest.param("yes", marks=pytest.mark.whole)]
)
def test_a_node_of_a_cluster_killed(trial, whole, twilio, tmp_path, coverage):
    seconds = 3 if whole else 1
    trial.title = f"A node of a Cluster killed, full coverage required: {coverage}"
    trial.did(
        f"sends, failed and correct checks from 8 clients, {seconds} s of them after a"
        " node of three was killed that has no replica"
        f" (`cluster-require-full-coverage {coverage}`)",
        promise="1, 2, 3, 8",
    )
    crowd = People(twilio)
    options = ("--cluster-require-full-coverage", coverage)
    with (
        topologies.cluster(tmp_path, *options) as cluster,
        serving(twilio, cluster.url) as served,
        crowd.at_it(served.port, many=MANY[whole]),
    ):
        # Not the one that keeps the limits which all phones share.
        dead = (cluster.index_of_global_limits() + 1) % 3
        cluster.primaries[dead].kill()
        killed = monotonic()
        redis_server.wait_until(lambda: monotonic() > killed + seconds)

    judge(trial, crowd)
    after = [r for r in crowd.replies if r.began > killed]
    gone = [r for r in after if cluster.index_of(r.call.phone) == dead]
    there = [r for r in after if cluster.index_of(r.call.phone) != dead]
    answered = sum(r.status not in _NO_SERVICE for r in gone)
    trial.at_most("answers but 503 and 429 to phones of the dead node", answered, 0)
    refused = sum(r.status == 503 for r in there)
    longest = max((r.seconds for r in gone), default=0)
    if coverage == "yes":
        share = 100 * refused / len(there)
        trial.tell("503s to phones of the other nodes", share, " %")
    elif whole:
        trial.at_most("503s to phones of the other nodes", refused, 0)
        slowest = max(r.seconds for r in there)
        trial.tell("longest answer to one of those", slowest, " s")
    else:
        trial.at_least("answers to phones of other nodes", len(there) - refused, 1)
    trial.within("longest 503 to a phone of the dead node", longest, 1)


@pytest.mark.whole
@pytest.mark.parametrize("waits", [1, 0])
def test_a_cluster_fails_over(trial, whole, twilio, tmp_path, waits):
    trial.title = f"A Cluster fails over, `OTP_REDIS_WAIT_REPLICAS={waits}`"
    trial.did(
        "sends, failed and correct checks from 8 clients; a primary of three killed"
        " (`cluster-node-timeout` 1 s), its replica takes over"
        + (", the killed one comes back as the replica" if waits else "")
        + "; every client retries",
        promise="1, 2, 3",
    )
    crowd, more = People(twilio), {"OTP_REDIS_WAIT_REPLICAS": str(waits)}
    with (
        topologies.cluster(tmp_path, replicas=True) as cluster,
        serving(twilio, cluster.url, **more) as served,
    ):
        with crowd.at_it(served.port, many=MANY[whole]):
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
        again = crowd.try_again(served.port)

    judge(trial, crowd)
    hold_over(trial, again, crowd)
    trial.tell("approvals before the kill", crowd.approvals_before(killed))
    trial.tell("until the replica took over", promoted - killed, " s")
    trial.tell("until all phones were served again", back - killed, " s")


@pytest.mark.whole
@pytest.mark.parametrize("frozen", [1, 3])
def test_a_cluster_that_hangs(trial, twilio, tmp_path, frozen):
    trial.title = f"{frozen} of 3 nodes of a Cluster hang"
    trial.did(
        "sends, failed and correct checks from 32 clients, 3 s of them after"
        f" {frozen} of three nodes hung (`cluster-require-full-coverage no`)",
        promise="8",
    )
    crowd, options = People(twilio), ("--cluster-require-full-coverage", "no")
    with (
        topologies.cluster(tmp_path, *options) as cluster,
        serving(twilio, cluster.url) as served,
        crowd.at_it(served.port, clients=32, pause=0.2),
    ):
        # The one that keeps the limits which all phones share comes last.
        shared = cluster.index_of_global_limits()
        hanging = {(shared + n + 1) % 3 for n in range(frozen)}
        for place in hanging:
            cluster.primaries[place].freeze()
        since = monotonic()
        redis_server.wait_until(lambda: monotonic() > since + 3)

    judge(trial, crowd)
    after = [r for r in crowd.replies if r.began > since]
    lost = [r for r in after if cluster.index_of(r.call.phone) in hanging]
    there = [r for r in after if cluster.index_of(r.call.phone) not in hanging]
    answered = sum(r.status not in _NO_SERVICE for r in lost)
    trial.at_most("answers but 503 and 429 to phones of those that hang", answered, 0)
    trial.within("longest 503", max(r.seconds for r in lost), 1)
    trial.tell("503s to phones of the others", sum(r.status == 503 for r in there))
    slowest = max((r.seconds for r in there), default=0)
    trial.tell("longest answer to one of them", slowest, " s")
    trial.tell("answers after it", len(after))
