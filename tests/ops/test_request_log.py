from __future__ import annotations

import io
import logging
import time
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context

import pyotp
import pytest
from flask import Flask

from otp_engine import config
from otp_engine.app import create_app
from otp_engine.ops import request_log
from otp_engine.ops.log_config import JsonFormatter
from otp_engine.ops.request_log import RequestIdFilter
from tests.support.fakes import (
    FakeSender,
    by_name,
    different_code,
)
from tests.support.redis_dump import everything_in

REQUEST_ID = "a1b2c3d4e5f60718"


@pytest.fixture
def outbox():
    return FakeSender()


@pytest.fixture
def client(store, outbox):
    settings = config.load({"OTP_DEV": "1", "OTP_ARGON2": "test"})
    return create_app(settings, store=store, senders=by_name(outbox)).test_client()


def test_request_is_logged_once_with_masked_number(client, caplog):
    with caplog.at_level(logging.INFO):
        response = client.post("/auth/send_otp", json={"phone": "9445012345"})

    (line,) = [r for r in caplog.records if r.name == "otp_engine.access"]
    fields = vars(line)
    assert fields["request_id"] == response.headers["X-Request-Id"]
    assert fields["route"] == "/auth/send_otp"
    assert fields["status"] == 201
    assert fields["phone"] == "+91********45"


def test_request_with_key_is_logged_with_name_of_client(store, outbox, caplog):
    settings = config.load(
        {
            "OTP_DEV": "1",
            "OTP_ARGON2": "test",
            "OTP_API_KEYS": "shop:shop-secret-0123456789",
        }
    )
    client = create_app(settings, store=store, senders=by_name(outbox)).test_client()

    with caplog.at_level(logging.INFO):
        client.post(
            "/auth/send_otp",
            json={"phone": "9445012345"},
            headers={"Authorization": "Bearer shop-secret-0123456789"},
        )

    (line,) = [r for r in caplog.records if r.name == "otp_engine.access"]
    assert vars(line)["client_name"] == "shop"


def test_refused_request_is_logged_with_error_and_limit(client, caplog):
    client.post("/auth/send_otp", json={"phone": "9445012345"})
    with caplog.at_level(logging.INFO):
        client.post("/auth/send_otp", json={"phone": "9445012345"})
        client.put("/auth/send_otp")
        client.open("/auth/send_otp", method="9445012345")

    lines = [vars(r) for r in caplog.records if r.name == "otp_engine.access"]
    fields = [(line["method"], line["error"], line["limit"]) for line in lines]
    assert fields == [
        ("POST", "rate_limited", "resend_cooldown"),
        ("PUT", "method_not_allowed", None),
        (None, "method_not_allowed", None),
    ]


@pytest.mark.parametrize(
    "path",
    ["/healthz", "/readyz", "/metrics", "/dev/inbox", "/assets/pages.css"],
)
def test_repeated_request_is_not_logged(client, caplog, path):
    with caplog.at_level(logging.INFO), client.get(path) as response:
        assert response.status_code == 200

    assert access_lines(caplog) == []


def test_error_of_repeated_request_is_logged(store, outbox, caplog):
    settings = config.load(
        {"OTP_DEV": "1", "OTP_ARGON2": "test", "OTP_METRICS_KEY": "a-metrics-key"}
    )
    app = create_app(
        settings, store=store, senders=by_name(outbox), draining=lambda: True
    )
    client = app.test_client()

    with caplog.at_level(logging.INFO):
        client.get("/readyz")
        client.get("/metrics")
        client.get("/assets/none.css")
        client.get("/dev/inbox", headers={"Host": "evil.example.com"})

    logged = [(line["route"], line["status"]) for line in access_lines(caplog)]
    assert logged == [
        ("/readyz", 503),
        ("/metrics", 401),
        ("/assets/<path:filename>", 404),
        ("/dev/inbox", 404),
    ]


def test_repeated_request_of_a_person_is_measured(client):
    client.get("/dev/inbox")

    assert 'route="/dev/inbox",status="200"' in client.get("/metrics").text


def access_lines(caplog):
    return [vars(r) for r in caplog.records if r.name == "otp_engine.access"]


def test_logs_and_responses_contain_no_code_and_no_number(client, outbox, caplog):
    responses = []
    with caplog.at_level(logging.DEBUG):
        responses.append(client.post("/auth/send_otp", json={"phone": "9445012345"}))
        body = {"phone": "9445012345", "otp": different_code(outbox.code)}
        responses.append(client.post("/auth/verify_otp", json=body))
        body["otp"] = outbox.code
        responses.append(client.post("/auth/verify_otp", json=body))
        responses.append(client.post("/auth/verify_otp", json=body))
        responses.append(client.get(f"/auth/send_otp/9445012345/{outbox.code}"))
        responses.append(
            client.get(f"/auth/send_otp?phone=9445012345&otp={outbox.code}")
        )

    lines = [JsonFormatter().format(line) for line in caplog.records]
    lines += [f"{response.headers}{response.text}" for response in responses]
    for line in lines:
        assert "9445012345" not in line
        assert outbox.code not in line
        assert body["otp"] not in line


