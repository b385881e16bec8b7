from __future__ import annotations

import subprocess
import threading
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask

from otp_engine import config
from otp_engine.app import create_app
from otp_engine.crypto import api_keys
from otp_engine.crypto.hash_queue import HashQueue
from otp_engine.crypto.pepper import Pepper
from otp_engine.domain.events import (
    Action,
    ChallengeApproved,
    FactorApproved,
    FactorCheckFailed,
    FactorCheckRefused,
    FactorCheckUnavailable,
    FactorVerified,
    MessageDelivered,
    MessageRead,
    MessageUndelivered,
    RequestRefused,
)
from otp_engine.domain.limits.limits import Limit
from otp_engine.domain.messages.delivery_reports import DeliveryReport, DeliveryStatus
from otp_engine.domain.models import Channel
from otp_engine.domain.money.budget import Budget
from otp_engine.domain.phones import numbers
from otp_engine.domain.policy.policy import Policy
from otp_engine.domain.recipients import PseudonymousRecipient
from otp_engine.errors import (
    DeliveryFailed,
    DeliveryUnconfirmed,
    OTPError,
    Overloaded,
    ProviderUnavailable,
    RecipientOptedOut,
    StoreUnavailable,
)
from otp_engine.ops.prometheus import PrometheusMetrics
from otp_engine.resilience.circuit_breaker import CircuitBreaker
from otp_engine.senders.guarded import GuardedSender
from otp_engine.store.connection import connect
from otp_engine.store.redis_client import RedisClient
from tests.conftest import TIMEOUT
from tests.support import redis_server, twilio_server
from tests.support.fakes import (
    FakeSender,
    by_name,
    deliver,
    different_code,
)
from tests.support.metrics_page import values
from tests.support.settings import RELAXED

# Durations, and gauges of what Redis has.
NOT_COUNTED = (
    *("otp_http", "otp_redis", "otp_hashing", "otp_policy", "otp_guard_un"),
    *("otp_budget_spent", "otp_budget_country", "otp_factor_key_usable"),
)
KEY = "otp-metrics-secret-0123456789"


@pytest.fixture
def app_with(store, outbox):
    def build(**environ):
        settings = config.load(RELAXED | environ)
        return create_app(settings, store=store, senders=by_name(outbox)).test_client()

    return build


@pytest.fixture
def client(app_with):
    return app_with()


def scrape(client):
    return values(client.get("/metrics").text)


def increase(client, act):
    before = scrape(client)
    act()
    after = scrape(client)
    return {
        name: value - before.get(name, 0)
        for name, value in after.items()
        if value != before.get(name, 0) and not name.startswith(NOT_COUNTED)
    }


def send(client, phone="9445012345"):
    return client.post("/auth/send_otp", json={"phone": phone})


def check(client, code, phone="9445012345"):
    return client.post("/auth/verify_otp", json={"phone": phone, "otp": code})


def test_budget_of_the_live_policy_is_in_units_of_the_currency(metrics):
    metrics.events.set_policy(1, Policy(budget=Budget.parse("480.50/24h")))
    limited = exposed(metrics)["otp_policy_budget"]
    metrics.events.set_policy(2, Policy())

    assert (limited, exposed(metrics)["otp_policy_budget"]) == (480.5, 0)


FACTOR: dict[str, Any] = {"identity_hash": "digest", "service": "VA1"}


@pytest.mark.parametrize(
    ("event", "counted"),
    [
        (
            FactorVerified(**FACTOR, factor_sid="YF1"),
            {
                "otp_factor_changes_total{change=verified}": 1,
                "otp_factor_checks_total{outcome=approved}": 1,
            },
        ),
        (
            FactorApproved(**FACTOR, factor_sid="YF1", method="totp"),
            {"otp_factor_checks_total{outcome=approved}": 1},
        ),
        (
            ChallengeApproved(**FACTOR, factor_sid="YF1", challenge_sid="YC1"),
            {"otp_factor_checks_total{outcome=approved}": 1},
        ),
        (
            FactorCheckFailed(**FACTOR, factor_sid="YF1", attempts_remaining=4),
            {"otp_factor_checks_total{outcome=wrong}": 1},
        ),
        (
            FactorCheckRefused(**FACTOR, limit="failed_checks_per_factor"),
            {
                "otp_factor_checks_total{outcome=refused}": 1,
                "otp_refusals_total{action=check,limit=failed_checks_per_factor}": 1,
            },
        ),
        (
            FactorCheckRefused(**FACTOR, limit="checks_per_ip", shadow=True),
            {"otp_shadow_refusals_total{action=check,limit=checks_per_ip}": 1},
        ),
        (
            FactorCheckUnavailable(**FACTOR, reason="store"),
            {
                "otp_factor_checks_total{outcome=unavailable}": 1,
                "otp_unavailable_total{action=check,reason=store}": 1,
            },
        ),
    ],
)
def test_event_of_a_factor_is_counted_from_zero(metrics, event, counted):
    before = exposed(metrics)

    metrics.events.on_event(event)

    after = exposed(metrics)
    changed = {name for name in after if after[name] != before.get(name)}
    assert {name: after[name] - before[name] for name in changed} == counted


