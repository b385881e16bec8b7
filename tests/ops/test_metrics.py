"""`/metrics`: what it tells, to whom, and in which words."""

from __future__ import annotations

import subprocess
import threading

import pytest
from flask import Flask

from otp_engine import config
from otp_engine.app import create_app
from otp_engine.config import keys
from otp_engine.crypto.argon2 import PROFILES
from otp_engine.crypto.hash_pool import HashPool
from otp_engine.crypto.pepper import Pepper
from otp_engine.domain import phone
from otp_engine.domain.events import Action, RequestRefused, reported
from otp_engine.domain.receipts import Receipt
from otp_engine.domain.whom import Whom
from otp_engine.errors import (
    CarrierUnavailable,
    DeliveryFailed,
    DeliveryUnconfirmed,
    OTPError,
    Saturated,
    StoreUnavailable,
)
from otp_engine.ops.metrics import Metrics
from otp_engine.senders.measured import Measured
from otp_engine.store.connection import connect
from otp_engine.store.redis_client import RedisClient
from tests import servers, twilio_server
from tests.conftest import TIMEOUT
from tests.fakes import MESSAGE, Outbox, other_than
from tests.pages import values

RELAXED = {"OTP_DEV": "1", "OTP_ARGON2": "test", "OTP_RESEND_COOLDOWN": "0s"}
KEY = "otp-metrics-secret-0123456789"


@pytest.fixture
def app_with(store, outbox):
    def build(**environ):
        settings = config.read(RELAXED | environ)
        return create_app(settings, store=store, sender=outbox).test_client()

    return build


@pytest.fixture
def http(app_with):
    return app_with()


def told(http):
    return values(http.get("/metrics").text)


def grown(http, do):
    """What the metrics have grown by, because of something that was done."""
    before = told(http)
    do()
    after = told(http)
    return {
        name: value - before.get(name, 0)
        for name, value in after.items()
        if value != before.get(name, 0)
        and not name.startswith(("otp_http", "otp_redis", "otp_hashing", "otp_policy"))
    }


def send(http, phone="9445012345"):
    return http.post("/auth/send_otp", json={"phone": phone})


def check(http, code, phone="9445012345"):
    return http.post("/auth/verify_otp", json={"phone": phone, "otp": code})


def test_a_send_and_an_approval_are_counted_by_country_and_channel(http, outbox):
    def flow():
        send(http)
        check(http, other_than(outbox.code))
        check(http, outbox.code)
        check(http, outbox.code)

    assert grown(http, flow) == {
        "otp_sends_total{channel=sms,country=IN,outcome=accepted}": 1,
        "otp_approvals_total{channel=sms,country=IN}": 1,
        "otp_checks_total{outcome=approved}": 1,
        "otp_checks_total{outcome=wrong}": 1,
        "otp_checks_total{outcome=not_found}": 1,
    }


@pytest.mark.parametrize(
    ("error", "outcome"),
    [(DeliveryFailed(), "failed"), (DeliveryUnconfirmed(), "unconfirmed")],
)
def test_what_became_of_a_message_is_counted(http, outbox, error, outcome):
    outbox.refusal = error

    assert grown(http, lambda: send(http)) == {
        f"otp_sends_total{{channel=sms,country=IN,outcome={outcome}}}": 1
    }


def test_a_refusal_is_counted_by_its_limit(app_with):
    http = app_with(OTP_SENDS_PER_PHONE="1/1h")
    send(http)

    assert grown(http, lambda: send(http)) == {
        "otp_refusals_total{action=send,limit=sends_per_phone}": 1
    }


def test_whom_a_limit_in_shadow_would_have_refused_is_counted(app_with):
    http = app_with(OTP_SENDS_PER_PHONE="1/1h shadow")
    send(http)

    assert grown(http, lambda: send(http)) == {
        "otp_sends_total{channel=sms,country=IN,outcome=accepted}": 1,
        "otp_shadow_refusals_total{action=send,limit=sends_per_phone}": 1,
    }


def test_a_refused_check_is_a_check_and_a_refusal(app_with):
    http = app_with(OTP_CHECKS_PER_IP="1/1h")
    check(http, "123456")

    assert grown(http, lambda: check(http, "123456")) == {
        "otp_checks_total{outcome=refused}": 1,
        "otp_refusals_total{action=check,limit=checks_per_ip}": 1,
    }


def test_what_could_not_be_served_is_counted_with_its_reason(app_with):
    http = app_with(OTP_SENDING="off")

    assert grown(http, lambda: send(http)) == {
        "otp_unserved_total{action=send,why=sending_off}": 1
    }


def test_every_refusal_that_can_be_known_before_is_there_at_nought(http):
    """From its first event on, Prometheus could not see such a number grow."""
    page = told(http)

    assert page["otp_refusals_total{action=send,limit=sends_per_ip}"] == 0
    assert page["otp_shadow_refusals_total{action=check,limit=checks_per_ip}"] == 0
    assert page["otp_checks_total{outcome=unavailable}"] == 0


