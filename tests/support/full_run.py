"""One use of every feature, for tests of what it does in Redis."""

from __future__ import annotations

import base64
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from http import HTTPStatus

from twilio.request_validator import RequestValidator

from otp_engine import config
from otp_engine.app import create_app
from otp_engine.crypto.pepper import Pepper
from otp_engine.domain.delivery_records import DeliveryRecord
from otp_engine.domain.event_webhook.followed import FollowedVerification
from otp_engine.domain.factors.ports import EntityKey
from otp_engine.domain.limits.limits import Limit, LimitHit
from otp_engine.domain.messages.delivery_reports import DeliveryReport, DeliveryStatus
from otp_engine.domain.models import Channel, DestinationCharge, HashParameters
from otp_engine.domain.phones import numbers
from otp_engine.domain.phones.phone_keys import PhoneKey
from otp_engine.domain.policy.policy import Policy
from otp_engine.domain.policy.reverts import End
from otp_engine.domain.policy.signed_versions import SignedPolicyVersions
from otp_engine.domain.policy.versions import PolicyVersion
from otp_engine.domain.provider_rejections import ProviderRejection
from otp_engine.domain.pumping_guard.rules import GuardMode, GuardRules
from otp_engine.domain.recipients import PseudonymousRecipient
from otp_engine.domain.routing.health import AT_REST, Reason, Weight
from otp_engine.domain.routing.steps import Step
from otp_engine.errors import DeliveryFailed, DestinationSuspended
from otp_engine.store import keys
from otp_engine.store.console_sessions import ConsoleSession
from tests.support import redis_server, twilio_server
from tests.support.fakes import (
    FakeSender,
    by_name,
    different_code,
)
from tests.support.verify_client import Verify

SEND, CHECK = "/auth/send_otp", "/auth/verify_otp"
PUBLIC = "https://otp.example.com"
DEV = {
    "OTP_DEV": "1",
    "OTP_ARGON2": "test",
    "OTP_RESEND_COOLDOWN": "0s",
    "OTP_SENDS_PER_PHONE": "5/10m, 3/5m shadow",
    "OTP_SENDS_PER_COUNTRY": "1000/1h, 1/1h shadow",
    "OTP_SENDS_PER_IP": "20/10m",
}
TWILIO = {
    "OTP_SENDER": "console",
    "OTP_PUBLIC_URL": PUBLIC,
    "TWILIO_ACCOUNT_SID": twilio_server.ACCOUNT,
    "TWILIO_AUTH_TOKEN": twilio_server.TOKEN,
    "TWILIO_MESSAGING_SERVICE_SID": twilio_server.SERVICE,
}


def use_every_feature(store, redis):
    """Run every script and every command of *store*.

    Args:
        store: The store.
        redis: A client of its Redis, for an expiry that would take too long.
    """
    _run_inbox(store)
    _run_auth_api(store)
    _run_emails(store)
    _run_v2_api(store)
    _run_rotation(store, redis)
    _run_operator_commands(store)
    _run_pumping_guard(store)
    _run_deliveries(store)
    _run_event_webhook(store)
    _run_provider_health(store)
    _run_factors(store)
    ttl = timedelta(minutes=10)
    _run_console(store)
    store.page_links.open("0f" * 16, idempotency_key=b"request1", ttl=ttl)
    store.events.flush()


def _run_console(store):
    token = b"t" * 32
    store.console_sessions.open(token, ConsoleSession("alice", "digest"))
    store.console_sessions.use(token, extend=True)
    store.console_sessions.close(token)
    store.console_sessions.open(token, ConsoleSession("alice", "digest"))


def _retry_while_overloaded(call):
    """Repeat *call* until its response is not the 503 of an overloaded instance."""
    responses = []

    def has_capacity():
        responses.append(call())
        status = getattr(responses[-1], "status_code", None) or responses[-1].status
        return status != HTTPStatus.SERVICE_UNAVAILABLE

    redis_server.wait_until(has_capacity, seconds=60)
    return responses[-1]


def _post(client, path, phone, **more):
    return _retry_while_overloaded(
        lambda: client.post(path, json={"phone": phone} | more)
    )


