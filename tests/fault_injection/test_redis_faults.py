"""A Redis that is full, forgetful, or killed."""

from __future__ import annotations

import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import redis

from tests.fault_injection.load import (
    all_at_once,
    check,
    numbers,
    play,
    send,
    share_out,
)
from tests.support import redis_server
from tests.support.fakes import different_code

FEW = 4
"""No more than one worker has places to hash for, should it get them all."""


def test_a_full_redis(trial, served_by, own_redis, twilio):
    trial.did(
        "Redis filled up to its `maxmemory` while 100 codes are out; sends, then wrong"
        " and right checks of each",
        promise="8; codes that are out can be checked",
    )
    served = served_by()
    phones = numbers(100)
    share_out(served.port, list(map(send, phones)), FEW)
    with redis.Redis.from_url(own_redis.url) as admin:
        # Less than all of it, for a buffer that is freed would make room again.
        used = admin.info("memory")["used_memory"]
        admin.config_set("maxmemory", used * 9 // 10)
        before = len(twilio.messages)
        sends = share_out(served.port, list(map(send, numbers(100, first=100))), 1)
        sent = len(twilio.messages) - before
        wrong, right = [], []
        for phone in phones:
            code = twilio.code_to(phone)
            wrong += all_at_once(served.port, [check(phone, different_code(code))])
            right += all_at_once(served.port, [check(phone, code)])
        evicted = admin.info("stats")["evicted_keys"]

    trial.at_most("sends not answered with 503", _not(503, sends), 0)
    trial.at_most("messages sent", sent, 0)
    trial.at_most("wrong checks not counted", sum(not r.wrong for r in wrong), 0)
    trial.at_most("right checks not approved", sum(not r.approved for r in right), 0)
    trial.at_most("keys evicted", evicted, 0)


def _not(status, replies):
    return sum(reply.status != status for reply in replies)


def test_redis_loses_its_scripts(trial, whole, served_by, own_redis, twilio):
    seconds = 60 if whole else 3
    trial.did(
        f"`SCRIPT FLUSH` in a loop for {seconds} s, while 4 people send and check",
        promise="no error reaches a client",
    )
    served, phones = served_by(), iter(numbers(1_000_000))
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
        playing = threads.submit(play, served.port, [person() for _ in range(FEW)])
        while not playing.done():
            admin.script_flush()
            flushes += 1
        replies = playing.result()

    trial.tell("scripts deleted", flushes)
    trial.tell("requests", len(replies))
    trial.at_most("other answers than 201", _not(201, replies), 0)


def after_more_messages(twilio, count):
    enough = len(twilio.messages) + count
    redis_server.wait_until(lambda: len(twilio.messages) >= enough)


def test_redis_is_killed_under_load(trial, whole, served_by, own_redis, twilio):
    kills = 20 if whole else 2
    trial.did(
        "`kill -9` of Redis while 8 people send, check wrong codes twice, then the"
        " correct one twice, and 8 check wrong codes without end; its append-only file"
        " as in `docker-compose.yml`",
        promise="1, 2",
        runs=kills,
    )
    served, phones = served_by(), iter(numbers(1_000_000))
    over = threading.Event()
    looked_at, approved = Counter[str](), Counter[str]()

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
                looked_at[phone] += reply.wrong
                approved[phone] += reply.approved

    people = [person(careful=bool(n % 2)) for n in range(16)]
    with ThreadPoolExecutor(1) as threads:
        playing = threads.submit(play, served.port, people)
        back = []
        for _ in range(kills):
            after_more_messages(twilio, 30)
            own_redis.kill()
            up = own_redis.start()
            after_more_messages(twilio, 1)
            back.append(time.monotonic() - up)
        over.set()
        replies = playing.result()

    trial.tell("verifications", len(approved))
    trial.at_most("approvals of one code", max(approved.values()), 1)
    trial.at_most("attempts counted in one verification", max(looked_at.values()), 5)
    trial.within("recovery after the restart of Redis", max(back), 2)
    odd = [r for r in replies if r.status not in {201, 404, 429, 503}]
    trial.at_most("500s and lost connections", len(odd), 0)