def test_the_policy_that_is_live_is_told(app_with):
    page = told(app_with(OTP_SENDING="off"))

    assert (page["otp_policy_version"], page["otp_policy_sending"]) == (0, 0)


def test_each_route_is_timed_by_its_pattern(http):
    http.get("/v2/Services/9445012345")
    http.get("/9445012345")
    send(http)

    page = told(http)

    counts = [name for name in page if name.startswith("otp_http") and "_count" in name]
    assert {name.partition("{")[2] for name in counts} == {
        "method=GET,route=/v2/Services/<sid>,status=404}",
        "method=GET,route=,status=404}",
        "method=POST,route=/auth/send_otp,status=201}",
    }


def test_nothing_personal_is_told(http, outbox):
    send(http)
    check(http, outbox.code)
    http.get("/9445012345")

    page = http.get("/metrics").text

    assert "9445012345" not in page
    assert outbox.code not in page


def test_hashes_are_timed(http):
    before = told(http)["otp_hashing_duration_seconds_count"]

    send(http)

    page = told(http)
    assert page["otp_hashing_duration_seconds_count"] == before + 1
    assert page["otp_hashing_wait_seconds_count"] == before + 1


@pytest.fixture
def metrics():
    return Metrics()


def on_page(metrics):
    return values(metrics.page("text/plain")[0].decode())


def test_a_hash_that_found_no_place_is_counted(metrics):
    full = HashPool(1, max_queued=-1, metrics=metrics.timed)

    with pytest.raises(Saturated):
        full.hash(b"material", b"s" * 16, PROFILES["test"])

    assert on_page(metrics)["otp_hashing_refused_total"] == 1


def test_redis_is_timed_and_its_errors_are_counted(metrics):
    away = connect(f"redis://127.0.0.1:{servers.free_port()}", TIMEOUT)
    line = RedisClient(away, metrics=metrics.timed)

    with pytest.raises(StoreUnavailable):
        line.execute(lambda client: client.ping(), "any")

    page = on_page(metrics)
    assert page["otp_redis_duration_seconds_count"] == 1
    assert page["otp_redis_errors_total{error=ConnectionError}"] == 1


@pytest.mark.parametrize(
    ("error", "number", "told"),
    [
        (DeliveryFailed(), 21610, "21610"),
        (CarrierUnavailable(), None, "unavailable"),
    ],
)
def test_a_carriers_errors_are_counted_by_its_own_numbers(metrics, error, number, told):
    error.carrier_error = number
    measured = Measured(Outbox(refusal=error), metrics.timed)

    with pytest.raises(OTPError):
        measured.send(MESSAGE)

    page = on_page(metrics)
    labels = f"{{outcome={error.name},sender=outbox}}"
    assert page[f"otp_carrier_duration_seconds_count{labels}"] == 1
    assert page[f"otp_carrier_errors_total{{error={told},sender=outbox}}"] == 1


def test_a_message_that_was_accepted_is_timed(metrics):
    Measured(Outbox(), metrics.timed).send(MESSAGE)

    page = on_page(metrics)
    labels = "{outcome=accepted,sender=outbox}"
    assert page[f"otp_carrier_duration_seconds_count{labels}"] == 1
    assert not any(name.startswith("otp_carrier_errors_total") for name in page)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": f"Basic {KEY}"},
        {"Authorization": "Bearer "},
        {"Authorization": f"Bearer {KEY}x"},
        {"Authorization": "Bearer shop-secret-0123456789abcdef"},
    ],
)
def test_where_a_key_is_set_nobody_without_it_is_told_anything(app_with, headers):
    http = app_with(
        OTP_METRICS_KEY=KEY, OTP_API_KEYS="shop:shop-secret-0123456789abcdef"
    )

    answer = http.get("/metrics", headers=headers)

    assert (answer.status_code, answer.json["error"]) == (401, "unauthorized")


@pytest.mark.parametrize("line", [KEY, f"sha256:{keys.digest(KEY).hex()}"])
def test_whoever_brings_the_key_is_told(app_with, line):
    http = app_with(OTP_METRICS_KEY=line)

    answer = http.get("/metrics", headers={"Authorization": f"Bearer {KEY}"})

    assert answer.status_code == 200


def test_the_key_of_the_metrics_opens_nothing_else(app_with):
    http = app_with(
        OTP_METRICS_KEY=KEY, OTP_API_KEYS="shop:shop-secret-0123456789abcdef"
    )

    answer = http.post(
        "/auth/send_otp",
        json={"phone": "9445012345"},
        headers={"Authorization": f"Bearer {KEY}"},
    )

    assert answer.status_code == 401


def test_outside_of_dev_there_are_no_metrics_without_a_key(app_with, redis_url):
    http = app_with(
        OTP_DEV="",
        OTP_ARGON2="light",
        REDIS_URL=redis_url,
        OTP_PEPPER="AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=",
        OTP_SENDER="console",
        OTP_ALLOW_ANONYMOUS="1",
    )

    assert http.get("/metrics").status_code == 404


