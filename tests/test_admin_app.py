from __future__ import annotations

import pytest

from otp_engine import config
from otp_engine.admin_app import create_admin_app
from otp_engine.app import create_app
from otp_engine.fork_gate import ForkGate
from tests.support import redis_server
from tests.support.metrics_page import values
from tests.support.settings import PEPPER, RELAXED

KEY = "metrics-secret-0123456789"


class Service:
    """The state that the admin listener reports."""

    def __init__(self):
        self.alive, self.draining = True, False

    def client(self, **environ):
        settings = config.load(RELAXED | {"OTP_ADMIN_PORT": "3002"} | environ)
        return create_admin_app(
            settings,
            gate=ForkGate(),
            alive=lambda: self.alive,
            draining=lambda: self.draining,
        ).test_client()

    def statuses(self, **environ):
        client = self.client(**environ)
        return [client.get(path).status_code for path in ("/healthz", "/readyz")]


@pytest.fixture
def service():
    return Service()


def test_service_with_a_live_worker_is_alive_and_ready(service):
    assert service.statuses() == [200, 200]


def test_service_without_a_live_worker_is_neither_alive_nor_ready(service):
    service.alive = False

    assert service.statuses() == [503, 503]


def test_scrape_of_a_service_without_a_live_worker_fails(service):
    service.alive = False

    assert service.client().get("/metrics").status_code == 503


def test_draining_service_is_alive_and_not_ready(service):
    service.draining = True

    assert service.statuses() == [200, 503]


def test_service_without_redis_is_alive_and_not_ready(service):
    url = f"redis://127.0.0.1:{redis_server.free_port()}"

    assert service.statuses(REDIS_URL=url, OTP_PEPPER=PEPPER) == [200, 503]


def test_metrics_require_the_key(service):
    client = service.client(OTP_METRICS_KEY=KEY)
    refused = client.get("/metrics")
    scraped = client.get("/metrics", headers={"Authorization": f"Bearer {KEY}"})

    assert (refused.status_code, refused.json["error"]) == (401, "unauthorized")
    failures = "otp_authentication_failures_total{api=metrics}"
    assert values(scraped.text)[failures] == 1


@pytest.mark.parametrize("path", ["/", "/auth/send_otp", "/v2/Services", "/dev/inbox"])
def test_admin_listener_has_no_path_of_the_service(service, path):
    response = service.client().get(path)

    assert (response.status_code, response.json["error"]) == (404, "not_found")


@pytest.mark.parametrize(
    ("environ", "statuses"),
    [
        ({}, [200, 200, 200]),
        ({"OTP_ADMIN_PORT": "3002"}, [200, 200, 404]),
    ],
)
def test_service_has_metrics_only_without_an_admin_listener(environ, statuses):
    client = create_app(config.load(RELAXED | environ)).test_client()
    paths = ("/healthz", "/readyz", "/metrics")

    assert [client.get(path).status_code for path in paths] == statuses
