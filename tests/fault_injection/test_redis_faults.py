"""A Redis that is full, loses its scripts, or is killed."""

from __future__ import annotations

import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import redis

from tests.fault_injection.load import (
    check,
    numbers,
    run_in_parallel,
    run_in_shares,
    run_users,
    send,
)
from tests.support import redis_server
from tests.support.fakes import different_code

# One worker has capacity for so many hashes.
FEW = 4


def test_full_redis_rejects_sends_and_checks_pending_codes(
    trial, start_service, own_redis, twilio
):
    trial.describe(
        "A full Redis",
        "Redis filled up to its `maxmemory` while 100 codes are out; sends, then wrong"
        " and right checks of each",
        promise="8; codes that are out can be checked",
    )
    served = start_service()
    phones = numbers(100)
    run_in_shares(served.port, list(map(send, phones)), FEW)
    with redis.Redis.from_url(own_redis.url) as admin:
        # Below the used memory, because a freed buffer would make room again.
        used = admin.info("memory")["used_memory"]
        admin.config_set("maxmemory", used * 9 // 10)
        before = len(twilio.messages)
        sends = run_in_shares(served.port, list(map(send, numbers(100, first=100))), 1)
        sent = len(twilio.messages) - before
        wrong, right = [], []
        for phone in phones:
            code = twilio.code_to(phone)
            wrong += run_in_parallel(served.port, [check(phone, different_code(code))])
            right += run_in_parallel(served.port, [check(phone, code)])
        evicted = admin.info("stats")["evicted_keys"]

    trial.at_most("sends not answered with 503", _not(503, sends), 0)
    trial.at_most("messages sent", sent, 0)
    trial.at_most("wrong checks not counted", sum(not r.failed_check for r in wrong), 0)
    trial.at_most("right checks not approved", sum(not r.approved for r in right), 0)
    trial.at_most("keys evicted", evicted, 0)


def _not(status, replies):
    return sum(reply.status != status for reply in replies)


def test_flushed_scripts_cause_no_error(trial, whole, start_service, own_redis, twilio):
    seconds = 60 if whole else 3
    trial.describe(
        "Redis loses its scripts",
        f"`SCRIPT FLUSH` in a loop for {seconds} s, while 4 people send and check",
        promise="no error reaches a client",
    )
    served, phones = start_service(), iter(numbers(1_000_000))
    end, flushes = time.monotonic() + seconds, 0

    def person():
        while time.monotonic() < end:
            phone = next(phones)
            yield send(phone)
            yield check(phone, twilio.code_to(phone))

    with (
        ThreadPoolExecutor(1) as threads,
        redis.Redis.from_url(own_redis.url) as admin,
    ):
        playing = threads.submit(run_users, served.port, [person() for _ in range(FEW)])
        while not playing.done():
            admin.script_flush()
            flushes += 1
        replies = playing.result()

    trial.record("scripts deleted", flushes)
    trial.record("requests", len(replies))
    trial.at_most("other answers than 201", _not(201, replies), 0)


def after_more_messages(twilio, count):
    enough = len(twilio.messages) + count
    redis_server.wait_until(lambda: len(twilio.messages) >= enough)


def test_killed_redis_keeps_attempts_and_approvals(
    trial, whole, start_service, own_redis, twilio
):
    kills = 20 if whole else 2
    trial.describe(
        "Redis is killed under load",
        "`kill -9` of Redis while 8 people send, check wrong codes twice, then the"
        " correct one twice, and 8 check wrong codes without end; its append-only file"
        " as in `docker-compose.yml`",
        promise="1, 2",
        runs=kills,
    )
    served, phones = start_service(), iter(numbers(1_000_000))
    over = threading.Event()
    compared, approved = Counter[str](), Counter[str]()

    def person(*, careful):
        while not over.is_set():
            phone = next(phones)
            if (yield send(phone)).status != 201:
                continue
            right = twilio.code_to(phone)
            wrong = different_code(right)
            honest = [wrong, wrong, *[right] * 4]
            for code in honest if careful else [wrong] * 12:
                reply = yield check(phone, code)
                compared[phone] += reply.failed_check
                approved[phone] += reply.approved

    people = [person(careful=bool(n % 2)) for n in range(16)]
    with ThreadPoolExecutor(1) as threads:
        playing = threads.submit(run_users, served.port, people)
        back = []
        for _ in range(kills):
            after_more_messages(twilio, 30)
            own_redis.kill()
            up = own_redis.start()
            after_more_messages(twilio, 1)
            back.append(time.monotonic() - up)
        over.set()
        replies = playing.result()

    trial.record("verifications", len(approved))
    trial.at_most("approvals of one code", max(approved.values()), 1)
    trial.at_most("attempts counted in one verification", max(compared.values()), 5)
    trial.within("recovery after the restart of Redis", max(back), 2)
    odd = [r for r in replies if r.status not in {201, 404, 429, 503}]
    trial.at_most("500s and lost connections", len(odd), 0)