def test_logs_events_and_metrics_contain_no_secret_of_an_authenticator(
    client, store, redis, caplog
):
    who = {"identity": "person-with-an-app"}
    responses = []

    def call(path, method="POST", **fields):
        response = client.open(path, method=method, json=who | fields)
        responses.append(response)
        return response

    with caplog.at_level(logging.DEBUG):
        enrolled = client.post("/auth/totp/enroll", json=who | {"name": "Alice"}).json
        app, now = pyotp.TOTP(enrolled["secret"]), int(time.time()) // 30
        codes = [app.generate_otp(now + step) for step in (0, 1, -5)]
        call("/auth/totp/activate", otp=codes[0])
        call("/auth/totp/verify", otp=codes[1])
        call("/auth/totp/verify", otp=codes[2])
        for recovery_code in enrolled["recovery_codes"][:2] * 2:
            call("/auth/totp/verify", recovery_code=recovery_code)
        call("/auth/send_otp", phone="9445012345")
        call("/auth/totp/verify", otp="no code of person-with-an-app")
        call(f"/auth/totp/person-with-an-app?otp={codes[1]}", "GET")
        call("/auth/totp", "DELETE")
        call("/auth/totp", "DELETE")
    store.events.flush()

    approved = [each.json == {"VerificationStatus": "approved"} for each in responses]
    assert approved.count(True) == 4
    texts = [JsonFormatter().format(line) for line in caplog.records]
    texts += [f"{response.headers}{response.text}" for response in responses]
    stored = [client.get("/metrics").text, everything_in(redis).decode("latin-1")]
    assert "factor_approved" in stored[1]
    # Times in metrics and in Redis have any six digits.
    secrets = [*who.values(), enrolled["secret"], *enrolled["recovery_codes"]]
    assert [each for each in secrets if each in "\n".join(texts + stored)] == []
    assert [each for each in codes if each in "\n".join(texts)] == []


@pytest.mark.parametrize(
    "request_id",
    [
        "a1b2c3d4e5f60718",
        "0af7651c16cd43dd8f48eb211c80319c",
        "123e4567-e89b-42d3-a4f6-4266a417a000",
        "123E4567-E89B-42D3-A4F6-4266A417A000",
    ],
)
def test_valid_request_id_is_kept(client, request_id):
    response = client.get("/healthz", headers={"X-Request-Id": request_id})

    assert response.headers["X-Request-Id"] == request_id


@pytest.mark.parametrize(
    "request_id",
    [
        *("", "short", "x" * 65, "has spaces in it", "<script>alert"),
        *("919445012345", "u-919445012345", "user.9445012345"),
        # Valid characters that could contain a number or a code.
        *("919876522222abcdef", "91-98765-22222", "482913-otp", "a1b2c3d4"),
        *("482913abcdefabcd", "0000919445012345", "abcdef919445012345abcdefabcdefab"),
        "00000000-0000-0000-0000-919445012345",
        "abcdefab-abcd-abcd-abc9-1944501abcde",
        "a919-4450-12345-a919-4450-12345-abcd",
        "0123456789abcdef-",
        "\u0660" * 16,
    ],
)
def test_invalid_request_id_is_replaced(client, request_id):
    response = client.get("/healthz", headers={"X-Request-Id": request_id})

    assert response.headers["X-Request-Id"] != request_id
    assert len(response.headers["X-Request-Id"]) == 16


@pytest.fixture
def log_stream():
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logging.Formatter("%(request_id)s"))
    handler.addFilter(RequestIdFilter())
    logger = logging.getLogger("tests.request_log")
    logger.addHandler(handler)
    yield stream
    logger.removeHandler(handler)


@pytest.fixture
def http_that_logs():
    logger = logging.getLogger("tests.request_log")
    app = Flask(__name__)
    request_log.init_app(app, lambda *_: None, lambda _: None)

    @app.get("/same-thread")
    def same_thread():
        logger.warning("in the thread of the request")
        return ""

    @app.get("/pool")
    def pool():
        with ThreadPoolExecutor(1) as threads:
            threads.submit(copy_context().run, logger.warning, "in a pool").result()
        return ""

    return app.test_client()


@pytest.mark.parametrize("path", ["/same-thread", "/pool"])
def test_line_of_a_request_has_its_request_id(http_that_logs, log_stream, path):
    http_that_logs.get(path, headers={"X-Request-Id": REQUEST_ID})

    assert log_stream.getvalue() == f"{REQUEST_ID}\n"


def test_line_outside_of_a_request_has_no_request_id():
    record = logging.makeLogRecord({})

    logged = RequestIdFilter().filter(record)

    assert logged
    assert not hasattr(record, "request_id")
