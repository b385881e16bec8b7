"""What is logged, and what never is."""

from __future__ import annotations

import json
import logging

import pytest

from otp_engine import config
from otp_engine.app import create_app
from otp_engine.ops.logs import JsonFormatter, TerminalFormatter
from tests.fakes import Outbox, other_than


def record(message, *args, error=None, **extra):
    made = logging.LogRecord("a.logger", 20, "file.py", 1, message, args, None)
    if error:
        made.exc_info = (type(error), error, error.__traceback__)
    vars(made).update(extra)
    return made


def test_a_line_is_one_json_object_with_its_fields():
    line = JsonFormatter().format(record("sent %s", "well", status=201, caller=None))

    parsed = json.loads(line)
    assert parsed.pop("time").endswith("Z")
    assert parsed == {
        "level": "info",
        "logger": "a.logger",
        "message": "sent well",
        "status": 201,
    }


@pytest.mark.parametrize("formatter", [JsonFormatter(), TerminalFormatter()], ids=type)
@pytest.mark.parametrize(
    "text", ["two\nlines", "a\r\nb", "\x1b[31mred", "\u2028", "\ud800"]
)
def test_nothing_can_break_out_of_its_line(formatter, text):
    line = formatter.format(record("%s", text, field=text))

    assert len(line.splitlines()) == 1
    assert line.isprintable()


@pytest.mark.parametrize("formatter", [JsonFormatter(), TerminalFormatter()], ids=type)
def test_an_error_is_logged_without_its_text(formatter):
    with pytest.raises(ValueError, match="123456x") as caught:
        int("123456x")

    line = formatter.format(record("failed", error=caught.value))

    assert "ValueError" in line
    assert "test_logs.py" in line
    assert "123456" not in line


@pytest.fixture
def outbox():
    return Outbox()


@pytest.fixture
def http(store, outbox):
    settings = config.load({"OTP_DEV": "1", "OTP_ARGON2": "test"})
    return create_app(settings, store=store, sender=outbox).test_client()


def test_a_request_leaves_one_line_with_the_masked_number(http, caplog):
    with caplog.at_level(logging.INFO):
        answer = http.post("/auth/send_otp", json={"phone": "9445012345"})

    (line,) = [r for r in caplog.records if r.name == "otp_engine.access"]
    fields = vars(line)
    assert fields["request_id"] == answer.headers["X-Request-Id"]
    assert fields["route"] == "/auth/send_otp"
    assert fields["status"] == 201
    assert fields["phone"] == "+91******2345"


def test_a_refused_request_leaves_the_name_of_what_refused_it(http, caplog):
    http.post("/auth/send_otp", json={"phone": "9445012345"})
    with caplog.at_level(logging.INFO):
        http.post("/auth/send_otp", json={"phone": "9445012345"})
        http.put("/auth/send_otp")
        http.open("/auth/send_otp", method="9445012345")

    lines = [vars(r) for r in caplog.records if r.name == "otp_engine.access"]
    said = [(line["method"], line["error"], line["limit"]) for line in lines]
    assert said == [
        ("POST", "rate_limited", "resend_cooldown"),
        ("PUT", "method_not_allowed", None),
        (None, "method_not_allowed", None),
    ]


def test_no_log_line_and_no_answer_holds_a_code_or_a_number(http, outbox, caplog):
    said = []
    with caplog.at_level(logging.DEBUG):
        said.append(http.post("/auth/send_otp", json={"phone": "9445012345"}))
        body = {"phone": "9445012345", "otp": other_than(outbox.code)}
        said.append(http.post("/auth/verify_otp", json=body))
        body["otp"] = outbox.code
        said.append(http.post("/auth/verify_otp", json=body))
        said.append(http.post("/auth/verify_otp", json=body))
        said.append(http.get(f"/auth/send_otp/9445012345/{outbox.code}"))
        said.append(http.get(f"/auth/send_otp?phone=9445012345&otp={outbox.code}"))

    lines = [JsonFormatter().format(line) for line in caplog.records]
    lines += [f"{answer.headers}{answer.text}" for answer in said]
    for line in lines:
        assert "9445012345" not in line
        assert outbox.code not in line
        assert body["otp"] not in line


@pytest.mark.parametrize(
    "given",
    [
        "a1b2c3d4e5f60718",
        "0af7651c16cd43dd8f48eb211c80319c",
        "123e4567-e89b-42d3-a4f6-4266a417a000",
        "123E4567-E89B-42D3-A4F6-4266A417A000",
    ],
)
def test_a_proper_request_id_is_kept(http, given):
    answer = http.get("/healthz", headers={"X-Request-Id": given})

    assert answer.headers["X-Request-Id"] == given


@pytest.mark.parametrize(
    "given",
    [
        *("", "short", "x" * 65, "has spaces in it", "<script>alert"),
        *("919445012345", "u-919445012345", "user.9445012345"),
        # What looks like an id, and could carry a number or a code.
        *("919876522222abcdef", "91-98765-22222", "482913-otp", "a1b2c3d4"),
        *("482913abcdefabcd", "0000919445012345", "abcdef919445012345abcdefabcdefab"),
        "00000000-0000-0000-0000-919445012345",
        "abcdefab-abcd-abcd-abc9-1944501abcde",
        "a919-4450-12345-a919-4450-12345-abcd",
        "0123456789abcdef-",
        "\u0660" * 16,
    ],
)
def test_any_other_request_id_is_replaced(http, given):
    answer = http.get("/healthz", headers={"X-Request-Id": given})

    assert answer.headers["X-Request-Id"] != given
    assert len(answer.headers["X-Request-Id"]) == 16
