"""What a million phones take in Redis, and what is left of them afterwards."""

from __future__ import annotations

import secrets
from typing import Any

import redis

from otp_engine.crypto.argon2 import PROFILES
from otp_engine.crypto.pepper import Pepper
from otp_engine.domain.models import HashParameters
from otp_engine.domain.phones.phone_keys import PhoneKey
from otp_engine.domain.policy.policy import Policy
from otp_engine.store.lua_scripts import load
from otp_engine.store.redis_store import RedisStore
from tests.fault_injection.load import numbers
from tests.support import redis_server, server_process
from tests.support.fake_wall_clock import FakeWallClock

A_BATCH = 10_000
PEPPER = Pepper(b"p" * 32)


def test_many_phones_with_a_pending_verification(trial, whole, tmp_path):
    count = 1_000_000 if whole else 20_000
    trial.did(
        f"{count:,} phones with a code out, opened and armed by the scripts, under the"
        " default policy; then Redis's clock goes on by 25 hours",
        promise="6; at most 450 bytes a phone, and back to nothing",
    )
    clock = FakeWallClock.compiled_in(tmp_path)
    environ = server_process.PATH | clock.environ
    with (
        redis_server.restartable_redis(
            tmp_path, "--save", "", environ=environ
        ) as server,
        redis.Redis.from_url(server.url) as admin,
    ):
        opens, _ = [
            admin.script_load(load(name)) for name in ("reserve_send", "commit_send")
        ]
        empty = used(admin)
        for at in range(0, count, A_BATCH):
            fill(admin, opens, numbers(A_BATCH, first=at))
        each = (used(admin) - empty) / count
        mortal = sum(admin.pttl(key) > 0 for key in admin.scan_iter(count=1_000))
        kept = admin.dbsize()
        clock.jump_to(25 * 3_600)
        redis_server.wait_until(lambda: admin.dbsize() == 0, seconds=300)
        left = used(admin) - empty

    # Small tables are nearly empty when they have just grown: see a million.
    trial.at_most("Redis for each phone", each, 450 if whole else 500, " bytes")
    trial.at_most("keys without an expiry", kept - mortal, 0)
    trial.at_most("left after the longest window", left / 2**20, 2, " MiB")


def used(admin):
    return admin.info("memory")["used_memory"]


class Batch:
    """A client that asks later, all together, and knows what the answers will be."""

    def __init__(self, pipeline, opens):
        self.pipeline = pipeline
        self.opens = opens

    def evalsha(self, digest, count, *words):
        self.pipeline.evalsha(digest, count, *words)
        if digest != self.opens:
            return 1
        _, begun, cost = words[count : count + 3]
        # Nothing is used of the two windows that a phone's messages have.
        return [b"opened", begun, cost.encode(), 0, [0, 0, 0, 0], 0, []]


def fill(admin, opens, phones):
    """Begin a verification for each of *phones*, many in a round trip.

    *opens* is the digest of the script OPEN.
    """
    policy = Policy()
    with admin.pipeline(transaction=False) as pipeline:
        batch: Any = Batch(pipeline, opens)
        store = RedisStore(batch)
        for number in phones:
            phone, token = (
                PhoneKey(PEPPER.pseudonymize("phone", number)),
                secrets.token_bytes(8),
            )
            binding = HashParameters(secrets.token_bytes(16), str(PROFILES["owasp"]))
            store.reserve_send(
                phone, idempotency_key=token, hash_parameters=binding, policy=policy
            )
            store.commit_send(
                phone,
                idempotency_key=token,
                code_hash=secrets.token_bytes(32),
                policy=policy,
            )
        replies = pipeline.execute()
    assert [reply for reply in replies[::2] if reply[0] != b"opened"] == []
    assert [reply for reply in replies[1::2] if reply != 1] == []
