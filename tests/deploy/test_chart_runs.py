"""The container of the chart, started on this machine as Kubernetes would start it."""

from __future__ import annotations

import re
import signal
import time

import pytest

from tests.deploy.chart_values import MINIMAL
from tests.support import helm as helm_program
from tests.support import redis_server, server_process, twilio_server
from tests.support.helm import one

pytestmark = pytest.mark.e2e
DRAIN = 1
METRICS_KEY = "metrics-secret-0123456789"
SEND = {"phone": "9445012345"}


@pytest.fixture(scope="module")
def pod(pytestconfig):
    """Return the specification of the pods, with an admin port that is free here."""
    values = {
        **MINIMAL,
        "host": "127.0.0.1",
        "workers": 1,
        "drainSeconds": DRAIN,
        "adminPort": redis_server.free_port(),
        "secrets": {
            "existingSecret": "otp-secrets",
            "settings": [
                "REDIS_URL",
                "OTP_PEPPER",
                "OTP_API_KEYS",
                "OTP_METRICS_KEY",
                "TWILIO_AUTH_TOKEN",
            ],
        },
        "settings": {
            "OTP_ARGON2": "light",
            "TWILIO_ACCOUNT_SID": twilio_server.ACCOUNT,
            "TWILIO_MESSAGING_SERVICE_SID": twilio_server.SERVICE,
            "TWILIO_API_BASE_URL": "http://twilio.invalid",
        },
    }
    resources = helm_program.install(pytestconfig.cache).render(values)
    return one(resources, "Deployment")["spec"]["template"]["spec"]


@pytest.fixture(scope="module")
def twilio():
    with twilio_server.running() as server:
        yield server


@pytest.fixture
def service(pod, twilio, tmp_path):
    """Run the arguments and the environment of the container, with its files."""
    [container] = pod["containers"]
    redis_folder, mounted = tmp_path / "redis", tmp_path / "secrets"
    redis_folder.mkdir()
    mounted.mkdir()
    with redis_server.redis_on_a_socket(redis_folder) as redis_url:
        production = server_process.production(redis_url, twilio.url)
        production["OTP_METRICS_KEY"] = METRICS_KEY
        [volume] = [item for item in pod["volumes"] if item["name"] == "secrets"]
        for item in volume["secret"]["items"]:
            (mounted / item["path"]).write_text(production[item["key"]])
        environ = _environment(container, mounted) | {
            "TWILIO_API_BASE_URL": twilio.url,
            # The emptyDir of /tmp.
            "TMPDIR": str(tmp_path),
        }
        command, *arguments = container["args"]
        assert command == "serve"
        port = str(redis_server.free_port())
        arguments = [port if item == "3000" else item for item in arguments]
        with server_process.running_server(*arguments, **environ) as running:
            yield running


def _environment(container, mounted):
    [mount] = [item for item in container["volumeMounts"] if item["name"] == "secrets"]
    return {
        item["name"]: item["value"].replace(mount["mountPath"], str(mounted))
        for item in container["env"]
    }


def _probed(pod, probe):
    return pod["containers"][0][f"{probe}Probe"]["httpGet"]["path"]


@pytest.mark.parametrize("probe", ["startup", "liveness", "readiness"])
def test_probe_of_the_chart_is_answered(pod, service, probe):
    [container] = pod["containers"]
    [admin] = [port for port in container["ports"] if port["name"] == "admin"]

    response = service.admin_get(_probed(pod, probe))

    assert response.status == 200
    assert service.admin_port == admin["containerPort"]


def test_container_sends_and_scrapes_with_the_mounted_secrets(service):
    authorization = {"Authorization": "Bearer shop-secret-0123456789"}

    response = service.post("/auth/send_otp", SEND, **authorization)
    scrape = service.admin_read("/metrics", Authorization=f"Bearer {METRICS_KEY}")

    assert response.status == 201
    accepted = r'^otp_sends_total\{.*outcome="accepted"\} 1\.0$'
    assert re.search(accepted, scrape, re.MULTILINE)


def test_sigterm_drains_and_ends_within_the_grace_period(pod, service):
    grace = pod["terminationGracePeriodSeconds"]
    readiness = _probed(pod, "readiness")
    started = time.monotonic()

    service.process.send_signal(signal.SIGTERM)

    redis_server.wait_until(lambda: service.admin_get(readiness).status == 503)
    assert service.get("/healthz").status == 200
    assert service.process.wait(grace) == 0
    assert time.monotonic() - started >= DRAIN


def test_grace_period_is_longer_than_drain_and_stop(pod):
    # The service ends within 15 seconds after its drain.
    assert pod["terminationGracePeriodSeconds"] > DRAIN + 15
