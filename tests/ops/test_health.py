from __future__ import annotations

import base64

import pytest
import redis

from otp_engine import config
from otp_engine.app import create_app
from tests.support import redis_server
from tests.support.fakes import FakeSender


def client_of(url):
    pepper = base64.b64encode(b"p" * 32).decode()
    settings = config.load({"OTP_DEV": "1", "REDIS_URL": url, "OTP_PEPPER": pepper})
    return create_app(settings, sender=FakeSender()).test_client()


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
    app = create_app(config.load({"OTP_DEV": "1"}), store=store, sender=FakeSender())

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
        sender=FakeSender(),
        draining=lambda: True,
    ).test_client()

    readiness = client.get("/readyz").status_code
    liveness = client.get("/healthz").status_code
    sent = client.post("/auth/send_otp", json={"phone": "9445012345"}).status_code

    assert (readiness, liveness, sent) == (503, 200, 201)