def test_send_and_approval_are_counted_by_country_and_channel(client, outbox):
    def verify():
        send(client)
        check(client, different_code(outbox.code))
        check(client, outbox.code)
        check(client, outbox.code)

    assert increase(client, verify) == {
        "otp_sends_total{channel=sms,country=IN,outcome=accepted}": 1,
        "otp_spent_total{channel=sms,country=IN}": 0.0832,
        "otp_approvals_total{channel=sms,country=IN}": 1,
        "otp_checks_total{outcome=approved}": 1,
        "otp_checks_total{outcome=wrong}": 1,
        "otp_checks_total{outcome=not_found}": 1,
    }


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (DeliveryFailed(), "rejected"),
        (RecipientOptedOut(), "rejected"),
        (DeliveryUnconfirmed(), "unconfirmed"),
    ],
)
def test_send_is_counted_by_outcome(client, outbox, error, outcome):
    outbox.error = error

    price = {"otp_spent_total{channel=sms,country=IN}": 0.0832}
    assert increase(client, lambda: send(client)) == {
        f"otp_sends_total{{channel=sms,country=IN,outcome={outcome}}}": 1,
        **(price if outcome == "unconfirmed" else {}),
    }


def test_refusal_is_counted_by_limit(app_with):
    client = app_with(OTP_SENDS_PER_PHONE="1/1h")
    send(client)

    assert increase(client, lambda: send(client)) == {
        "otp_refusals_total{action=send,limit=sends_per_phone}": 1
    }


def test_shadow_refusal_is_counted_apart_and_message_is_sent(app_with):
    client = app_with(OTP_SENDS_PER_PHONE="1/1h shadow")
    send(client)

    assert increase(client, lambda: send(client)) == {
        "otp_sends_total{channel=sms,country=IN,outcome=accepted}": 1,
        "otp_spent_total{channel=sms,country=IN}": 0.0832,
        "otp_shadow_refusals_total{action=send,limit=sends_per_phone}": 1,
    }


def test_limit_that_is_nearly_full_is_counted(app_with):
    client = app_with(OTP_SENDS_TOTAL="5/1h")
    for n in range(3):
        send(client, f"94450123{n:02}")
    assert scrape(client)["otp_limit_near_total{limit=sends_total}"] == 0

    assert increase(client, lambda: send(client)) == {
        "otp_sends_total{channel=sms,country=IN,outcome=accepted}": 1,
        "otp_spent_total{channel=sms,country=IN}": 0.0832,
        "otp_limit_near_total{limit=sends_total}": 1,
    }


def test_refused_check_counts_as_check_and_as_refusal(app_with):
    client = app_with(OTP_CHECKS_PER_IP="1/1h")
    check(client, "123456")

    assert increase(client, lambda: check(client, "123456")) == {
        "otp_checks_total{outcome=refused}": 1,
        "otp_refusals_total{action=check,limit=checks_per_ip}": 1,
    }


def test_unavailable_request_is_counted_by_reason(app_with):
    client = app_with(OTP_SENDING="off")

    assert increase(client, lambda: send(client)) == {
        "otp_unavailable_total{action=send,reason=sending_disabled}": 1
    }


def test_known_series_start_at_zero(client):
    page = scrape(client)

    assert page["otp_refusals_total{action=send,limit=sends_per_ip}"] == 0
    assert page["otp_shadow_refusals_total{action=check,limit=checks_per_ip}"] == 0
    assert page["otp_checks_total{outcome=unavailable}"] == 0