def _run_factors(store):
    service = "VA" + "1" * 32
    alice, bob = EntityKey("alice", service), EntityKey("bob", service)
    factor, entity, check = b"F" * 16, b"E" * 16, b"check 01"
    store.data_key.add(b"first", b"fingerprint")
    store.data_key.replace(b"first", b"second")
    store.data_key.reset(b"second", b"fingerprint")
    store.factors.create_entity(alice, id=entity, record=b"record")
    for key in (alice, bob):
        store.factors.put_factor(
            key,
            entity_id=entity,
            entity_record=b"record",
            factor_id=factor,
            record=b"record",
        )
        store.factors.replace_factor(key, factor, old=b"record", new=b"new record")
        for activates in (True, False):
            store.factors.reserve_check(
                key,
                factor,
                idempotency_key=check,
                policy=Policy(),
                activates=activates,
            )
            store.factors.accept_step(
                key,
                factor,
                idempotency_key=check,
                step=1,
                activates=activates,
                is_authenticator=False,
            )
    _run_challenges(store, bob, factor)
    _run_recovery_codes(store, bob, factor)
    list(store.factors.list_entities(service))
    for raw in list(store.entity_archive.read(service)):
        key = EntityKey(f"{raw.digest} of an archive", service)
        store.entity_archive.merge(key, raw.fields, expires=raw.expires)
    store.factors.delete_factor(alice, factor)
    store.factors.delete_entity(alice)


def _run_challenges(store, entity, factor):
    challenge, check = b"C" * 16, b"check 01"
    store.challenges.create_challenge(
        entity, id=challenge, factor_id=factor, record=b"record"
    )
    store.challenges.list_challenges(entity)
    store.challenges.reserve_challenge_check(entity, challenge, idempotency_key=check)
    store.challenges.approve_challenge(entity, challenge, idempotency_key=check)
    store.challenges.create_challenge(
        entity, id=b"D" * 16, factor_id=factor, record=b"record"
    )


def _run_recovery_codes(store, entity, factor):
    check = b"check 02"
    store.recovery_codes.reserve_recovery_check(
        entity, idempotency_key=check, policy=Policy()
    )
    store.recovery_codes.release_recovery_check(entity, factor, idempotency_key=check)
    store.recovery_codes.use_recovery_code(
        entity, factor, idempotency_key=check, code_hash=b"H" * 32
    )


def _run_inbox(store):
    client = create_app(config.load(DEV), store=store).test_client()
    phone = "9445012345"
    client.post("/dev/inbox/provider", data={"outcome": "accepted"})
    for end in ("approved", "max_attempts_reached"):
        _post(client, SEND, phone)
        code = store.inbox.list_messages()[0].code
        for otp in [code] if end == "approved" else [different_code(code)] * 6:
            _post(client, CHECK, phone, otp=otp)


def _run_auth_api(store):
    outbox = FakeSender()
    settings = config.load(DEV | TWILIO)
    client = create_app(settings, store=store, senders=by_name(outbox)).test_client()
    phone = "9445067890"
    _post(client, CHECK, phone, otp="123456")
    for _ in range(6):
        _post(client, SEND, phone)
    for otp in (different_code(outbox.code), outbox.code, outbox.code):
        _post(client, CHECK, phone, otp=otp)
    bound = _post(client, SEND, "9445033333", bind=True).headers["OTP-Verification"]
    for otp in (different_code(outbox.code), outbox.code):
        _post(client, CHECK, "9445033333", otp=otp, verification=bound)
    outbox.error = DeliveryFailed()
    assert _post(client, SEND, "9445011111").status_code == HTTPStatus.BAD_GATEWAY
    report = {
        "MessageSid": "SM" + "2" * 32,
        "AccountSid": twilio_server.ACCOUNT,
        "To": "+919445067890",
        "MessageStatus": "delivered",
    }
    url = f"{PUBLIC}/callbacks/twilio"
    signature = RequestValidator(twilio_server.TOKEN).compute_signature(url, report)
    headers = {"X-Twilio-Signature": signature}
    response = client.post("/callbacks/twilio", data=report, headers=headers)
    assert response.status_code == HTTPStatus.NO_CONTENT


