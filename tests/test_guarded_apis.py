"""The pumping guard through every API of the real app, on both backends."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import count

import pytest

from otp_engine import config
from otp_engine.app import create_app
from otp_engine.domain.events import PlaceSuspended, RequestRefused
from otp_engine.domain.policy.signed_versions import SignedPolicyVersions
from otp_engine.domain.policy.versions import PolicyVersion
from otp_engine.domain.pumping_guard.places import Level
from otp_engine.errors import DeliveryFailed, DeliveryUnconfirmed
from otp_engine.store import keys
from tests.support.fakes import by_name
from tests.support.redis_server import wait_until
from tests.support.settings import PEPPER, RELAXED
from tests.support.verify_client import ACCOUNT, SERVICE, TOKEN, Verify
from tests.support.verify_page import Person

BLOCK = [f"+91944501{n:04}" for n in range(60)]
SHOP = "shop-secret-0123456789abcdef"
GUARDED = {
    "OTP_PEPPER": PEPPER,
    "OTP_GUARD": "on",
    "OTP_SENDS_PER_IP": "off",
    "OTP_SENDS_PER_PHONE": "off",
    "OTP_SENDS_TOTAL": "off",
    "OTP_CHECKS_PER_IP": "off",
}


class Api:
    """One of the APIs, as a program or a person uses it."""

    def __init__(self, app, outbox):
        self.app, self.outbox = app, outbox

    def send(self, phone):
        """Send to a phone; return the status of the response."""
        return self._auth("send_otp", phone=phone).status_code

    def send_many(self, phones):
        return [self.send(phone) for phone in phones]

    def approve(self, phone):
        """Enter the code of the last message."""
        response = self._auth("verify_otp", phone=phone, otp=self.outbox.code)
        assert response.json == {"VerificationStatus": "approved"}

    def _auth(self, path, **fields):
        return self.app.test_client().post(f"/auth/{path}", json=fields)


class V2(Api):
    def send(self, phone, **params):
        self.response = self._client().send(phone, **params)
        return self.response.status

    def approve(self, phone):
        response = self._client().check(self.outbox.code, To=phone)
        assert response.body["status"] == "approved"

    def _client(self):
        return Verify(self.app.test_client())


class V2Update(V2):
    def approve(self, phone):
        path = f"/v2/Services/{SERVICE}/Verifications/{phone}"
        response = self._client().post(path, Status="approved")
        assert response.body["status"] == "approved"


class Page(Api):
    def send(self, phone):
        self.person = Person(self.app.test_client())
        return self.person.submit("number", phone=phone).status_code

    def approve(self, phone):
        self.person.submit("code", otp=self.outbox.code)
        assert self.person.step == "done"


APIS = [Api, V2, V2Update, Page]


@pytest.fixture
def app(store, outbox):
    """Return a function that builds the app of some settings."""

    def build(**environ):
        settings = config.load(RELAXED | GUARDED | environ)
        return create_app(settings, store=store, senders=by_name(outbox))

    return build


@pytest.fixture(params=APIS)
def any_api(request, outbox):
    """Return a function from an app to each API of it."""
    return lambda app: request.param(app, outbox)


@pytest.fixture
def api(app, outbox):
    return Api(app(), outbox)


@pytest.fixture
def events(store):
    """Return a function that returns the stored events of some types, oldest first."""

    def read(*kinds):
        tail = store.events.tail(datetime.now(UTC) - timedelta(days=1))
        store.events.flush(60)
        stored = tail.read_next()
        return [each.event for each in stored if isinstance(each.event, kinds)]

    return read


def refused(statuses):
    return [status == 403 for status in statuses]


def test_block_is_suspended_after_ten_unproven_messages(any_api, app, outbox):
    statuses = any_api(app()).send_many(BLOCK[:12])

    assert refused(statuses) == [False] * 10 + [True] * 2
    assert len(outbox.messages) == 10


def test_approval_forgives_messages_of_its_block(any_api, app, store):
    api = any_api(app())
    api.send_many(BLOCK[:10])
    api.approve(BLOCK[9])
    assert store.events.flush(60)

    # 10 messages less the one of the phone and 1.5 more: 7.5.
    statuses = api.send_many(BLOCK[10:14])

    assert refused(statuses) == [False, False, True, True]


def test_proven_phone_passes_a_suspended_block_three_times(any_api, app, outbox):
    api = any_api(app())
    api.send(BLOCK[0])
    api.approve(BLOCK[0])
    api.send_many(BLOCK[1:20])

    statuses = [api.send(BLOCK[0]) for _ in range(4)]

    assert refused(statuses) == [False, False, False, True]


def test_other_block_is_served_while_one_is_suspended(api):
    api.send_many(BLOCK[:11])

    assert api.send("+919445020001") == 201


def test_vouched_send_passes_a_suspended_block(app, outbox):
    client = app(OTP_API_KEYS=f"shop:{SHOP}").test_client()

    def send(phone, **fields):
        headers = {"Authorization": f"Bearer {SHOP}"}
        body = {"phone": phone, **fields}
        return client.post("/auth/send_otp", json=body, headers=headers)

    plain = [send(phone) for phone in BLOCK[:11]][-1]
    vouched = send(BLOCK[12], vouched=True)

    assert plain.status_code == 403
    assert plain.json["limit"] == "pumping_guard"
    assert vouched.status_code == 201


def test_bound_resend_can_be_vouched_in_a_suspended_block(app):
    client = app(OTP_API_KEYS=f"shop:{SHOP}").test_client()

    def send(**body):
        headers = {"Authorization": f"Bearer {SHOP}"}
        return client.post("/auth/send_otp", json=body, headers=headers)

    handle = send(phone=BLOCK[0], bind=True).headers["OTP-Verification"]
    for phone in BLOCK[1:11]:
        send(phone=phone)

    assert send(verification=handle).status_code == 403
    assert send(verification=handle, vouched=True).status_code == 201


def test_safe_listed_number_is_exempt_and_uncounted(any_api, app, outbox):
    guarded = app()
    listed = Verify(guarded.test_client())
    listed.post("/v2/SafeList/Numbers", PhoneNumber=BLOCK[0])
    api = any_api(guarded)

    exempt = [api.send(BLOCK[0]) for _ in range(5)]
    others = api.send_many(BLOCK[1:12])

    assert refused(exempt) == [False] * 5
    assert refused(others) == [False] * 10 + [True]
    assert api.send(BLOCK[0]) != 403


def test_disabled_risk_check_is_exempt_and_uncounted(app, outbox):
    api = V2(app(), outbox)

    exempt = [api.send(phone, RiskCheck="disable") for phone in BLOCK[:12]]
    others = api.send_many(BLOCK[20:31])

    assert refused(exempt) == [False] * 12
    assert refused(others) == [False] * 10 + [True]


@pytest.mark.parametrize("exempt", ["IN", "+91944501", "SN, +91944"])
def test_exempt_destination_is_neither_counted_nor_refused(app, outbox, redis, exempt):
    api = Api(app(OTP_GUARD_EXEMPT=exempt), outbox)

    assert refused(api.send_many(BLOCK[:12])) == [False] * 12
    assert redis.exists(keys.GUARD) == 0


def test_sandbox_number_is_neither_counted_nor_refused(app, outbox, redis):
    entry = "+15550100001:123456@2999-01-31"
    api = Api(app(OTP_TEST_NUMBERS=entry), outbox)

    statuses = [api.send("+15550100001") for _ in range(12)]

    assert refused(statuses) == [False] * 12
    assert redis.exists(keys.GUARD) == 0


def test_approval_of_an_exempt_send_forgives_nothing(app, outbox, store):
    api = V2(app(), outbox)
    api.send_many(BLOCK[:10])
    api.send(BLOCK[20], RiskCheck="disable")
    api.approve(BLOCK[20])
    assert store.events.flush(60)

    assert api.send(BLOCK[10]) == 403


def test_guard_that_is_off_has_no_effect(any_api, app, redis, events):
    api = any_api(app(OTP_GUARD="off"))

    assert refused(api.send_many(BLOCK[:12])) == [False] * 12
    assert redis.exists(keys.GUARD) == 0
    assert events(PlaceSuspended) == []


def test_guard_in_shadow_mode_refuses_no_send_and_reports(any_api, app, events):
    api = any_api(app(OTP_GUARD="shadow"))

    assert refused(api.send_many(BLOCK[:12])) == [False] * 12
    [suspended] = events(PlaceSuspended)
    assert (suspended.level, suspended.prefix) == (Level.BLOCK, "+91944501")
    assert (suspended.country, suspended.trips, suspended.shadow) == ("IN", 1, True)
    refusals = events(RequestRefused)
    assert [event.limit for event in refusals] == ["pumping_guard"] * 2
    assert all(event.shadow and event.facts.counted_at for event in refusals)


def test_each_suspension_is_one_event(any_api, app, events):
    any_api(app()).send_many(BLOCK[:14])

    [suspended] = events(PlaceSuspended)
    refusals = events(RequestRefused)

    assert suspended.shadow is False
    assert suspended.unproven == pytest.approx(10, abs=0.1)
    assert suspended.until - datetime.now(UTC) == pytest.approx(
        timedelta(hours=12), abs=timedelta(minutes=1)
    )
    assert [event.limit for event in refusals] == ["pumping_guard"] * 4
    assert not any(event.shadow for event in refusals)


def test_events_of_the_guard_contain_no_number(api, events):
    api.send_many(BLOCK[:12])

    text = repr(events(object))

    assert "suspended" in text.lower()
    assert all(phone not in text and phone[1:] not in text for phone in BLOCK)


def test_thresholds_differ_by_country(app, outbox):
    api = Api(app(OTP_GUARD_BLOCK="10, IN=2"), outbox)
    senegal = [f"+22177{n:07}" for n in range(1_000_000, 1_000_005)]

    assert refused(api.send_many(BLOCK[:4])) == [False, False, True, True]
    assert refused(api.send_many(senegal)) == [False] * 5


def test_mode_differs_by_country(app, outbox):
    api = Api(app(OTP_GUARD="on, IN=off"), outbox)

    assert refused(api.send_many(BLOCK[:12])) == [False] * 12


def test_change_of_the_policy_is_in_force_while_the_service_runs(app, outbox, store):
    guarded = app(OTP_GUARD="off")
    api = Api(guarded, outbox)
    assert refused(api.send_many(BLOCK[:12])) == [False] * 12
    versions = SignedPolicyVersions(
        store.policy_versions, config.load(RELAXED | GUARDED).peppers
    )
    versions.add(
        PolicyVersion(
            version=1,
            created_at=datetime.now(UTC),
            author="alice",
            values={"guard": "on", "guard_block": "1"},
        )
    )

    others = (f"+91944501{n:04}" for n in count(1_000))
    wait_until(lambda: api.send(next(others)) == 403)


def test_messages_that_the_provider_rejects_do_not_count(api, outbox):
    outbox.error = DeliveryFailed()
    api.send_many(BLOCK[:12])
    outbox.error = None

    assert refused(api.send_many(BLOCK[12:23])) == [False] * 10 + [True]


def test_messages_that_are_not_confirmed_count(api, outbox):
    outbox.error = DeliveryUnconfirmed()
    statuses = api.send_many(BLOCK[:11])

    assert statuses == [504] * 10 + [403]


def test_refused_resend_keeps_the_live_code(api, outbox):
    api.send(BLOCK[0])
    code = outbox.code
    api.send_many(BLOCK[1:11])

    assert api.send(BLOCK[0]) == 403
    response = api.app.test_client().post(
        "/auth/verify_otp", json={"phone": BLOCK[0], "otp": code}
    )
    assert response.json == {"VerificationStatus": "approved"}


def test_refused_send_does_not_count_for_the_phone(app, outbox):
    api = Api(app(OTP_SENDS_PER_PHONE="1/1h"), outbox)
    api.send_many(BLOCK[:11])

    assert api.send(BLOCK[10]) == 403
    assert api.send(BLOCK[0]) == 429


def test_refused_send_stays_counted_for_its_requester(app, outbox):
    api = Api(app(OTP_SENDS_PER_IP="11/1h"), outbox)

    assert api.send_many(BLOCK[:12]) == [201] * 10 + [403, 429]


def test_v2_names_the_block_and_the_wait(app, outbox):
    api = V2(app(OTP_API_KEYS=f"{ACCOUNT}:{TOKEN}"), outbox)
    api.send_many(BLOCK[:11])

    assert api.response.body["code"] == 60410
    assert "+91944501 prefix is blocked" in api.response.body["message"]
    wait = int(api.response.headers["OTP-Retry-After"])
    assert 12 * 3600 - 60 <= wait <= 12 * 3600
