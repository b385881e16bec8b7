"""The memory of Redis for a million phones, during and after the verifications."""

from __future__ import annotations

import secrets
from datetime import timedelta
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

BATCH_SIZE = 10_000
PEPPER = Pepper(b"p" * 32)


def test_pending_verification_uses_at_most_450_bytes(trial, whole, tmp_path):
    count = 1_000_000 if whole else 20_000
    trial.describe(
        "Many phones with a pending verification",
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
        reserve_digest, _ = [
            admin.script_load(load(name)) for name in ("reserve_send", "commit_send")
        ]
        empty = used(admin)
        for at in range(0, count, BATCH_SIZE):
            fill(admin, reserve_digest, numbers(BATCH_SIZE, first=at))
        each = (used(admin) - empty) / count
        expiring = sum(admin.pttl(key) > 0 for key in admin.scan_iter(count=1_000))
        total = admin.dbsize()
        clock.jump_to(25 * 3_600)
        redis_server.wait_until(lambda: admin.dbsize() == 0, seconds=300)
        left = used(admin) - empty

    # A hash table that has just grown is half empty, which counts more in short form.
    trial.at_most("Redis for each phone", each, 450 if whole else 500, " bytes")
    trial.at_most("keys without an expiry", total - expiring, 0)
    trial.at_most("left after the longest window", left / 2**20, 2, " MiB")


def used(admin):
    return admin.info("memory")["used_memory"]


class Batch:
    """A Redis client that queues commands in a pipeline and predicts the replies."""

    def __init__(self, pipeline, reserve_digest):
        self.pipeline = pipeline
        self.reserve_digest = reserve_digest

    def evalsha(self, digest, count, *arguments):
        self.pipeline.evalsha(digest, count, *arguments)
        if digest != self.reserve_digest:
            return 1
        _, started, parameters = arguments[count : count + 3]
        # The two windows of the phone limit are unused, the phone is not proven, and
        # every channel reaches it.
        head = [b"reserved", started, parameters.encode(), 0, 0]
        return [*head, [0, 0, 0, 0], 0, [], 0, []]


def fill(admin, reserve_digest, phones):
    """Start a verification for each of *phones*, in one pipeline.

    *reserve_digest* is the digest of the script `reserve_send`.
    """
    policy = Policy()
    seconds, _ = admin.time()
    expires_at = seconds * 1000 + policy.ttl // timedelta(milliseconds=1)
    with admin.pipeline(transaction=False) as pipeline:
        batch: Any = Batch(pipeline, reserve_digest)
        store = RedisStore(batch)
        for number in phones:
            phone, idempotency_key = (
                PhoneKey(PEPPER.pseudonymize("phone", number)),
                secrets.token_bytes(8),
            )
            hash_parameters = HashParameters(
                secrets.token_bytes(16), str(PROFILES["owasp"])
            )
            store.reserve_send(
                phone,
                idempotency_key=idempotency_key,
                hash_parameters=hash_parameters,
                policy=policy,
            )
            store.commit_send(
                phone,
                idempotency_key=idempotency_key,
                code_hash=secrets.token_bytes(32),
                code_expires_at=expires_at,
            )
        replies = pipeline.execute()
    assert [reply for reply in replies[::2] if reply[0] != b"reserved"] == []
    assert [reply for reply in replies[1::2] if reply != 1] == []
