"""The Redis commands of a send and of a check, those inside the scripts included.

Each command takes time of the one thread that executes them for all instances. The
policy has its defaults, with a limit by country; the client has an API key without a
limit. Events are written in batches by another thread, and are not counted.
"""

from __future__ import annotations

import secrets
from collections import Counter
from dataclasses import replace
from datetime import timedelta

import pyotp
import pytest

from otp_engine.crypto.factor_keys import FactorKey
from otp_engine.domain.factors.data_keys import DataKeys
from otp_engine.domain.factors.factors import Factors
from otp_engine.domain.factors.models import FactorCheck, FactorRequest
from otp_engine.domain.limits.limits import Limit
from otp_engine.domain.limits.limits_by_name import LimitByName
from otp_engine.domain.models import CheckRequest, SendRequest
from otp_engine.domain.phones import numbers
from otp_engine.domain.policy.policy import Policy
from otp_engine.domain.services import Service
from otp_engine.errors import RateLimited
from otp_engine.store.redis_store import RedisStore
from tests.support.fakes import different_code

ALICE = numbers.parse("+919445012345", "IN")
VERIFY = Service(sid="VA1")
SEND = SendRequest(address=ALICE, client_name="shop")
POLICY = Policy(sends_per_country=LimitByName(Limit.parse("1000/1h")))
READS = {"evalsha", "time", "exists", "hgetall", "hmget", "zcount", "zscore", "pttl"}


@pytest.fixture
def busy_engine(engine, real_redis):
    """Return an engine on a real Redis, after requests for other phones."""
    busy = replace(engine, store=RedisStore(real_redis), policy=POLICY)
    for number in ("+919445067890", "+919445067891"):
        other = numbers.parse(number, "IN")
        busy.send(replace(SEND, address=other))
        for code in (
            different_code(busy.senders["outbox"].code),
            busy.senders["outbox"].code,
        ):
            busy.check(CheckRequest(address=other, code=code))
    return busy


@pytest.fixture
def commands_of(real_redis):
    """Return a function that counts the commands of a call, by name."""

    def count(call, request):
        real_redis.config_resetstat()
        call(request)
        stats = real_redis.info("commandstats")
        calls = {name.removeprefix("cmdstat_"): stats[name]["calls"] for name in stats}
        return Counter(calls) - Counter(["info", "config|resetstat"])

    return count


def check_of(code):
    return CheckRequest(address=ALICE, code=code, client_name="shop")


def test_send_to_an_unknown_phone_takes_23_commands(busy_engine, commands_of):
    commands = commands_of(busy_engine.send, SEND)

    assert commands == {
        "evalsha": 3,
        "time": 2,
        "exists": 2,
        "hset": 3,
        "zcount": 2,
        "zadd": 3,
        "pttl": 2,
        "pexpire": 3,
        "hmget": 1,
        "hrandfield": 1,
        "set": 1,
    }
    assert commands.total() == 23


def test_resend_takes_34_commands(busy_engine, commands_of):
    resend = replace(busy_engine, policy=replace(POLICY, resend_cooldown=timedelta()))
    resend.send(SEND)

    assert commands_of(resend.send, SEND).total() == 34


def test_wrong_check_takes_10_commands(busy_engine, commands_of):
    busy_engine.send(SEND)
    wrong = check_of(different_code(busy_engine.senders["outbox"].code))

    commands = commands_of(busy_engine.check, wrong)

    assert commands == {
        "evalsha": 1,
        "time": 1,
        "hgetall": 1,
        "zcount": 2,
        "hset": 1,
        "zadd": 2,
        "pexpire": 2,
    }
    assert commands.total() == 10


def test_right_check_takes_17_commands(busy_engine, commands_of):
    busy_engine.send(SEND)

    commands = commands_of(
        busy_engine.check, check_of(busy_engine.senders["outbox"].code)
    )

    assert commands.total() == 17
    assert commands["hget"] == commands["del"] == 1
    # The idempotency key of the approval, and the mark of a proven phone.
    assert commands["set"] == 2


def test_refused_send_takes_11_commands_and_no_write(busy_engine, commands_of):
    busy_engine.send(SEND)

    def send_again(request):
        with pytest.raises(RateLimited):
            busy_engine.send(request)

    commands = commands_of(send_again, SEND)

    assert commands.total() == 11
    assert commands.keys() <= READS


@pytest.fixture
def factor_check(engine, real_redis):
    """Return a verified factor on a real Redis, and a function that checks it."""
    store = RedisStore(real_redis)
    factors = Factors(
        engine=replace(engine, store=store, policy=POLICY),
        store=store.factors,
        data_keys=DataKeys(
            store.data_key,
            [FactorKey(b"k" * 32)],
            random_bytes=secrets.token_bytes,
            clock=lambda: 0.0,
        ),
        brand="Acme",
    )
    new = factors.create_factor(
        FactorRequest(service=VERIFY, identity="person-0001", friendly_name="Ann")
    )

    def check(steps, *, activates=False):
        at = store.policy_versions.now()
        code = pyotp.TOTP(new.secret).at(at, counter_offset=steps)
        return FactorCheck(
            service=VERIFY,
            identity="person-0001",
            code=code,
            factor_sid=new.factor.sid,
            client_name="shop",
            activates=activates,
        )

    assert factors.check(check(-1, activates=True)).approved
    return factors, check


def test_wrong_check_of_a_factor_takes_one_call_and_4_commands(
    factor_check, commands_of
):
    factors, check = factor_check

    commands = commands_of(factors.check, replace(check(0), code="abcdef"))

    assert commands == {"evalsha": 1, "time": 1, "hmget": 1, "hset": 1}


def test_right_check_of_a_factor_takes_two_calls_and_9_commands(
    factor_check, commands_of
):
    factors, check = factor_check

    commands = commands_of(factors.check, check(1))

    assert commands == {"evalsha": 2, "time": 2, "hmget": 2, "hset": 2, "hdel": 1}
