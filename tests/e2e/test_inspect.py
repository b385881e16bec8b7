"""`otp-engine inspect` on a running service: the timeline of one phone."""

from __future__ import annotations

import json

from twilio.request_validator import RequestValidator

from tests.support import redis_server, server_process, twilio_server
from tests.support.command_line import run
from tests.support.fakes import different_code

KEY = {"Authorization": "Bearer shop-secret-0123456789"}
PHONE = {"phone": "+919445012345"}
URL = "https://otp.example.com"
CALLBACK = "/callbacks/twilio"


def report_delivered(server):
    """Send the delivery report of the message as Twilio does."""
    fields = {"MessageSid": "SM1", "MessageStatus": "delivered", "To": PHONE["phone"]}
    validator = RequestValidator(twilio_server.TOKEN)
    signature = validator.compute_signature(URL + CALLBACK, fields)
    return server.post_form(CALLBACK, fields, **{"X-Twilio-Signature": signature})


def test_timeline_of_a_phone_has_every_step_at_a_real_server(own_environ, twilio):
    own_environ["OTP_PUBLIC_URL"] = URL

    def inspect(*arguments):
        return run("inspect", *arguments, stdin="9445012345\n", **own_environ).stdout

    def wait_for(kind):
        redis_server.wait_until(
            lambda: (
                json.loads(inspect("--json"))["events"][-1:]
                and json.loads(inspect("--json"))["events"][-1]["kind"] == kind
            )
        )

    with server_process.running_server("--workers", "2", **own_environ) as server:
        server.post("/auth/send_otp", PHONE, **KEY)
        code = twilio.code_to(PHONE["phone"])
        wait_for("sent")
        assert report_delivered(server).status == 204
        wait_for("delivered")
        server.post("/auth/send_otp", PHONE, **KEY)
        wait_for("refused")
        server.post("/auth/verify_otp", PHONE | {"otp": different_code(code)}, **KEY)
        wait_for("failed_check")
        pending = json.loads(inspect("--json"))["pending"]
        server.post("/auth/verify_otp", PHONE | {"otp": code}, **KEY)
        wait_for("approved")

        text = inspect()

    _, _, timeline = text.partition("since the last message:\n")
    assert [line[28:].strip() for line in timeline.splitlines()] == [
        "sent by twilio (sms)",
        "delivered by twilio (sms)",
        "send refused: resend_cooldown",
        "wrong code, 4 attempts left",
        "approved",
    ]
    [verification] = pending
    assert (verification["sends_remaining"], verification["next_send_rule"]) == (
        4,
        "resend_cooldown",
    )
    assert code not in text
    assert "9445012345" not in text
