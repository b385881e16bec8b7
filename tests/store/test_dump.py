"""What an attacker with a dump of Redis can read."""

from __future__ import annotations

from dataclasses import replace

from otp_engine.domain.limits.limits import Limit
from otp_engine.domain.policy.policy import PARSERS
from tests.support.fakes import different_code
from tests.support.redis_dump import everything_in
from tests.support.tuning import with_policy


def test_dump_of_redis_contains_no_code_number_or_address(
    engine, outbox, alice, check_request, redis
):
    engine = with_policy(
        engine,
        sends_per_phone=Limit.parse("9/1h"),
        sends_per_ip=Limit.parse("9/1h"),
        checks_per_ip=Limit.parse("9/1h"),
        sends_per_country=PARSERS["sends_per_country"]("9/1h"),
        sends_per_prefix=PARSERS["sends_per_prefix"]("+919445=9/1h"),
        sends_per_network=PARSERS["sends_per_network"]("203.0.113.0/24=9/1h"),
    )
    request = replace(alice, client_ip="203.0.113.7")
    engine.send(request)
    wrong = different_code(outbox.code)
    engine.check(check_request(wrong, "203.0.113.7"))
    dump = everything_in(redis)
    engine.send(request)
    engine.check(check_request(outbox.code, "203.0.113.7"))
    dump += everything_in(redis)

    for secret in (*outbox.codes, wrong, "9445012345", "203.0.113.7"):
        assert secret.encode() not in dump