def test_series_of_a_shared_plan_start_at_zero_for_the_country_that_counts(app_with):
    page = scrape(app_with(OTP_ALLOWED_COUNTRIES="AX"))

    assert page["otp_approvals_total{channel=sms,country=FI}"] == 0


def test_live_policy_is_exposed(app_with):
    page = scrape(app_with(OTP_SENDING="off"))

    assert (page["otp_policy_version"], page["otp_policy_sending_enabled"]) == (0, 0)


def test_windows_of_sends_total_are_exposed(app_with):
    page = scrape(app_with(OTP_SENDS_TOTAL="50/10m, 1000/24h, 5/1m shadow"))

    assert limits(page) == {
        "otp_policy_limit{limit=sends_total,window=10m}": 50,
        "otp_policy_limit{limit=sends_total,window=1d}": 1000,
    }


def test_removed_window_of_sends_total_is_zero(metrics):
    metrics.events.set_policy(0, Policy(sends_total=Limit.parse("50/10m, 900/1h")))

    metrics.events.set_policy(1, Policy(sends_total=Limit.parse("800/1h")))

    assert limits(exposed(metrics)) == {
        "otp_policy_limit{limit=sends_total,window=10m}": 0,
        "otp_policy_limit{limit=sends_total,window=1h}": 800,
    }


def limits(page):
    return {name: page[name] for name in page if name.startswith("otp_policy_limit")}


def test_request_duration_is_labeled_by_route_pattern(client):
    client.get("/v2/Services/9445012345")
    client.get("/9445012345")
    send(client)

    page = scrape(client)

    counts = [name for name in page if name.startswith("otp_http") and "_count" in name]
    assert {name.partition("{")[2] for name in counts} == {
        "method=GET,route=/v2/Services/<sid>,status=404}",
        "method=GET,route=,status=404}",
        "method=POST,route=/auth/send_otp,status=201}",
    }


def test_metrics_contain_no_code_and_no_number(client, outbox):
    send(client)
    check(client, outbox.code)
    client.get("/9445012345")

    page = client.get("/metrics").text

    assert "9445012345" not in page
    assert outbox.code not in page


def test_hash_duration_is_observed(client):
    before = scrape(client)["otp_hashing_duration_seconds_count"]

    send(client)

    page = scrape(client)
    assert page["otp_hashing_duration_seconds_count"] == before + 1
    assert page["otp_hashing_wait_seconds_count"] == before + 1


@pytest.fixture
def metrics():
    return PrometheusMetrics()


def guarded_sender(provider, metrics):
    breaker = CircuitBreaker(5, timedelta(seconds=10))
    return GuardedSender(provider, breaker, max_concurrent=1, metrics=metrics.timings)


def exposed(metrics):
    return values(metrics.render("text/plain")[0].decode())


def test_rejected_hash_is_counted(metrics):
    full = HashQueue(1, max_waiting=0, metrics=metrics.timings)

    with full.acquire_slot(), pytest.raises(Overloaded), full.acquire_slot():
        pass

    assert exposed(metrics)["otp_hash_queue_rejections_total"] == 1


def test_failed_redis_call_is_timed_and_counted(metrics):
    unreachable = connect(f"redis://127.0.0.1:{redis_server.free_port()}", TIMEOUT)
    line = RedisClient(unreachable, metrics=metrics.timings)

    with pytest.raises(StoreUnavailable):
        line.execute(lambda redis: redis.ping(), "any")

    page = exposed(metrics)
    assert page["otp_redis_duration_seconds_count"] == 1
    assert page["otp_redis_errors_total{error=ConnectionError}"] == 1


@pytest.mark.parametrize(
    ("error", "provider_code", "label"),
    [
        (DeliveryFailed(), 21610, "21610"),
        (ProviderUnavailable(), None, "unavailable"),
    ],
)
def test_provider_error_is_counted_by_the_providers_code(
    metrics, error, provider_code, label
):
    error.provider_error = provider_code
    sender = guarded_sender(FakeSender(error=error), metrics)

    with pytest.raises(OTPError):
        deliver(sender)

    page = exposed(metrics)
    labels = f"{{outcome={error.error_code},sender=outbox}}"
    assert page[f"otp_provider_duration_seconds_count{labels}"] == 1
    assert page[f"otp_provider_errors_total{{error={label},sender=outbox}}"] == 1


