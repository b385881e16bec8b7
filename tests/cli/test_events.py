"""The command `otp-engine events`, in this process."""

from __future__ import annotations

import json

import pytest

from otp_engine.domain.events import Action, RequestRefused
from otp_engine.domain.recipients import PseudonymousRecipient
from otp_engine.store.redis_store import RedisStore
from tests.support import redis_server
from tests.support.command_line import run
from tests.support.server_process import production

KEY = {"Authorization": "Bearer shop-secret-0123456789"}
PHONE = {"phone": "+919445012345"}
EVENT = RequestRefused(
    recipient=PseudonymousRecipient(
        phone_hash="xBsuUixoSM3ju4Iw",
        prefix="+91944",
        country="IN",
        ip_hash="vYoJD2ADJ2qjrzjf",
    ),
    action=Action.SEND,
    limit="resend_cooldown",
)


@pytest.fixture
def environ(redis_url, real_redis):
    """Return the environment of a Redis with one event."""
    store = RedisStore(real_redis)
    store.events.add(EVENT)
    store.events.flush()
    return production(redis_url, "http://127.0.0.1")


def test_text_of_an_event_starts_with_the_phone(environ):
    result = run("events", **environ)

    _, _, columns = result.stdout.partition("refused")
    assert columns.split() == [
        "phone=+91944*******",
        "xBsuUixoSM3ju4Iw",
        "country=IN",
        "ip_hash=vYoJD2ADJ2qjrzjf",
        "action=send",
        "limit=resend_cooldown",
    ]


def test_json_of_an_event_has_the_documented_fields(environ):
    result = run("events", "--json", **environ)

    event = json.loads(result.stdout)
    del event["at"]
    assert event == {
        "kind": "refused",
        "phone_hash": "xBsuUixoSM3ju4Iw",
        "prefix": "+91944",
        "country": "IN",
        "ip_hash": "vYoJD2ADJ2qjrzjf",
        "action": "send",
        "limit": "resend_cooldown",
        "shadow": False,
    }


@pytest.mark.parametrize(
    "arguments", [("--since", "yesterday"), ("--since", "40d"), ("--kind", "gossip")]
)
def test_events_with_invalid_option_fails(environ, arguments):
    result = run("events", *arguments, **environ)

    assert result.exit_code == 2
    assert f"Invalid value for '{arguments[0]}'" in result.stderr


def test_events_shows_change_of_policy_and_failed_check(environ, service):
    run("policy", "set", "ttl", "5m", "--reason", "tests", **environ)
    service.post("/auth/verify_otp", json=PHONE | {"otp": "123456"}, headers=KEY)

    def lines(*arguments):
        return run("events", *arguments, **environ).stdout.splitlines()

    redis_server.wait_until(lambda: lines("--kind", "not_found") != [])

    [policy] = lines("--kind", "policy")
    assert "change=ttl = 5m  reason=tests" in policy
    assert "phone=+91944*******" in lines("--kind", "not_found")[0]
    assert lines("--since", "0s") == []
