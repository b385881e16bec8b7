"""`otp-engine inspect` and `forget`, in this process."""

from __future__ import annotations

import json

import pytest

from tests.support import redis_server
from tests.support.command_line import run
from tests.support.fakes import different_code

KEY = {"Authorization": "Bearer shop-secret-0123456789"}
PHONE = {"phone": "+919445012345"}


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
    used = {(use["limit"], use["window"]): use["used"] for use in shown["limits"]}
    assert used == {
        ("sends_per_phone", "5/10m"): 1,
        ("sends_per_phone", "10/1d"): 1,
        ("failed_checks_per_phone", "10/1h"): 1,
        ("max_consecutive_failures", "100/30d"): 1,
        ("sends_total", "1000/1h"): 1,
    }
    assert "9445012345" not in text + json.dumps(shown)


def test_inspect_shows_attempts_of_bound_verification(environ, service):
    service.post("/auth/send_otp", json=PHONE | {"bind": True}, headers=KEY)

    text = run(
        "inspect", "9445012345", **environ, OTP_FAILED_CHECKS_PER_PHONE="2/1h"
    ).stdout

    assert "pending verification (bound)" in text
    assert "2 of 2 attempts remaining" in text


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


def test_inspect_shows_recent_events_of_the_phone_only(environ, service, outbox):
    other = {"phone": "+919445012346"}
    service.post("/auth/send_otp", json=other, headers=KEY)
    service.post("/auth/send_otp", json=PHONE, headers=KEY)
    wrong = PHONE | {"otp": different_code(outbox.code)}
    service.post("/auth/verify_otp", json=wrong, headers=KEY)
    service.post("/auth/send_otp", json=PHONE, headers=KEY)

    def inspect(*arguments):
        return run("inspect", *arguments, stdin="9445012345\n", **environ).stdout

    redis_server.wait_until(lambda: "resend_cooldown" in inspect("-"))

    shown, text = json.loads(inspect("--json")), inspect("-")
    assert [event["kind"] for event in shown["events"]] == [
        *("sent", "failed_check", "refused")
    ]
    [phone_hash] = shown["phone_hashes"]
    assert {event["phone_hash"] for event in shown["events"]} == {phone_hash}
    assert f"  in events: {phone_hash}\n" in text
    _, _, timeline = text.partition("events of the last day:\n")
    assert [line.split()[2] for line in timeline.splitlines()] == [
        *("sent", "failed_check", "refused")
    ]
    assert "9445012345" not in text + json.dumps(shown)


def test_inspect_without_an_argument_reads_the_standard_input(environ):
    assert run("inspect", stdin="9445012345\n", **environ).exit_code == 0


def test_inspect_of_an_empty_input_fails(environ):
    result = run("inspect", stdin="", **environ)

    assert result.exit_code == 1
    assert "not a phone number" in result.stderr
