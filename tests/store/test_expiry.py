"""The expiry of every key, after each Redis command of a run of every feature."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from importlib import resources
from typing import Any, Self

import pytest
from twilio.request_validator import RequestValidator

from otp_engine import config
from otp_engine.app import create_app
from otp_engine.crypto.pepper import Pepper
from otp_engine.domain.phones.phone_keys import PhoneKey
from otp_engine.domain.policy.policy import Policy
from otp_engine.domain.policy.signed_versions import SignedPolicyVersions
from otp_engine.domain.policy.versions import PolicyVersion
from otp_engine.errors import DeliveryFailed
from otp_engine.store import keys, lua_scripts
from otp_engine.store.redis_store import RedisStore
from tests.support import redis_server, twilio_server
from tests.support.fakes import FakeSender, different_code
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
CONFIGURATION = {keys.POLICY_VERSIONS, keys.SERVICES, keys.SAFE_LIST}


@dataclass
class InspectedRedis:
    """A Redis client that inspects every key after each command.

    A lost connection can interrupt a pipeline without a transaction after any command,
    so each of its commands counts as a step.

    Attributes:
        client: The Redis client.
        without_expiry: The command that left each key without an expiry.
        ran_scripts: The scripts, by text or by digest.
    """

    client: Any
    without_expiry: dict[str, str] = field(default_factory=dict)
    ran_scripts: set[str] = field(default_factory=set)

    def __getattr__(self, name: str) -> Any:
        attribute = getattr(self.client, name)
        if not callable(attribute):
            return attribute

        def step(*args: Any, **options: Any) -> Any:
            if name in {"eval", "evalsha"}:
                self.ran_scripts.add(args[0])
            reply = attribute(*args, **options)
            self.record_keys_without_expiry(name)
            return reply

        return step

    def pipeline(self, *, transaction: bool) -> InspectedPipeline:
        return InspectedPipeline(self, transaction)

    def record_keys_without_expiry(self, name: str) -> None:
        for key in self.client.keys("*"):
            if self.client.pttl(key) == -1:
                self.without_expiry.setdefault(key.decode(), name)


@dataclass
class InspectedPipeline:
    """A pipeline that runs its commands one by one, or as one step."""

    inspected: InspectedRedis
    transaction: bool
    commands: list[tuple[str, Any, Any]] = field(default_factory=list)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.commands.clear()

    def __getattr__(self, name: str) -> Any:
        return lambda *args, **options: self.commands.append((name, args, options))

    def execute(self) -> list[Any]:
        if not self.transaction:
            return [
                getattr(self.inspected, name)(*args, **options)
                for name, args, options in self.commands
            ]
        with self.inspected.client.pipeline(transaction=True) as pipeline:
            for name, args, options in self.commands:
                getattr(pipeline, name)(*args, **options)
            replies: list[Any] = pipeline.execute()
        self.inspected.record_keys_without_expiry(
            " ".join(name for name, *_ in self.commands)
        )
        return replies


@pytest.fixture
def inspected(redis):
    return InspectedRedis(redis)


@pytest.fixture
def store(inspected):
    return RedisStore(inspected)


def test_every_key_has_an_expiry_after_every_step_of_a_full_run(store, inspected):
    run_inbox(store)
    run_auth_api(store)
    run_v2_api(store)
    run_rotation(store, inspected.client)
    run_operator_commands(store)

    store.events.flush()
    assert inspected.without_expiry.keys() == CONFIGURATION
    assert [
        name for name, text in every_script() if not text & inspected.ran_scripts
    ] == []


def retry_while_overloaded(call):
    """Repeat *call* until its response is not the 503 of an overloaded instance."""
    responses = []

    def has_capacity():
        responses.append(call())
        status = getattr(responses[-1], "status_code", None) or responses[-1].status
        return status != HTTPStatus.SERVICE_UNAVAILABLE

    redis_server.wait_until(has_capacity, seconds=60)
    return responses[-1]


def post(client, path, phone, **more):
    return retry_while_overloaded(
        lambda: client.post(path, json={"phone": phone} | more)
    )


def run_inbox(store):
    client = create_app(config.load(DEV), store=store).test_client()
    phone = "9445012345"
    for end in ("approved", "max_attempts_reached"):
        post(client, SEND, phone)
        code = store.inbox.list_messages()[0].code
        for otp in [code] if end == "approved" else [different_code(code)] * 6:
            post(client, CHECK, phone, otp=otp)


def run_auth_api(store):
    outbox = FakeSender()
    settings = config.load(DEV | TWILIO)
    client = create_app(settings, store=store, sender=outbox).test_client()
    phone = "9445067890"
    post(client, CHECK, phone, otp="123456")
    for _ in range(6):
        post(client, SEND, phone)
    for otp in (different_code(outbox.code), outbox.code, outbox.code):
        post(client, CHECK, phone, otp=otp)
    bound = post(client, SEND, "9445033333", bind=True).headers["OTP-Verification"]
    for otp in (different_code(outbox.code), outbox.code):
        post(client, CHECK, "9445033333", otp=otp, verification=bound)
    outbox.error = DeliveryFailed()
    assert post(client, SEND, "9445011111").status_code == HTTPStatus.BAD_GATEWAY
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


def run_v2_api(store):
    outbox = FakeSender()
    app = create_app(config.load(DEV), store=store, sender=outbox)
    verify = Verify(app.test_client())
    number = "+919445022222"
    sid = verify.post("/v2/Services", FriendlyName="Shop").body["sid"]
    verify.post("/v2/SafeList/Numbers", PhoneNumber=number)
    limits = f"/v2/Services/{sid}/RateLimits"
    limit = verify.post(limits, UniqueName="user").body["sid"]
    verify.post(f"{limits}/{limit}/Buckets", Max="5", Interval="60")
    more = {"RateLimits": '{"user": "alice"}'}
    for status in ("canceled", "approved"):
        body = retry_while_overloaded(
            lambda: verify.send(number, service=sid, **more)
        ).body
        path = f"/v2/Services/{sid}/Verifications/{body['sid']}"
        assert verify.get(path).body["status"] == "pending"
        assert verify.post(path, Status=status).body["status"] == status
    checks = f"/v2/Services/{sid}/VerificationCheck"
    retry_while_overloaded(lambda: verify.send(number, service=sid))
    form = {"To": number, "Code": outbox.code}
    assert retry_while_overloaded(lambda: verify.post(checks, **form)).body["valid"]
    verify.get("/v2/Attempts")


def run_rotation(store, redis):
    """A failed check moves to the new pepper with its phone."""
    old, new = (base64.b64encode(seed * 32).decode() for seed in (b"o", b"n"))
    outbox, phone = FakeSender(), "9445044444"

    def client_with(**peppers):
        settings = config.load(DEV | {"REDIS_URL": "redis://unused"} | peppers)
        return create_app(settings, store=store, sender=outbox).test_client()

    client = client_with(OTP_PEPPER=old)
    post(client, SEND, phone)
    post(client, CHECK, phone, otp=different_code(outbox.code))
    # The codes expire, and the failed check stays counted.
    phone_key = PhoneKey(Pepper(b"o" * 32).pseudonymize("phone", "+919445044444"))
    redis.delete(
        keys.for_phone(phone_key).verification, keys.for_phone(phone_key).sends
    )
    post(client_with(OTP_PEPPER=new, OTP_PEPPER_PREVIOUS=old), SEND, phone)


def run_operator_commands(store):
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
    store.release_check(PhoneKey("unused"), idempotency_key=b"12345678")
    store.limit_usage.phone_usage(PhoneKey("unused"), policy)
    store.limit_usage.delete_phone([PhoneKey("unused")])
    store.records.mark_canceled(b"0" * 16, ttl=timedelta(minutes=1))


def every_script():
    """Yield the name of each script, with the texts and digests that can run it."""
    folder = resources.files("otp_engine.store") / "lua"
    for file in sorted(p.name for p in folder.iterdir() if p.is_file()):
        name = file.removesuffix(".lua")
        source = lua_scripts.load(name)
        texts = {source, lua_scripts.ALLOW_OOM_FLAG + source}
        yield name, texts | set(map(digest, texts))


def digest(text):
    return hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()
