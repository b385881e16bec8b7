from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest

from otp_engine.crypto import api_keys
from otp_engine.domain.events import (
    Action,
    CodeSent,
    FactorCheckFailed,
    LimitNear,
    MessageDelivered,
    MessageUndelivered,
    OperatorSignedIn,
    PhoneDataDeleted,
    PhoneInspected,
    PolicyChanged,
    RequestRefused,
    RequestUnavailable,
    VerificationApproved,
)
from otp_engine.domain.models import Channel
from otp_engine.domain.recipients import PseudonymousRecipient
from tests.support.operators import ALICE, KEYS, Operator
from tests.support.settings import PRODUCTION

TWILIO = {key: text for key, text in PRODUCTION.items() if "TWILIO" in key}
PHONE, MASKED = "9445012345", "+91********45"
INDIA = PseudonymousRecipient(phone_hash="a1b2" * 8, prefix="+919445", country="IN")
KENYA = PseudonymousRecipient(phone_hash="c-D4" * 8, prefix="+254771", country="KE")


def sent(recipient=INDIA, channel=Channel.SMS):
    return CodeSent(
        recipient=recipient,
        verification_id=bytes(16),
        send_id=bytes(8),
        service="",
        channel=channel,
        code_length=6,
        locale="en",
        provider="twilio",
    )


def refused(limit="sends_per_ip", recipient=INDIA):
    return RequestRefused(recipient=recipient, action=Action.SEND, limit=limit)


@pytest.fixture
def add(store):
    def add(*events):
        for event in events:
            store.events.add(event)
        assert store.events.flush()

    return add


