"""The command `otp-engine events`, in this process."""

from __future__ import annotations

import json

import pytest

from otp_engine.domain.events import Action, RequestRefused
from otp_engine.domain.recipients import PseudonymousRecipient
from otp_engine.store.redis_store import RedisStore
from tests.support.command_line import run
from tests.support.server_process import production

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