def _run_emails(store):
    client = create_app(config.load(DEV), store=store).test_client()
    address = {"email": "person@example.com"}
    for path, more in [(SEND, {"bind": True}), (SEND, {}), (CHECK, {"otp": "0000"})]:
        response = _retry_while_overloaded(
            lambda path=path, more=more: client.post(path, json=address | more)
        )
        assert response.status_code == HTTPStatus.CREATED


def _run_v2_api(store):
    outbox = FakeSender()
    app = create_app(config.load(DEV), store=store, senders=by_name(outbox))
    verify = Verify(app.test_client())
    number = "+919445022222"
    sid = verify.post("/v2/Services", FriendlyName="Shop").body["sid"]
    verify.post("/v2/SafeList/Numbers", PhoneNumber=number)
    limits = f"/v2/Services/{sid}/RateLimits"
    limit = verify.post(limits, UniqueName="user").body["sid"]
    verify.post(f"{limits}/{limit}/Buckets", Max="5", Interval="60")
    more = {"RateLimits": '{"user": "alice"}'}
    for status in ("canceled", "approved"):
        body = _retry_while_overloaded(
            lambda: verify.send(number, service=sid, **more)
        ).body
        path = f"/v2/Services/{sid}/Verifications/{body['sid']}"
        assert verify.get(path).body["status"] == "pending"
        assert verify.post(path, Status=status).body["status"] == status
    checks = f"/v2/Services/{sid}/VerificationCheck"
    _retry_while_overloaded(lambda: verify.send(number, service=sid))
    form = {"To": number, "Code": outbox.code}
    assert _retry_while_overloaded(lambda: verify.post(checks, **form)).body["valid"]
    verify.get("/v2/Attempts")


def _run_rotation(store, redis):
    """A failed check moves to the new pepper with its phone."""
    old, new = (base64.b64encode(seed * 32).decode() for seed in (b"o", b"n"))
    outbox, phone = FakeSender(), "9445044444"

    def client_with(**peppers):
        settings = config.load(DEV | {"REDIS_URL": "redis://unused"} | peppers)
        return create_app(settings, store=store, senders=by_name(outbox)).test_client()

    client = client_with(OTP_PEPPER=old)
    _post(client, SEND, phone)
    _post(client, CHECK, phone, otp=different_code(outbox.code))
    # The codes expire, and the failed check stays counted.
    phone_key = PhoneKey(Pepper(b"o" * 32).pseudonymize("phone", "+919445044444"))
    redis.delete(
        keys.for_phone(phone_key).verification, keys.for_phone(phone_key).sends
    )
    _post(client_with(OTP_PEPPER=new, OTP_PEPPER_PREVIOUS=old), SEND, phone)


def _end_a_change(versions):
    number, created_at = versions.following(versions.now())
    state = versions.live_state().with_value("ttl", "6m", End(created_at, number))
    change = PolicyVersion(
        version=number,
        created_at=created_at,
        author="me",
        values=state.values,
        reverts=state.reverts,
    )
    assert versions.add(change)
    assert versions.live_state().values == {"ttl": "5m"}
    assert versions.end_changes(change, state.reverts)


def _run_operator_commands(store):
    now = datetime.now(UTC)
    policy = Policy()
    versions = SignedPolicyVersions(store.policy_versions, [Pepper(b"p" * 32)])
    assert versions.add(
        PolicyVersion(version=1, created_at=now, author="me", values={"ttl": "5m"})
    )
    rotated = SignedPolicyVersions(
        store.policy_versions, [Pepper(b"n" * 32), Pepper(b"p" * 32)]
    )
    assert rotated.complete() == 1
    _end_a_change(rotated)
    store.check_permissions()
    store.events.flush()
    store.events.starts()
    store.release_check(PhoneKey("unused"), idempotency_key=b"12345678")
    store.limit_usage.phone_usage(PhoneKey("unused"), policy)
    store.limit_usage.delete_phone([PhoneKey("unused")])
    store.records.mark_canceled(b"0" * 16, at=now, ttl=timedelta(minutes=1))


