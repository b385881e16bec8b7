"""`otp-engine top` on a running service, in a pipe and on a terminal."""

from __future__ import annotations

import json
import signal

import pytest

from tests.support import redis_server, server_process, terminal
from tests.support.command_line import run
from tests.support.fakes import different_code

KEY = {"Authorization": "Bearer shop-secret-0123456789"}
ALICE, BOB = {"phone": "+919445012345"}, {"phone": "+221771234567"}
ENTER, LEAVE = "\x1b[?1049h\x1b[?25l", "\x1b[?25h\x1b[?1049l"


@pytest.fixture
def environ(shared_environ, empty_redis):
    return shared_environ


def test_once_shows_what_happened_at_a_real_server(own_environ, twilio):
    own_environ["OTP_ALLOWED_COUNTRIES"] = "IN,SN"
    with server_process.running_server("--workers", "2", **own_environ) as server:
        for phone in (ALICE, BOB):
            assert server.post("/auth/send_otp", phone, **KEY).status == 201
        assert server.post("/auth/send_otp", BOB, **KEY).status == 429
        code = twilio.code_to(ALICE["phone"])
        for otp in (different_code(code), code):
            server.post("/auth/verify_otp", ALICE | {"otp": otp}, **KEY)

        def shown():
            return json.loads(run("top", "--once", "--json", **own_environ).stdout)

        redis_server.wait_until(
            lambda: shown()["total"]["approved"] + shown()["total"]["refused"] == 2
        )
        frame = shown()
        text = run("top", "--once", **own_environ).stdout

    assert {
        country: (row["sent"], row["approved"], row["refused"], row["conversion"])
        for country, row in frame["countries"].items()
    } == {"IN": (1, 1, 0, 1), "SN": (1, 0, 1, 0)}
    assert [(rule["limit"], rule["count"]) for rule in frame["refused"]] == [
        ("resend_cooldown", 1)
    ]
    assert [(use["limit"], use["used"]) for use in frame["limits"]] == [
        ("sends_total", 2)
    ]
    assert "sends_total  1000/1h" in text
    assert code not in text + json.dumps(frame)
    assert "9445012345" not in text + json.dumps(frame)


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM])
def test_signal_restores_the_screen(environ, ending):
    with terminal.running("top", "--interval", "0.2", **environ) as command:
        started = command.read_until("sends_total")
        finished = command.stop(ending)

    assert started.startswith(ENTER)
    assert finished.output.endswith(LEAVE)
    assert "Traceback" not in finished.output
    assert finished.exit_code == 0


def test_screen_without_colors_has_no_color(environ):
    with terminal.running("top", "--interval", "0.2", **environ, NO_COLOR="1") as top:
        shown = top.read_until("sends_total")
        shown += top.stop(signal.SIGINT).output

    assert "\x1b[1m" not in shown
    assert "\x1b[H" in shown


def test_terminal_without_control_sequences_needs_an_option(environ):
    finished = terminal.run("top", **environ, TERM="dumb")

    assert finished.exit_code == 1
    assert "use --once or --json" in finished.output


def test_screen_continues_after_an_outage_of_redis(tmp_path, environ):
    with redis_server.restartable_redis(tmp_path) as redis:
        with_own = environ | {"REDIS_URL": redis.url}
        with terminal.running("top", "--interval", "0.2", **with_own) as top:
            top.read_until("sends_total")
            redis.kill()
            top.read_until("retrying")
            redis.start()
            # The new frame has no problem: its second line is empty.
            top.read_until("guard shadow\x1b[0m\x1b[K\r\n\x1b[K\r\n")
            finished = top.stop(signal.SIGINT)

    assert finished.exit_code == 0


def test_json_is_one_object_a_refresh(environ):
    with terminal.running("top", "--json", "--interval", "0.2", **environ) as top:
        first = top.read_until("\n")
        second = top.read_until("\n")
        top.stop(signal.SIGINT)

    assert json.loads(first.splitlines()[0])["total"]["sent"] == 0
    assert second.startswith('{"at"')


def test_top_without_redis_states_it_and_continues(tmp_path, environ):
    gone = environ | {"REDIS_URL": f"unix://{tmp_path}/redis.sock"}
    with terminal.running("top", "--interval", "0.2", **gone) as top:
        shown = top.read_until("retrying")
        finished = top.stop(signal.SIGINT)

    assert "! Redis" in shown
    assert finished.exit_code == 0


def test_once_shows_a_suspension_of_the_guard(own_environ, twilio):
    own_environ |= {
        "OTP_ALLOWED_COUNTRIES": "SN",
        "OTP_GUARD": "on",
        "OTP_GUARD_BLOCK": "1",
        "OTP_GUARD_STRICT": "1",
    }
    with server_process.running_server("--workers", "2", **own_environ) as server:
        statuses = [
            server.post("/auth/send_otp", {"phone": f"+22177123456{n}"}, **KEY).status
            for n in range(3)
        ]

        def shown():
            return json.loads(run("top", "--once", "--json", **own_environ).stdout)

        redis_server.wait_until(
            lambda: shown()["total"]["refused"] == 2 and shown()["events"] != []
        )
        frame = shown()
        text = run("top", "--once", **own_environ).stdout
        incidents = run("events", "--prefix", "+22177123", **own_environ).stdout

    assert statuses == [201, 403, 403]
    [suspension] = frame["suspensions"]
    assert (suspension["place"], suspension["shadow"]) == ("+22177123", False)
    assert frame["countries"]["SN"]["unproven"] == pytest.approx(1, abs=0.01)
    assert frame["countries"]["SN"]["spent"] >= 0
    assert [event["kind"] for event in frame["events"]] == ["suspended"]
    assert [(rule["limit"], rule["count"]) for rule in frame["refused"]] == [
        ("pumping_guard", 2)
    ]
    assert "block +22177123  SN" in text
    assert [line.split()[2] for line in incidents.splitlines()] == [
        *("sent", "suspended", "refused", "refused")
    ]
