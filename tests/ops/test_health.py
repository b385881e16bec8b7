from __future__ import annotations

import base64

import pytest

from otp_engine import config
from otp_engine.app import create_app
from tests import servers
from tests.fakes import Outbox


@pytest.fixture
def without_redis():
    away = f"redis://127.0.0.1:{servers.free_port()}"
    pepper = base64.b64encode(b"p" * 32).decode()
    settings = config.load({"OTP_DEV": "1", "REDIS_URL": away, "OTP_PEPPER": pepper})
    return create_app(settings, sender=Outbox()).test_client()


def test_a_process_is_alive_whatever_redis_does(without_redis):
    answer = without_redis.get("/healthz")

    assert (answer.status_code, answer.json) == (200, {"status": "alive"})


def test_a_process_is_not_ready_while_redis_is_away(without_redis):
    answer = without_redis.get("/readyz")

    assert (answer.status_code, answer.json["error"]) == (503, "unavailable")
    assert answer.headers["Retry-After"] == "1"


def test_a_process_is_ready_when_redis_answers(store):
    app = create_app(config.load({"OTP_DEV": "1"}), store=store, sender=Outbox())

    answer = app.test_client().get("/readyz")

    assert (answer.status_code, answer.json) == (200, {"status": "ready"})


def test_a_process_that_is_about_to_stop_is_not_ready_and_still_serves(store):
    app = create_app(
        config.load({"OTP_DEV": "1"}),
        store=store,
        sender=Outbox(),
        draining=lambda: True,
    ).test_client()

    answers = [app.get(path).status_code for path in ("/readyz", "/healthz")]

    assert answers == [503, 200]
    assert app.post("/auth/send_otp", json={"phone": "9445012345"}).status_code == 201