def test_accepted_message_is_timed(metrics):
    deliver(guarded_sender(FakeSender(), metrics))

    page = exposed(metrics)
    labels = "{outcome=accepted,sender=outbox}"
    assert page[f"otp_provider_duration_seconds_count{labels}"] == 1
    assert not any(name.startswith("otp_provider_errors_total") for name in page)


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
def test_scrape_without_the_configured_key_is_401(app_with, headers):
    client = app_with(
        OTP_METRICS_KEY=KEY, OTP_API_KEYS="shop:shop-secret-0123456789abcdef"
    )

    response = client.get("/metrics", headers=headers)

    assert (response.status_code, response.json["error"]) == (401, "unauthorized")


@pytest.mark.parametrize("line", [KEY, f"sha256:{api_keys.digest(KEY).hex()}"])
def test_scrape_with_the_configured_key_is_200(app_with, line):
    client = app_with(OTP_METRICS_KEY=line)

    response = client.get("/metrics", headers={"Authorization": f"Bearer {KEY}"})

    assert response.status_code == 200


def test_metrics_key_does_not_authenticate_sends(app_with):
    client = app_with(
        OTP_METRICS_KEY=KEY, OTP_API_KEYS="shop:shop-secret-0123456789abcdef"
    )

    response = client.post(
        "/auth/send_otp",
        json={"phone": "9445012345"},
        headers={"Authorization": f"Bearer {KEY}"},
    )

    assert response.status_code == 401


def test_production_without_a_key_has_no_metrics(app_with, redis_url):
    client = app_with(
        OTP_DEV="",
        OTP_ARGON2="light",
        REDIS_URL=redis_url,
        OTP_PEPPER="AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=",
        OTP_SENDER="console",
        OTP_ALLOW_ANONYMOUS="1",
    )

    assert client.get("/metrics").status_code == 404


@pytest.mark.parametrize(
    ("api", "call"),
    [
        ("auth", lambda client: client.post("/auth/send_otp", json={})),
        ("verify_v2", lambda client: client.get("/v2/Services")),
        ("metrics", lambda client: client.get("/metrics")),
        ("callbacks", lambda client: client.post("/callbacks/twilio", data={})),
    ],
)
def test_401_is_counted_by_api(app_with, api, call):
    client = app_with(
        OTP_API_KEYS="shop:shop-secret-0123456789abcdef",
        OTP_METRICS_KEY=KEY,
        OTP_PUBLIC_URL="https://otp.example.com",
        TWILIO_ACCOUNT_SID=twilio_server.ACCOUNT,
        TWILIO_AUTH_TOKEN=twilio_server.TOKEN,
        TWILIO_MESSAGING_SERVICE_SID=twilio_server.SERVICE,
    )

    statuses = [call(client).status_code for _ in range(2)]

    page = client.get("/metrics", headers={"Authorization": f"Bearer {KEY}"}).text
    failures = {
        name: n
        for name, n in values(page).items()
        if name.startswith("otp_authentication_failures_total") and n
    }
    assert statuses == [401, 401]
    assert failures == {f"otp_authentication_failures_total{{api={api}}}": 2}


@pytest.mark.parametrize(
    ("forwarded", "reason"),
    [("unknown", "hidden"), ("x", "malformed"), ("", "missing")],
)
def test_request_without_readable_client_ip_is_counted(app_with, forwarded, reason):
    client = app_with(OTP_TRUSTED_PROXIES="1")
    headers = {"X-Forwarded-For": forwarded}

    counted = increase(
        client,
        lambda: client.post(
            "/auth/verify_otp",
            json={"phone": "9445012345", "otp": "123456"},
            headers=headers,
        ),
    )

    assert counted[f"otp_unreadable_client_ips_total{{reason={reason}}}"] == 1


def test_other_responses_are_no_authentication_failures(client):
    client.get("/nowhere")
    client.post("/auth/send_otp", json={"phone": "9445012345"})

    page = scrape(client)
    assert not any(
        n for name, n in page.items() if name.startswith("otp_authentication")
    )