def plain(response):
    """Return the text of a page without its tags."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", response.text))


def stored(store, kind):
    return [r.event for r in store.events.since(None) if isinstance(r.event, kind)]


def test_overview_counts_the_steps(alice, add):
    add(sent(), sent(), MessageDelivered(recipient=INDIA, channel=Channel.SMS))
    add(
        VerificationApproved(
            recipient=INDIA, verification_id=bytes(16), channel=Channel.SMS
        )
    )

    text = plain(alice.get())

    assert "Messages sent 2 Reported as delivered 1 Verifications approved 1" in text
    assert "Approved per message 50 %" in text


def test_overview_table_has_each_point_of_the_chart(alice, add):
    add(sent())

    page = alice.get("?period=1h").text

    assert page.count("data-time=") == 60
    assert 'data-table="figures"' in page


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("country=KE", 1),
        ("channel=sms", 2),
        ("country=IN&channel=call", 0),
    ],
)
def test_overview_filters_by_country_and_channel(alice, add, query, count):
    add(sent(), sent(KENYA))

    text = plain(alice.get(f"?{query}"))

    assert f"Messages sent {count} " in text


@pytest.mark.parametrize(("guard", "notes"), [("shadow", 1), ("on", 0)])
def test_overview_marks_suspensions_that_refuse_nothing(app_with, store, guard, notes):
    store.guard.suspend("+22177999", datetime.now(UTC) + timedelta(days=1))
    operator = Operator(app_with(OTP_GUARD=guard))

    text = plain(operator.get())

    assert "+22177999 (block, SN) until" in text
    assert text.count("refuses nothing") == notes


def test_overview_counts_refused_requests_by_rule(alice, add):
    shadow = RequestRefused(
        recipient=KENYA, action=Action.SEND, limit="sends_total", shadow=True
    )
    add(refused(), refused(), refused(recipient=KENYA), shadow)

    text = plain(alice.get())

    assert "sends_per_ip 3 IN 2, KE 1 " in text
    assert "sends_total refuses nothing 1 KE 1 " in text
    assert "KE" in plain(alice.get()).partition("Channel")[0]


def test_overview_counts_what_a_broken_provider_causes(alice, add):
    unavailable = RequestUnavailable(
        recipient=INDIA, action=Action.SEND, reason="provider"
    )
    undelivered = MessageUndelivered(
        recipient=INDIA, channel=Channel.SMS, provider_error="30003"
    )
    add(sent(), undelivered, unavailable, unavailable)

    text = plain(alice.get())

    assert "could not serve 2 requests: provider 2 " in text
    assert "Undelivered 1 Rejected 0" in text
    assert "IN 1 0 0 0 % 1 0" in text


def test_overview_filters_refused_requests_by_country(alice, add):
    add(refused(), refused(recipient=KENYA))

    text = plain(alice.get("?country=KE"))

    assert "sends_per_ip 1 KE 1 " in text


def test_overview_shows_incidents_newest_first(alice, add):
    add(LimitNear(limit="sends_total", identifier="", used=80, count=100, period="1h"))
    add(PolicyChanged(version=1, author="alice", change="ttl: 10m → 5m", reason="try"))

    text = plain(alice.get())

    incidents = text.partition("Incidents and changes")[2]
    assert incidents.index("policy") < incidents.index("limit_near")
    assert "by alice" in incidents


def test_overview_shows_limits_by_key(app_with):
    secret = "shop-secret-0123456789"
    keys = api_keys.env_entry("shop", secret)
    app = app_with(OTP_CONSOLE_KEY=KEYS, OTP_API_KEYS=keys, OTP_SENDS_PER_KEY="7/1h")
    operator = Operator(app)
    operator.sign_in()
    app.test_client().post(
        "/auth/send_otp",
        json={"phone": PHONE},
        headers={"Authorization": f"Bearer {secret}"},
    )

    assert "sends_per_key shop 1 of 7/1h" in plain(operator.get())


def test_overview_with_an_unknown_period_shows_a_day(alice):
    assert '<option value="24h" selected>' in alice.get("?period=99y").text


def test_overview_shows_limits_money_and_version(alice, app_with):
    app = app_with(
        OTP_CONSOLE_KEY=KEYS, OTP_SENDS_TOTAL="2/1h", OTP_BUDGET="480 USD/24h"
    )
    operator = Operator(app)
    operator.sign_in()
    for number in range(2):
        app.test_client().post("/auth/send_otp", json={"phone": f"944501234{number}"})

    text = plain(operator.get())

    assert "sends_total 2 of 2/1h full" in text
    assert "% of 480.00 USD" in text
    assert "The policy of the environment, without changes." in text


def test_events_are_listed_newest_first(alice, add):
    add(refused("first"), refused("second"))

    text = plain(alice.get("/events"))

    assert text.index("send second") < text.index("send first")


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("kind=sent", {"sent"}),
        ("country=ke", {"kenya"}),
        ("prefix=%2B254771", {"kenya"}),
        ("limit=other", {"other"}),
        ("phone_hash=c-D4c-D4", {"kenya"}),
        ("kind=nonsense", {"sent", "kenya", "other"}),
    ],
)
def test_events_are_filtered(alice, add, query, expected):
    add(sent(), refused("kenya", KENYA), refused("other"))

    rows = alice.get(f"/events?{query}").text.partition("<tbody")[2]

    found = {name for name in ("kenya", "other") if f"send {name}" in rows}
    found |= {"sent"} if "sms:twilio" in rows else set()
    assert found == expected


def test_number_in_the_filter_is_rejected_without_repeating_it(alice):
    response = alice.get("/events?prefix=%2B919445012345")

    assert "three digits at most" in response.text
    assert 'role="alert"' in response.text


@pytest.mark.parametrize("text", ["xyz", PHONE, "%2B919445012345", "a b c d"])
def test_invalid_phone_hash_is_rejected(alice, text):
    assert "A phone hash has" in alice.get(f"/events?phone_hash={text}").text


def failed_factor_check(identity_hash):
    return FactorCheckFailed(
        identity_hash=identity_hash,
        service="",
        factor_sid="YF" + "1" * 32,
        attempts_remaining=4,
    )


def test_events_of_one_identity_are_selected(alice, add):
    add(failed_factor_check("e5F6" * 8), failed_factor_check("0a9B" * 8))

    text = plain(alice.get("/events?identity_hash=e5F6e5F6"))

    assert "identity e5F6e5F6" in text
    assert "identity 0a9B0a9B" not in text


def test_invalid_identity_hash_is_rejected(alice):
    page = alice.get("/events?identity_hash=ann@example.com").text

    assert "An identity hash has" in page


def test_new_events_follow_the_cursor(alice, add):
    add(refused("first"))
    page = alice.get("/events").text
    cursor = re.search(r'data-cursor="([^"]+)"', page)
    add(refused("second"), refused("third"))

    response = alice.get(
        "/events/new", query_string={"cursor": cursor[1] if cursor else ""}
    )

    rows = response.json["rows"]
    assert response.json["count"] == 2
    assert "first" not in rows
    assert rows.index("third") < rows.index("second")


def test_new_events_of_an_invalid_cursor_are_rejected(alice):
    response = alice.get(
        "/events/new", query_string={"cursor": "nonsense"}, headers={"X-Refresh": "1"}
    )

    assert (response.status_code, response.json["error"]) == (400, "invalid_request")


def test_stored_text_is_escaped(alice, add):
    add(refused("<script>alert(1)</script>"))

    page = alice.get("/events").text

    assert "<script>alert(1)" not in page
    assert "&lt;script&gt;" in page


def test_phone_is_shown_masked(alice, app_with):
    client = app_with(OTP_CONSOLE_KEY=KEYS).test_client()
    client.post("/auth/send_otp", json={"phone": PHONE})
    client.post("/auth/verify_otp", json={"phone": PHONE, "otp": "000000"})

    response = alice.submit("/phone", "/phone", address=PHONE)

    text = plain(response)
    assert MASKED in text
    assert PHONE not in response.text
    assert "sent by console (sms)" in text
    assert "wrong code, 4 attempts left" in text
    assert "4 of 5 attempts and" in text


def test_inspection_is_an_event_of_the_operator(alice, store):
    alice.submit("/phone", "/phone", address=PHONE)

    [event] = stored(store, PhoneInspected)
    assert (event.operator, event.source) == ("alice", "console")
    assert event.recipient.prefix == "+91944"


@pytest.mark.parametrize("path", ["/phone", "/phone/delete"])
def test_invalid_number_is_rejected_without_repeating_it(alice, path):
    response = alice.submit("/phone", path, address="no-number-77", confirmed="yes")

    assert response.status_code == 400
    assert "no-number-77" not in response.text


def test_number_in_the_url_shows_nothing(alice, store):
    response = alice.get(f"/phone?address={PHONE}")

    assert MASKED not in response.text
    assert stored(store, PhoneInspected) == []


def test_data_of_a_phone_is_deleted(alice, app_with, store):
    client = app_with(OTP_CONSOLE_KEY=KEYS).test_client()
    client.post("/auth/send_otp", json={"phone": PHONE})

    response = alice.submit("/phone", "/phone/delete", address=PHONE, confirmed="yes")

    assert f"The data of {MASKED} is deleted." in response.text
    [event] = stored(store, PhoneDataDeleted)
    assert (event.operator, event.source) == ("alice", "console")
    check = client.post("/auth/verify_otp", json={"phone": PHONE, "otp": "000000"})
    assert check.json["error"] == "verification_not_found"


def test_deletion_without_confirmation_deletes_nothing(alice, app_with, store):
    client = app_with(OTP_CONSOLE_KEY=KEYS).test_client()
    client.post("/auth/send_otp", json={"phone": PHONE})

    response = alice.submit("/phone", "/phone/delete", address=PHONE)

    assert response.status_code == 400
    assert stored(store, PhoneDataDeleted) == []


def test_deletion_without_data_states_it(alice):
    response = alice.submit("/phone", "/phone/delete", address=PHONE, confirmed="yes")

    assert f"No data of {MASKED}." in response.text


def test_sign_in_is_shown_as_an_event(alice, store):
    store.events.flush()

    text = plain(alice.get("/events?kind=operator_signed_in"))

    assert "alice by key from " in text
    assert len(stored(store, OperatorSignedIn)) == 1


@pytest.mark.parametrize("path", ["", "/events", "/phone", "/events/new"])
def test_each_page_needs_an_operator(operator, path):
    assert operator.get(path).status_code == 303


@pytest.mark.parametrize("path", ["/phone", "/phone/delete", "/sign-out"])
def test_each_form_needs_an_operator(operator, path):
    token = operator.form_token("/sign-in")

    response = operator.post(path, csrf_token=token, address=PHONE, confirmed="yes")

    assert response.status_code == 303
    assert "/console/sign-in" in response.headers["Location"]


def test_unknown_page_is_404(alice):
    assert alice.get("/nothing").status_code == 404


def test_console_that_is_off_is_404(app_with):
    app = app_with(OTP_SENDER="twilio", OTP_API_KEYS=f"shop:{ALICE}", **TWILIO)

    assert app.test_client().get("/console").status_code == 404