def _run_provider_health(store):
    step = Step(Channel.SMS, "twilio")
    slow = Weight(90, 1_800_000_000_000, Reason.SLOW)
    store.close()
    assert store.provider_health.compare_and_set(step, AT_REST, slow)
    assert store.provider_health.rest("twilio")


def _run_pumping_guard(store):
    hit = LimitHit("sends_per_country", "SN", Limit.parse("1000/1h"))
    charge = DestinationCharge(
        hits=[hit],
        destination=numbers.parse("+221779991234", "SN").destination,
        guard=GuardRules(mode=GuardMode.ON, block=1),
    )
    store.acquire_destination(charge, idempotency_key=b"counted!")
    with suppress(DestinationSuspended):
        store.acquire_destination(charge, idempotency_key=b"refused!")
    store.acquire_destination(charge, idempotency_key=b"counted!")
    store.acquire_hits([hit], idempotency_key=b"checked!")
    store.release_hits([hit], idempotency_key=b"checked!")
    store.credit_approval(
        charge.destination, verification_id=bytes(16), messages=1, rules=charge.guard
    )
    store.release_destination(charge, idempotency_key=b"counted!")
    store.guard.suspend("SN", datetime.now(UTC) + timedelta(hours=1))
    store.guard.list_suspensions()
    store.guard.read_places(list(charge.destination.places.values()))
    store.guard.clear("SN")
    _run_proven_phone(store)


def _run_deliveries(store):
    delivery_id = "ab" * 20
    record = DeliveryRecord(
        verification_id=bytes(16),
        recipient=PseudonymousRecipient(phone_hash="h", prefix="+91944", country="IN"),
        provider="twilio",
        channel=Channel.SMS,
    )
    report = DeliveryReport(
        delivery_id=delivery_id,
        message_id="SM1",
        status=DeliveryStatus.SENT,
        provider="twilio",
        channel=Channel.SMS,
    )
    deliveries = store.deliveries
    for _ in range(2):
        deliveries.record_status(report)
        in_ten_minutes = datetime.now(UTC) + timedelta(minutes=10)
        deliveries.track(
            delivery_id, record, code_expires_at=in_ten_minutes, plan=b"plan"
        )
    for _ in range(2):
        deliveries.schedule_fallback(delivery_id, after=timedelta())
        deliveries.claim_fallbacks(1, lease=timedelta(seconds=30))
    assert deliveries.read_plan(delivery_id) == b"plan"
    assert deliveries.list_deliveries("ab" * 12)
    assert deliveries.mark_fallback(delivery_id)
    deliveries.end_fallback(delivery_id)


def _run_event_webhook(store):
    feed, verification = store.event_feed, bytes(16)
    recipient = PseudonymousRecipient(phone_hash="h", prefix="+91944", country="IN")
    followed = FollowedVerification(id=verification, recipient=recipient)
    feed.read("worker")
    assert feed.move("worker", "1-0", {verification: (followed, datetime.now(UTC))})
    assert feed.read_followed([verification]) == {verification: followed}
    feed.resign("worker")


def _run_proven_phone(store):
    phone, policy = PhoneKey("proven"), Policy()
    parameters = HashParameters(bytes(16), "argon2")
    steps = {"idempotency_key": b"proven01"}
    reservation = store.reserve_send(
        phone, **steps, hash_parameters=parameters, policy=policy
    )
    store.commit_send(
        phone,
        **steps,
        code_hash=bytes(32),
        code_expires_at=reservation.code_expires_at,
        counted=True,
    )
    store.approve(phone, **steps, verification_id=bytes(16))
    again = {"idempotency_key": b"proven02"}
    store.reserve_send(phone, **again, hash_parameters=parameters, policy=policy)
    store.limit_usage.pending_sends(phone)
    store.release_send(phone, **again)
    rejection = ProviderRejection.not_on_channel()
    store.mark_channel_unreachable(phone, Channel.WHATSAPP, rejection)
