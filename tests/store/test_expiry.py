"""Every key gets its expiry in the step that creates it, in a run of everything."""

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
from otp_engine.domain.policy.signed_versions import PolicyVersions
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
class Stepwise:
    """A client that looks at every key after each step that Redis has done.

    A pipeline that is no transaction can be cut off anywhere, so each of its commands
    is a step of its own.

    Attributes:
        lasting: The keys without an expiry, and the commands that left them so.
        ran: The scripts, by their text or its digest.
    """

    client: Any
    lasting: dict[str, str] = field(default_factory=dict)
    ran: set[str] = field(default_factory=set)

    def __getattr__(self, name: str) -> Any:
        found = getattr(self.client, name)
        if not callable(found):
            return found

        def step(*args: Any, **options: Any) -> Any:
            if name in {"eval", "evalsha"}:
                self.ran.add(args[0])
            reply = found(*args, **options)
            self.look(name)
            return reply

        return step

    def pipeline(self, *, transaction: bool) -> Pipeline:
        return Pipeline(self, transaction)

    def look(self, name: str) -> None:
        for key in self.client.keys("*"):
            if self.client.pttl(key) == -1:
                self.lasting.setdefault(key.decode(), name)


@dataclass
class Pipeline:
    """Commands that are kept, and then done one by one or as one step."""

    stepwise: Stepwise
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
                getattr(self.stepwise, name)(*args, **options)
                for name, args, options in self.commands
            ]
        with self.stepwise.client.pipeline(transaction=True) as pipeline:
            for name, args, options in self.commands:
                getattr(pipeline, name)(*args, **options)
            replies: list[Any] = pipeline.execute()
        self.stepwise.look(" ".join(name for name, *_ in self.commands))
        return replies


@pytest.fixture
def stepwise(redis):
    return Stepwise(redis)


@pytest.fixture
def store(stepwise):
    return RedisStore(stepwise)


def test_every_key_has_an_expiry_after_every_step_of_a_full_run(store, stepwise):
    with_an_inbox(store)
    through_auth(store)
    through_v2(store)
    through_a_rotation(store, stepwise.client)
    by_an_operator(store)

    store.events.flush()
    assert stepwise.lasting.keys() == CONFIGURATION
    assert [name for name, text in every_script() if not text & stepwise.ran] == []


def served(ask):
    """Ask until the answer is none of a machine that is too busy to hash."""
    answers = []

    def is_served():
        answers.append(ask())
        status = getattr(answers[-1], "status_code", None) or answers[-1].status
        return status != HTTPStatus.SERVICE_UNAVAILABLE

    redis_server.wait_until(is_served, seconds=60)
    return answers[-1]


def post(client, path, phone, **more):
    return served(lambda: client.post(path, json={"phone": phone} | more))


def with_an_inbox(store):
    http = create_app(config.load(DEV), store=store).test_client()
    phone = "9445012345"
    for end in ("approved", "exhausted"):
        post(http, SEND, phone)
        code = store.inbox.list_messages()[0].code
        for otp in [code] if end == "approved" else [different_code(code)] * 6:
            post(http, CHECK, phone, otp=otp)


def through_auth(store):
    outbox = FakeSender()
    settings = config.load(DEV | TWILIO)
    http = create_app(settings, store=store, sender=outbox).test_client()
    phone = "9445067890"
    post(http, CHECK, phone, otp="123456")
    for _ in range(6):
        post(http, SEND, phone)
    for otp in (different_code(outbox.code), outbox.code, outbox.code):
        post(http, CHECK, phone, otp=otp)
    bound = post(http, SEND, "9445033333", bind=True).headers["OTP-Verification"]
    for otp in (different_code(outbox.code), outbox.code):
        post(http, CHECK, "9445033333", otp=otp, verification=bound)
    outbox.error = DeliveryFailed()
    assert post(http, SEND, "9445011111").status_code == HTTPStatus.BAD_GATEWAY
    report = {
        "MessageSid": "SM" + "2" * 32,
        "AccountSid": twilio_server.ACCOUNT,
        "To": "+919445067890",
        "MessageStatus": "delivered",
    }
    url = f"{PUBLIC}/callbacks/twilio"
    signature = RequestValidator(twilio_server.TOKEN).compute_signature(url, report)
    headers = {"X-Twilio-Signature": signature}
    heard = http.post("/callbacks/twilio", data=report, headers=headers)
    assert heard.status_code == HTTPStatus.NO_CONTENT


def through_v2(store):
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
        body = served(lambda: verify.send(number, service=sid, **more)).body
        one = f"/v2/Services/{sid}/Verifications/{body['sid']}"
        assert verify.get(one).body["status"] == "pending"
        assert verify.post(one, Status=status).body["status"] == status
    checks = f"/v2/Services/{sid}/VerificationCheck"
    served(lambda: verify.send(number, service=sid))
    typed = {"To": number, "Code": outbox.code}
    assert served(lambda: verify.post(checks, **typed)).body["valid"]
    verify.get("/v2/Attempts")


def through_a_rotation(store, redis):
    """A failed check moves to the new pepper with its phone."""
    old, new = (base64.b64encode(one * 32).decode() for one in (b"o", b"n"))
    outbox, phone = FakeSender(), "9445044444"

    def served_with(**peppers):
        settings = config.load(DEV | {"REDIS_URL": "redis://unused"} | peppers)
        return create_app(settings, store=store, sender=outbox).test_client()

    http = served_with(OTP_PEPPER=old)
    post(http, SEND, phone)
    post(http, CHECK, phone, otp=different_code(outbox.code))
    # Nothing is live any more, and the failed check is still counted.
    phone_key = PhoneKey(Pepper(b"o" * 32).pseudonymize("phone", "+919445044444"))
    redis.delete(
        keys.for_phone(phone_key).verification, keys.for_phone(phone_key).sends
    )
    post(served_with(OTP_PEPPER=new, OTP_PEPPER_PREVIOUS=old), SEND, phone)


def by_an_operator(store):
    now = datetime.now(UTC)
    policy = Policy()
    versions = PolicyVersions(store.policy_versions, [Pepper(b"p" * 32)])
    assert versions.add(
        PolicyVersion(version=1, created_at=now, author="me", values={"ttl": "5m"})
    )
    both = PolicyVersions(store.policy_versions, [Pepper(b"n" * 32), Pepper(b"p" * 32)])
    assert both.complete() == 1
    store.release_check(PhoneKey("nobody"), idempotency_key=b"12345678")
    store.limit_usage.phone_usage(PhoneKey("nobody"), policy)
    store.limit_usage.delete_phone([PhoneKey("nobody")])
    store.records.mark_canceled(b"0" * 16, ttl=timedelta(minutes=1))


def every_script():
    """Each script, and the texts and digests that it can be run by."""
    folder = resources.files("otp_engine.store") / "lua"
    for file in sorted(one.name for one in folder.iterdir() if one.is_file()):
        name = file.removesuffix(".lua")
        source = lua_scripts.load(name)
        texts = {source, lua_scripts.ALLOW_OOM_FLAG + source}
        yield name, texts | set(map(digest, texts))


def digest(text):
    return hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()