@pytest.mark.parametrize(
    ("api", "ask"),
    [
        ("auth", lambda http: http.post("/auth/send_otp", json={})),
        ("verify_v2", lambda http: http.get("/v2/Services")),
        ("metrics", lambda http: http.get("/metrics")),
        ("callbacks", lambda http: http.post("/callbacks/twilio", data={})),
    ],
)
def test_each_request_without_a_valid_key_is_counted(app_with, api, ask):
    http = app_with(
        OTP_API_KEYS="shop:shop-secret-0123456789abcdef",
        OTP_METRICS_KEY=KEY,
        OTP_PUBLIC_URL="https://otp.example.com",
        TWILIO_ACCOUNT_SID=twilio_server.ACCOUNT,
        TWILIO_AUTH_TOKEN=twilio_server.TOKEN,
        TWILIO_MESSAGING_SERVICE_SID=twilio_server.SERVICE,
    )

    answers = [ask(http), ask(http)]

    page = http.get("/metrics", headers={"Authorization": f"Bearer {KEY}"}).text
    failures = {
        name: n
        for name, n in values(page).items()
        if name.startswith("otp_authentication_failures_total") and n
    }
    assert [answer.status_code for answer in answers] == [401, 401]
    assert failures == {f"otp_authentication_failures_total{{api={api}}}": 2}


def test_what_is_answered_is_no_authentication_failure(http):
    http.get("/nowhere")
    http.post("/auth/send_otp", json={"phone": "9445012345"})

    page = told(http)
    assert not any(
        n for name, n in page.items() if name.startswith("otp_authentication")
    )


def test_scrapes_share_one_refresher_however_long_redis_takes(metrics):
    calls, over = [], threading.Event()

    def refresh():
        calls.append(threading.current_thread())
        over.wait(30)

    app = Flask(__name__)
    app.register_blueprint(metrics.blueprint(None, refresh))
    http = app.test_client()
    http.get("/metrics")
    servers.wait_until(lambda: len(calls) == 1)
    before = threading.active_count()

    answers = [http.get("/metrics").status_code for _ in range(20)]
    threads = threading.active_count() - before
    over.set()
    servers.wait_until(lambda: len(calls) == 2)

    assert answers == [200] * 20
    assert threads == 0
    assert len(set(calls)) == 1


def test_a_refresh_that_fails_does_not_end_the_refresher(metrics, caplog):
    calls = []

    def refresh():
        calls.append(1)
        raise OSError

    app = Flask(__name__)
    app.register_blueprint(metrics.blueprint(None, refresh))
    app.test_client().get("/metrics")
    servers.wait_until(lambda: len(calls) == 1)
    app.test_client().get("/metrics")
    servers.wait_until(lambda: len(calls) == 2)

    assert "not refreshed" in caplog.text


def test_a_scrape_is_no_line_in_the_log(http, caplog):
    caplog.set_level("INFO")

    http.get("/metrics")

    assert not [record for record in caplog.records if record.message == "request"]


@pytest.mark.parametrize(
    ("accept", "media_type"),
    [
        ("", "text/plain; version=0.0.4; charset=utf-8"),
        ("application/openmetrics-text; version=1.0.0", "application/openmetrics-text"),
    ],
)
def test_the_page_is_in_the_words_that_are_asked_for(http, accept, media_type):
    answer = http.get("/metrics", headers={"Accept": accept})

    assert answer.content_type.startswith(media_type)


def test_prometheuss_own_linter_finds_nothing(http, outbox):
    send(http)
    check(http, outbox.code)

    page = http.get("/metrics").text

    promtool = servers.program("promtool", required_by="OTP_REQUIRE_PROMETHEUS")
    linted = subprocess.run(
        [promtool, "check", "metrics"],
        input=page,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (linted.returncode, linted.stdout, linted.stderr) == (0, "", "")


def test_what_is_left_of_a_limit_of_the_callers_own_has_one_name(metrics):
    """Callers can make such limits without end."""
    whom = Whom(phone="digest", prefix="+91944", country="IN")
    for name in ("BL1", "BL2"):
        metrics.counted.watch(RequestRefused(whom=whom, action=Action.SEND, limit=name))

    assert on_page(metrics)["otp_refusals_total{action=send,limit=callers_own}"] == 2


@pytest.mark.parametrize(("arrived", "outcome"), [(True, "delivered"), (False, "lost")])
def test_the_end_of_a_message_is_counted(metrics, arrived, outcome):
    receipt = Receipt(message="SM1", to="+919445012345", arrived=arrived)
    number = phone.read(receipt.to, "IN")

    metrics.counted.watch(reported(receipt, number, Pepper(b"p" * 32)))

    page = on_page(metrics)
    assert (
        page[f"otp_deliveries_total{{channel=sms,country=IN,outcome={outcome}}}"] == 1
    )
