from __future__ import annotations

import base64

import pytest
import redis
from flask import Flask

from otp_engine import config
from otp_engine.api import error_handlers
from otp_engine.app import create_app
from otp_engine.errors import StoreUnavailable
from otp_engine.ops import health
from tests.support import redis_server
from tests.support.fakes import (
    FakeSender,
    by_name,
)


def client_of(url):
    pepper = base64.b64encode(b"p" * 32).decode()
    settings = config.load({"OTP_DEV": "1", "REDIS_URL": url, "OTP_PEPPER": pepper})
    return create_app(settings, senders=by_name(FakeSender())).test_client()


@pytest.fixture
def http_without_redis():
    return client_of(f"redis://127.0.0.1:{redis_server.free_port()}")


def test_healthz_is_200_without_redis(http_without_redis):
    response = http_without_redis.get("/healthz")

    assert (response.status_code, response.json) == (200, {"status": "alive"})


def test_readyz_is_503_without_redis(http_without_redis):
    response = http_without_redis.get("/readyz")

    assert (response.status_code, response.json["error"]) == (503, "unavailable")
    assert response.headers["Retry-After"] == "1"


def test_readyz_is_200_with_redis(store):
    app = create_app(
        config.load({"OTP_DEV": "1"}), store=store, senders=by_name(FakeSender())
    )

    response = app.test_client().get("/readyz")

    assert (response.status_code, response.json) == (200, {"status": "ready"})


def test_readyz_is_503_if_the_user_of_redis_lacks_a_permission(tmp_path):
    with (
        redis_server.redis_on_a_port(tmp_path) as port,
        redis.Redis(port=port) as admin,
    ):
        admin.execute_command("ACL", "SETUSER", "default", "-time")
        response = client_of(f"redis://127.0.0.1:{port}").get("/readyz")

    assert (response.status_code, response.json["error"]) == (503, "unavailable")
    assert "TIME" not in response.text


def test_draining_process_is_not_ready_and_still_serves(store):
    client = create_app(
        config.load({"OTP_DEV": "1"}),
        store=store,
        senders=by_name(FakeSender()),
        draining=lambda: True,
    ).test_client()

    readiness = client.get("/readyz").status_code
    liveness = client.get("/healthz").status_code
    sent = client.post("/auth/send_otp", json={"phone": "9445012345"}).status_code

    assert (readiness, liveness, sent) == (503, 200, 201)


class Readiness:
    """Requests to `/readyz` of a store that fails on demand."""

    def __init__(self):
        self.pings, self.fails, self.seconds = 0, False, 100.0
        app = Flask(__name__)
        app.register_blueprint(
            health.blueprint(self.ping, bool, now=lambda: self.seconds)
        )
        error_handlers.register(app, {})
        self.client = app.test_client()

    def ping(self):
        self.pings += 1
        if self.fails:
            raise StoreUnavailable

    def get(self):
        return self.client.get("/readyz").status_code


@pytest.fixture
def readiness():
    return Readiness()


def test_many_readiness_requests_within_a_second_use_the_store_once(readiness):
    statuses = {readiness.get() for _ in range(20)}

    assert (statuses, readiness.pings) == ({200}, 1)


def test_readiness_is_checked_again_after_a_second(readiness):
    before = readiness.get()
    readiness.fails = True
    readiness.seconds += 1

    assert (before, readiness.get()) == (200, 503)


def test_failed_readiness_is_checked_at_each_request(readiness):
    readiness.fails = True
    failed = readiness.get()
    readiness.fails = False

    assert (failed, readiness.get(), readiness.pings) == (503, 200, 2)