def test_scrapes_share_one_refresher_while_redis_hangs(metrics):
    calls, redis_replied = [], threading.Event()

    def refresh():
        calls.append(threading.current_thread())
        redis_replied.wait(30)

    app = Flask(__name__)
    app.register_blueprint(metrics.blueprint(None, refresh))
    client = app.test_client()
    client.get("/metrics")
    redis_server.wait_until(lambda: len(calls) == 1)
    before = threading.active_count()

    statuses = [client.get("/metrics").status_code for _ in range(20)]
    threads = threading.active_count() - before
    redis_replied.set()
    redis_server.wait_until(lambda: len(calls) == 2)

    assert statuses == [200] * 20
    assert threads == 0
    assert len(set(calls)) == 1


def test_refresher_continues_after_an_error(metrics, caplog):
    calls = []

    def refresh():
        calls.append(1)
        raise OSError

    app = Flask(__name__)
    app.register_blueprint(metrics.blueprint(None, refresh))
    app.test_client().get("/metrics")
    redis_server.wait_until(lambda: len(calls) == 1)
    app.test_client().get("/metrics")
    redis_server.wait_until(lambda: len(calls) == 2)

    assert "the gauges were not refreshed" in caplog.text


def test_scrape_is_not_logged(client, caplog):
    caplog.set_level("INFO")

    client.get("/metrics")

    assert not [record for record in caplog.records if record.message == "request"]


@pytest.mark.parametrize(
    ("accept", "media_type"),
    [
        ("", "text/plain; version=0.0.4; charset=utf-8"),
        ("application/openmetrics-text; version=1.0.0", "application/openmetrics-text"),
    ],
)
def test_format_follows_the_accept_header(client, accept, media_type):
    response = client.get("/metrics", headers={"Accept": accept})

    assert response.content_type.startswith(media_type)


def test_promtool_finds_no_problem(client, outbox):
    send(client)
    check(client, outbox.code)

    page = client.get("/metrics").text

    promtool = redis_server.program("promtool", required_by="OTP_REQUIRE_PROMETHEUS")
    result = subprocess.run(
        [promtool, "check", "metrics"],
        input=page,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")


def test_limits_of_clients_share_one_label(metrics):
    recipient = PseudonymousRecipient(
        phone_hash="digest", prefix="+91944", country="IN"
    )
    for name in ("BL1", "BL2"):
        metrics.events.on_event(
            RequestRefused(recipient=recipient, action=Action.SEND, limit=name)
        )

    assert (
        exposed(metrics)["otp_refusals_total{action=send,limit=client_rate_limit}"] == 2
    )


def message_event(event_type, **more):
    number = numbers.parse("+919445012345", "IN")
    recipient = PseudonymousRecipient.from_address(number, Pepper(b"p" * 32))
    return event_type(
        recipient=recipient, channel=Channel.SMS, provider="twilio", **more
    )


@pytest.mark.parametrize(
    ("event", "outcome"),
    [
        (message_event(MessageDelivered), "delivered"),
        (message_event(MessageRead), "read"),
        (message_event(MessageUndelivered, provider_error=30003), "undelivered"),
    ],
)
def test_delivery_report_is_counted_by_outcome(metrics, event, outcome):
    metrics.events.on_event(event)

    page = exposed(metrics)
    assert (
        page[f"otp_deliveries_total{{channel=sms,country=IN,outcome={outcome}}}"] == 1
    )


def delivery_report(status):
    return DeliveryReport(
        delivery_id=None,
        message_id="SM1",
        status=status,
        provider="twilio",
        channel=Channel.SMS,
    )


def test_delivery_reports_are_counted_by_status(metrics):
    for status in (DeliveryStatus.SENT, DeliveryStatus.FAILED, DeliveryStatus.FAILED):
        metrics.deliveries.count_report(delivery_report(status))

    name = "otp_delivery_reports_total{{channel=sms,provider=twilio,status={}}}"
    page = exposed(metrics)
    assert (page[name.format("sent")], page[name.format("failed")]) == (1, 2)


def test_unknown_delivery_reports_are_counted_by_provider(metrics):
    metrics.deliveries.count_unknown_report(delivery_report(DeliveryStatus.SENT))

    page = exposed(metrics)
    assert page["otp_unknown_delivery_reports_total{provider=twilio}"] == 1


def test_time_until_delivery_is_observed(metrics):
    report = delivery_report(DeliveryStatus.DELIVERED)
    metrics.deliveries.observe_delivered(report, timedelta(seconds=2.5))

    name = "otp_delivery_duration_seconds_sum{channel=sms,provider=twilio}"
    assert exposed(metrics)[name] == 2.5
