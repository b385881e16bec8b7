"""`otp-engine inspect` and `forget` with `--identity`, and `factors list`."""

from __future__ import annotations

import base64
import json
import re

import pytest

from otp_engine.crypto.pepper import Pepper
from otp_engine.domain import sids
from otp_engine.domain.events import FactorVerified
from otp_engine.domain.factors import factor_events
from otp_engine.domain.factors.records import EntityName
from otp_engine.domain.services import Service
from tests.support.command_line import run
from tests.support.deployments import IDENTITY, deployment
from tests.support.redis_dump import everything_in

CODES = [f"{number:010}" for number in range(10)]
KEY = bytes(range(50, 82))
SECOND = "second-identity-2"


@pytest.fixture
def here(redis_url, real_redis):
    return deployment(redis_url, real_redis, KEY)


def inspect(here, *arguments, **more):
    return run("inspect", "--identity", IDENTITY, *arguments, **here.environ | more)


def test_inspect_shows_each_factor_without_its_secret(here):
    new = here.activate(codes=CODES)
    waiting = here.enroll()

    text = inspect(here).stdout
    shown = json.loads(inspect(here, "--json").stdout)

    assert re.match(r"entity YE[0-9a-f]{32}\n  created 20", text)
    assert f"factor {new.factor.sid}: verified (authenticator)\n" in text
    assert f"factor {waiting.factor.sid}: unverified\n" in text
    assert "0 failed checks, 10 recovery codes left" in text
    first, second = shown["entity"]["factors"]
    assert (first["sid"], first["recovery_codes_left"]) == (new.factor.sid, 10)
    assert first["last_used_at"] is not None
    assert (second["status"], second["last_used_at"]) == ("unverified", None)
    for secret in (new.secret, waiting.secret, IDENTITY, "Ann's phone"):
        assert secret not in text + json.dumps(shown)


def test_inspect_shows_until_when_a_factor_is_locked(here):
    new = here.activate()
    wrong = here.code(new, steps=100)
    for _ in range(2):
        here.check(wrong)

    locked = {"OTP_FAILED_CHECKS_PER_FACTOR": "2/1h"}
    text = inspect(here, **locked).stdout
    free = inspect(here).stdout

    assert "2 failed checks" in text
    assert re.search(r"locked until 20.*Z \(failed_checks_per_factor\)", text)
    assert "locked" not in free


def test_inspect_shows_the_events_of_the_identity_only(here):
    [pepper] = here.factors.engine.peppers
    events = here.store.events
    for identity, digit in ((IDENTITY, "1"), (SECOND, "2")):
        name = EntityName(here.service.sid, identity)
        events.add(
            FactorVerified(
                identity_hash=factor_events.hash_identity(name, pepper),
                service=here.service.sid,
                factor_sid="YF" + digit * 32,
            )
        )
    assert events.flush()

    text = inspect(here).stdout
    shown = json.loads(inspect(here, "--json").stdout)

    assert "events of the last day:" in text
    assert [event["factor_sid"] for event in shown["events"]] == ["YF" + "1" * 32]
    assert [event["identity_hash"] for event in shown["events"]] == (
        shown["identity_hashes"]
    )


def test_events_of_an_identity_are_found_in_all_services_and_under_both_peppers(here):
    previous = Pepper(bytes(range(200, 232)))
    other = "VA" + "2" * 32
    here.store.services.compare_and_set(None, Service(sid=other, brand="Other"))
    [pepper] = here.factors.engine.peppers
    for digit, (service, identity, key) in enumerate(
        [
            (here.service.sid, IDENTITY, pepper),
            (here.service.sid, SECOND, pepper),
            (other, IDENTITY, pepper),
            (here.service.sid, IDENTITY, previous),
        ]
    ):
        here.store.events.add(
            FactorVerified(
                identity_hash=factor_events.hash_identity(
                    EntityName(service, identity), key
                ),
                service=service,
                factor_sid="YF" + f"{digit}" * 32,
            )
        )
    assert here.store.events.flush()
    both = here.environ | {
        "OTP_PEPPER_PREVIOUS": base64.b64encode(previous.secret).decode()
    }

    lines = run("events", "--json", "--identity", "-", stdin=f"{IDENTITY}\n", **both)

    events = [json.loads(line) for line in lines.stdout.splitlines()]
    assert [event["factor_sid"][2] for event in events] == ["0", "2", "3"]
    assert IDENTITY not in lines.stdout


def test_events_of_a_text_that_is_no_identity_fail(here):
    result = run("events", "--identity", "person@example.com", **here.environ)

    assert result.exit_code == 1
    assert "person@example.com" not in result.stderr


def test_forget_deletes_everything_of_the_identity_and_nothing_else(here, real_redis):
    here.activate(SECOND)
    others = set(real_redis.keys("*"))
    new = here.activate(codes=CODES)
    access = here.factors.access(EntityName(here.service.sid, IDENTITY))
    here.store.challenges.create_challenge(
        access.key,
        id=b"C" * 16,
        factor_id=sids.factor_id(new.factor.sid),
        record=b"record",
    )

    first = run("forget", "--identity", "-", stdin=f"{IDENTITY}\n", **here.environ)
    second = run("forget", "--identity", IDENTITY, **here.environ)

    assert first.exit_code == 0
    assert "is deleted, with 1 factor, their recovery codes" in first.stderr
    assert (second.exit_code, second.stderr) == (
        1,
        "✗ there is no data of this identity in this service\n",
    )
    assert set(real_redis.keys("*")) == others
    assert [e.identity for e in here.factors.list_entities(here.service)] == [SECOND]


def test_identity_of_another_service_is_another_one(here):
    sid = "VA" + "7" * 32
    here.activate()
    here.store.services.compare_and_set(None, Service(sid=sid, brand="Other"))

    result = run("inspect", "--identity", IDENTITY, "--service", sid, **here.environ)

    assert result.stdout.startswith("no entity of this identity in this service\n")


@pytest.mark.parametrize(
    ("arguments", "exit_code", "reason"),
    [
        (("--identity", "+919445012345"), 1, "An identity is 8 to 64"),
        (("--identity", IDENTITY, "--service", "VA0"), 1, "there is no service VA0"),
        (("--identity", IDENTITY, "+919445012345"), 2, "not both"),
        (("--service", "VA0"), 2, "--service needs --identity"),
    ],
)
@pytest.mark.parametrize("command", ["inspect", "forget"])
def test_unusable_arguments_are_errors(here, command, arguments, exit_code, reason):
    result = run(command, *arguments, stdin="", **here.environ)

    assert result.exit_code == exit_code
    assert reason in result.stderr
    assert "9445012345" not in result.stderr


def test_factors_of_one_identity_are_listed_without_their_secrets(here):
    new = here.activate()

    text = run("factors", "list", "--identity", IDENTITY, **here.environ).stdout
    shown = json.loads(
        run("factors", "list", "--identity", IDENTITY, "--json", **here.environ).stdout
    )

    assert text.splitlines()[1].split()[:2] == [new.factor.sid, "verified"]
    assert [factor["sid"] for factor in shown] == [new.factor.sid]
    assert new.secret not in text + json.dumps(shown)


def test_inspect_before_the_first_factor_of_all_finds_no_entity(here, real_redis):
    result = inspect(here)

    assert result.exit_code == 0
    assert result.stdout.startswith("no entity of this identity")
    assert everything_in(real_redis) == b""
