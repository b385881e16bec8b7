"""`otp-engine inspect` and `forget`, in this process."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from otp_engine import config
from otp_engine.cli import phone_timeline
from otp_engine.domain.events import (
    Action,
    CheckFailed,
    CheckNotFound,
    CodeSent,
    MaxAttemptsReached,
    MessageDelivered,
    MessageUndelivered,
    PolicyChanged,
    RecordedEvent,
    RequestRefused,
    RequestUnavailable,
    SendRejected,
    VerificationApproved,
    VerificationCanceled,
)
from otp_engine.domain.models import Channel
from otp_engine.domain.phones import numbers
from otp_engine.domain.phones.phone_keys import PhoneKey
from otp_engine.domain.provider_rejections import ProviderRejection
from otp_engine.domain.recipients import PseudonymousRecipient
from otp_engine.operations import timeline
from otp_engine.store import keys
from otp_engine.store.redis_store import RedisStore
from tests.support import redis_server, server_process
from tests.support.command_line import run
from tests.support.fakes import different_code

KEY = {"Authorization": "Bearer shop-secret-0123456789"}
PHONE = {"phone": "+919445012345"}

ID = bytes(16)
RECIPIENT = PseudonymousRecipient(phone_hash="x", prefix="+91944", country="IN")
SENT = CodeSent(
    recipient=RECIPIENT,
    verification_id=ID,
    send_id=ID[:8],
    service="",
    channel=Channel.SMS,
    code_length=6,
    locale=None,
    provider="twilio",
)
REFUSED = RequestRefused(recipient=RECIPIENT, action=Action.SEND, limit="max_sends")


@pytest.mark.parametrize(
    ("event", "words"),
    [
        (SENT, "sent by twilio (sms)"),
        (replace(SENT, provider=None), "sent (sms)"),
        (
            replace(SENT, confirmed=False),
            "sent by twilio (sms), which did not answer",
        ),
        (
            MessageDelivered(
                recipient=RECIPIENT, channel=Channel.SMS, provider="twilio"
            ),
            "delivered by twilio (sms)",
        ),
        (
            MessageUndelivered(
                recipient=RECIPIENT,
                channel=Channel.SMS,
                provider_error=30003,
                provider="twilio",
            ),
            "undelivered by twilio (sms): 30003",
        ),
        (
            MessageUndelivered(
                recipient=RECIPIENT, channel=Channel.SMS, provider_error=None
            ),
            "undelivered (sms)",
        ),
        (
            SendRejected(
                recipient=RECIPIENT,
                channel=Channel.SMS,
                error="invalid_phone",
                provider_error=None,
                provider="twilio",
            ),
            "rejected by twilio: invalid_phone",
        ),
        (
            CheckFailed(recipient=RECIPIENT, verification_id=ID, attempts_remaining=2),
            "wrong code, 2 attempts left",
        ),
        (
            MaxAttemptsReached(recipient=RECIPIENT, verification_id=ID),
            "no attempts left, the codes no longer work",
        ),
        (CheckNotFound(recipient=RECIPIENT), "check without a pending verification"),
        (
            VerificationApproved(
                recipient=RECIPIENT, verification_id=ID, channel=Channel.SMS
            ),
            "approved",
        ),
        (VerificationCanceled(recipient=RECIPIENT, verification_id=ID), "canceled"),
        (REFUSED, "send refused: max_sends"),
        (
            replace(REFUSED, shadow=True),
            "send would be refused: max_sends (shadow)",
        ),
        (
            RequestUnavailable(
                recipient=RECIPIENT, action=Action.CHECK, reason="overloaded"
            ),
            "check not possible: overloaded",
        ),
        (
            PolicyChanged(version=1, author="a", change="ttl = 5m", reason=None),
            "policy",
        ),
    ],
)
def test_timeline_has_each_event_in_words(event, words):
    assert timeline.words(event) == words


def test_timeline_has_the_time_since_the_last_message():
    start = datetime(2026, 11, 23, 0, 14, 29, tzinfo=UTC)
    events = [
        RecordedEvent(start, REFUSED),
        RecordedEvent(start + timedelta(seconds=1), SENT),
        RecordedEvent(start + timedelta(seconds=31), SENT),
        RecordedEvent(start + timedelta(seconds=51.9), REFUSED),
    ]

    assert [line[17:27].strip() for line in phone_timeline.lines(events)] == [
        *("", "", "+0:00:30", "+0:00:20")
    ]


def test_inspect_shows_verification_and_used_limits(environ, service, outbox):
    service.post("/auth/send_otp", json=PHONE, headers=KEY)
    wrong = PHONE | {"otp": different_code(outbox.code)}
    service.post("/auth/verify_otp", json=wrong, headers=KEY)

    text = run("inspect", "9445012345", **environ).stdout
    shown = json.loads(run("inspect", "+919445012345", "--json", **environ).stdout)

    assert text.startswith("+91********45\n  pending verification: expires in 0:")
    assert "4 of 5 attempts remaining" in text
    [pending] = shown["pending"]
    assert pending["attempts_remaining"] == 4
    assert 500 < pending["expires_in"] <= 600
    assert pending["sends_remaining"] == 3
    assert pending["next_send_rule"] == "resend_cooldown"
    assert 0 < pending["next_send_in"] <= 30
    assert "3 of 4 sends remaining, the next one in 0:00:" in text
    assert (shown["next_send_in"], shown["next_send_rule"]) == (0, None)
    used = {(use["limit"], use["window"]): use["used"] for use in shown["limits"]}
    assert used == {
        ("sends_per_phone", "5/10m"): 1,
        ("sends_per_phone", "10/1d"): 1,
        ("failed_checks_per_phone", "10/1h"): 1,
        ("max_consecutive_failures", "100/30d"): 1,
        ("sends_total", "1000/1h"): 1,
    }
    assert "9445012345" not in text + json.dumps(shown)


def test_inspect_shows_channels_that_do_not_reach_the_phone_until_it_is_deleted(
    environ, real_redis
):
    [pepper] = config.load(environ).peppers
    RedisStore(real_redis).mark_channel_unreachable(
        PhoneKey(pepper.pseudonymize("phone", "+919445012345")),
        Channel.WHATSAPP,
        ProviderRejection.not_on_channel(),
    )

    text = run("inspect", "9445012345", **environ).stdout
    shown = json.loads(run("inspect", "9445012345", "--json", **environ).stdout)

    assert "whatsapp does not reach the phone, stored for " in text
    assert list(shown["unreachable"]) == ["whatsapp"]
    week = timedelta(days=7).total_seconds()
    assert week - 60 < shown["unreachable"]["whatsapp"] <= week
    assert run("forget", "9445012345", **environ).exit_code == 0
    assert not real_redis.keys("*provider_rejections")


def test_inspect_shows_attempts_of_bound_verification(environ, service):
    service.post("/auth/send_otp", json=PHONE | {"bind": True}, headers=KEY)

    text = run(
        "inspect", "9445012345", **environ, OTP_FAILED_CHECKS_PER_PHONE="2/1h"
    ).stdout

    assert "pending verification (bound)" in text
    assert "2 of 2 attempts remaining" in text


@pytest.mark.parametrize(
    ("settings", "rule"),
    [
        ({"OTP_MAX_SENDS": "1"}, "max_sends"),
        ({"OTP_SENDS_PER_PHONE": "1/1h"}, "sends_per_phone"),
        ({"OTP_MAX_CHECKS": "1"}, "max_checks"),
        ({"OTP_FAILED_CHECKS_PER_PHONE": "1/1h"}, "failed_checks_per_phone"),
        ({"OTP_MAX_CONSECUTIVE_FAILURES": "1"}, "max_consecutive_failures"),
        ({"OTP_RESEND_COOLDOWN": "5m"}, "resend_cooldown"),
    ],
    ids=str,
)
def test_inspect_shows_the_rule_that_refuses_the_next_send(
    environ, service, outbox, settings, rule
):
    service.post("/auth/send_otp", json=PHONE, headers=KEY)
    wrong = PHONE | {"otp": different_code(outbox.code)}
    service.post("/auth/verify_otp", json=wrong, headers=KEY)

    result = run("inspect", "9445012345", "--json", **environ | settings)

    [pending] = json.loads(result.stdout)["pending"]
    assert pending["next_send_rule"] == rule
    assert pending["next_send_in"] > 30


def test_inspect_without_a_verification_shows_when_the_next_send_is_possible(
    environ, service, outbox
):
    limited = environ | {"OTP_SENDS_PER_PHONE": "1/1h"}
    free = run("inspect", "9445012345", **limited).stdout
    service.post("/auth/send_otp", json=PHONE, headers=KEY)
    right = PHONE | {"otp": outbox.code}
    service.post("/auth/verify_otp", json=right, headers=KEY)

    full = run("inspect", "9445012345", **limited).stdout

    assert "no pending verification, the next one now" in free
    assert re.search(
        r"no pending verification, the next one in [01]:\d\d:\d\d \(sends_per_phone\)",
        full,
    )


def test_failed_checks_by_number_do_not_refuse_a_bound_verification(
    environ, service, outbox
):
    service.post("/auth/send_otp", json=PHONE, headers=KEY)
    wrong = PHONE | {"otp": different_code(outbox.code)}
    service.post("/auth/verify_otp", json=wrong, headers=KEY)
    service.post("/auth/send_otp", json=PHONE | {"bind": True}, headers=KEY)
    settings = {
        "OTP_FAILED_CHECKS_PER_PHONE": "1/1h",
        "OTP_RESEND_COOLDOWN": "0s",
    }

    result = run("inspect", "9445012345", "--json", **environ | settings)

    rules = {
        pending["bound"]: pending["next_send_rule"]
        for pending in json.loads(result.stdout)["pending"]
    }
    assert rules == {False: "failed_checks_per_phone", True: None}


def test_inspect_reads_number_from_standard_input(environ):
    result = run("inspect", "-", stdin="9445012345\n", **environ)

    assert result.exit_code == 0
    assert result.stdout.startswith("+91********45\n")


@pytest.mark.parametrize(
    "number",
    [
        "\u202a+91 94450 12345\u202c",
        "\u0669\u0664\u0664\u0665\u0660\u0661\u0662\u0663\u0664\u0665",
    ],
)
def test_inspect_and_forget_accept_a_pasted_number(environ, service, number):
    service.post("/auth/send_otp", json=PHONE, headers=KEY)

    shown = run("inspect", number, **environ)
    deleted = run("forget", "-", stdin=f"\ufeff{number}\r\n", **environ)

    assert "pending verification: expires in" in shown.stdout
    assert deleted.exit_code == 0


def test_forget_removes_verification_and_cooldown(environ, service):
    service.post("/auth/send_otp", json=PHONE, headers=KEY)
    assert service.post("/auth/send_otp", json=PHONE, headers=KEY).status_code == 429

    first = run("forget", "+919445012345", **environ)
    second = run("forget", "+919445012345", **environ)

    assert "✓ the data of +91********45 is deleted" in first.stderr
    assert (first.exit_code, second.exit_code) == (0, 1)
    assert service.post("/auth/send_otp", json=PHONE, headers=KEY).status_code == 201


def test_inspect_of_invalid_number_fails(environ):
    result = run("inspect", "hello", **environ)

    assert result.exit_code == 1
    assert "not a phone number" in result.stderr


def test_inspect_shows_no_time_between_events_of_one_write(
    environ, service, outbox, real_redis
):
    service.post("/auth/send_otp", json=PHONE, headers=KEY)
    wrong = PHONE | {"otp": different_code(outbox.code)}
    service.post("/auth/verify_otp", json=wrong, headers=KEY)
    redis_server.wait_until(lambda: real_redis.xlen(keys.EVENTS) == 2)
    entries = real_redis.xrange(keys.EVENTS)
    real_redis.delete(keys.EVENTS)
    milliseconds = entries[0][0].partition(b"-")[0].decode()
    for number, (_, fields) in enumerate(entries):
        real_redis.xadd(keys.EVENTS, fields, id=f"{milliseconds}-{number}")

    shown = json.loads(run("inspect", "9445012345", "--json", **environ).stdout)

    assert [event["since_send"] for event in shown["events"]] == [None, 0]


def test_inspect_shows_recent_events_of_the_phone_only(environ, service, outbox):
    other = {"phone": "+919445012346"}
    service.post("/auth/send_otp", json=other, headers=KEY)
    service.post("/auth/send_otp", json=PHONE, headers=KEY)
    wrong = PHONE | {"otp": different_code(outbox.code)}
    service.post("/auth/verify_otp", json=wrong, headers=KEY)
    service.post("/auth/send_otp", json=PHONE, headers=KEY)

    def inspect(*arguments):
        return run("inspect", *arguments, stdin="9445012345\n", **environ).stdout

    # The service writes its events in the background.
    redis_server.wait_until(lambda: len(json.loads(inspect("--json"))["events"]) == 3)

    shown, text = json.loads(inspect("--json")), inspect("-")
    assert [event["kind"] for event in shown["events"]] == [
        *("sent", "failed_check", "refused")
    ]
    [phone_hash] = shown["phone_hashes"]
    assert {event["phone_hash"] for event in shown["events"]} == {phone_hash}
    assert f"  in events: {phone_hash}\n" in text
    _, _, timeline = text.partition("since the last message:\n")
    lines = [re.sub(r"\+0:00:\d\d", "+TIME", line) for line in timeline.splitlines()]
    assert [line.split("Z", 1)[1].split() for line in lines] == [
        ["sent", "by", "outbox", "(sms)"],
        ["+TIME", "wrong", "code,", "4", "attempts", "left"],
        ["+TIME", "send", "refused:", "resend_cooldown"],
    ]
    since = [event["since_send"] for event in shown["events"]]
    assert since[0] is None
    assert 0 <= since[1] <= since[2] < 60
    assert "9445012345" not in text + json.dumps(shown)


def test_inspect_without_an_argument_reads_the_standard_input(environ):
    assert run("inspect", stdin="9445012345\n", **environ).exit_code == 0


def test_inspect_of_an_empty_input_fails(environ):
    result = run("inspect", stdin="", **environ)

    assert result.exit_code == 1
    assert "not a phone number" in result.stderr


def test_inspect_shows_proven_phone_and_places_of_the_guard(environ, real_redis):
    store = RedisStore(real_redis)
    number = numbers.parse("+919445012345", "IN")
    phone = PhoneKey(server_process.PEPPER.pseudonymize("phone", number.e164))
    real_redis.set(keys.for_phone(phone).proven, 2, ex=timedelta(days=30))
    until = datetime.now(UTC).replace(microsecond=0) + timedelta(hours=12)
    store.guard.suspend(number.block, until)

    text = run("inspect", "9445012345", **environ).stdout
    shown = json.loads(run("inspect", "9445012345", "--json", **environ).stdout)

    assert "  proven for 29 days: 2 messages pass the guard\n" in text
    assert shown["proven"]["messages"] == 2
    assert 29 * 86_400 < shown["proven"]["expires_in"] <= 30 * 86_400
    assert [(place["place"], place["level"]) for place in shown["guard"]] == [
        ("+91944501", "block"),
        ("+91944", "network"),
        ("IN", "country"),
    ]
    assert [place["until"] for place in shown["guard"]] == [
        until.isoformat(),
        None,
        None,
    ]
    assert (
        "  guard block +91944501: 0.0 unproven, 0.0 approved,"
        f" suspended until {until:%Y-%m-%d %H:%M:%SZ} (shadow)\n"
    ) in text


def test_inspect_of_an_unknown_phone_has_no_proof_and_no_suspension(environ):
    shown = json.loads(run("inspect", "9445012345", "--json", **environ).stdout)

    assert shown["proven"] is None
    assert {place["unproven"] for place in shown["guard"]} == {0}


@pytest.mark.parametrize(
    ("value", "text", "line", "excluded_by"),
    [
        ("sending", "off", "sending is off", ("sending", "")),
        ("sending", "off, SN=on", "sending is off", ("sending", "")),
        ("sending", "on, IN=off", "sending has IN=off", ("sending", "IN")),
        ("sending", "on, +91944=off", "sending has +91944=off", ("sending", "+91944")),
        (
            "allowed_countries",
            "SN",
            "allowed_countries does not have IN",
            ("allowed_countries", "IN"),
        ),
    ],
)
def test_inspect_shows_what_excludes_the_number(
    environ, value, text, line, excluded_by
):
    run("policy", "set", value, text, **environ)

    shown = run("inspect", "+919445012345", **environ).stdout
    report = json.loads(run("inspect", "+919445012345", "--json", **environ).stdout)

    assert f"  sends are refused: {line}" in shown.splitlines()
    assert tuple(report["excluded_by"].values()) == excluded_by


def test_inspect_shows_that_a_number_has_the_wrong_type(environ):
    shown = run("inspect", "+911800123456", "--json", **environ).stdout

    assert json.loads(shown)["excluded_by"] == {
        "rule": "number_type_not_allowed",
        "name": "",
    }


def test_inspect_of_a_number_that_is_served_shows_no_exclusion(environ):
    run("policy", "set", "sending", "on, SN=off, key:shop=off", **environ)

    report = json.loads(run("inspect", "+919445012345", "--json", **environ).stdout)

    assert report["excluded_by"] is None


@pytest.mark.parametrize(
    ("settings", "proven", "excluded_by"),
    [
        ({"OTP_GUARD": "on"}, None, {"rule": "pumping_guard", "name": "+91944501"}),
        ({"OTP_GUARD": "on"}, "2", None),
        ({"OTP_GUARD": "on", "OTP_GUARD_EXEMPT": "IN"}, None, None),
        ({"OTP_GUARD": "shadow"}, None, None),
        ({"OTP_GUARD": "on, IN=off"}, None, None),
    ],
    ids=str,
)
def test_inspect_shows_whether_the_guard_refuses_the_number(
    environ, real_redis, settings, proven, excluded_by
):
    number = numbers.parse("9445012345", "IN")
    store = RedisStore(real_redis)
    store.guard.suspend(number.block, datetime.now(UTC) + timedelta(hours=2))
    if proven:
        phone = PhoneKey(server_process.PEPPER.pseudonymize("phone", number.e164))
        real_redis.set(keys.for_phone(phone).proven, proven, ex=timedelta(days=30))

    text = run("inspect", "9445012345", **environ | settings).stdout
    shown = run("inspect", "9445012345", "--json", **environ | settings).stdout

    assert json.loads(shown)["excluded_by"] == excluded_by
    line = "  sends are refused: the pumping guard has suspended +91944501\n"
    assert (line in text) == bool(excluded_by)


def test_inspect_shows_what_the_guard_counted(environ, service, outbox):
    service.post("/auth/send_otp", json=PHONE, headers=KEY)
    pending = json.loads(run("inspect", "9445012345", "--json", **environ).stdout)
    right = PHONE | {"otp": outbox.code}
    service.post("/auth/verify_otp", json=right, headers=KEY)

    def proven():
        return json.loads(run("inspect", "9445012345", "--json", **environ).stdout)

    redis_server.wait_until(lambda: proven()["guard"][0]["approved"] > 0)

    assert pending["guard"][0]["unproven"] == pytest.approx(1, abs=0.01)
    assert proven()["guard"][0]["unproven"] == 0
    assert proven()["proven"]["messages"] == 3
