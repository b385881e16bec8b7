"""The whole life of authenticator apps, and where what belongs to them may be seen."""

from __future__ import annotations

import base64
import json
import logging
import re
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import pyotp
import pytest

from otp_engine import config
from otp_engine.app import create_app
from tests.support.authenticator_app import AuthenticatorApp
from tests.support.linked_person import PROOF_KEY, LinkedPerson
from tests.support.redis_dump import everything_in
from tests.support.settings import RELAXED
from tests.support.totp_client import TotpClient
from tests.support.verify_client import ACCOUNT, TOKEN, Verify

API_KEY = "shop-secret-0123456789abcdef"
KEY = {"Authorization": f"Bearer {API_KEY}"}
IDENTITY = "person-with-an-app"
PAGE_IDENTITY = "person-on-the-page"
V2_IDENTITY = "person-of-version-two"
OWN_SECRET = pyotp.random_base32()
RETURN_URL = "https://app.example.com/back"
WEBHOOK_PATH = "hook-path-3141592653"
DETAILS = "details-2718281828"
METADATA = "metadata-1618033988"
NAMES = ("Alice-of-the-life", "Bob-of-the-life", "Carol-of-the-life")
# These headers are for the client that sent the request.
HEADERS_FOR_THE_CLIENT = {"OTP-Proof", "OTP-Webhook-Secret", "OTP-Verification"}
# A time can have the digits of a code.
TIMES = {"created", "msecs", "relativeCreated", "thread", "process", "duration_ms"}


@dataclass
class Life:
    """What happened.

    Attributes:
        personal: What no log, metric, event and stored value may contain.
        secret: What no response may contain either, except the one that creates it.
        codes: The codes, digits that can also be a part of a longer number.
        bodies: The bodies of the responses that create no secret.
        headers: The headers of all responses.
    """

    personal: set[str] = field(default_factory=set)
    secret: set[str] = field(default_factory=set)
    codes: set[str] = field(default_factory=set)
    bodies: list[str] = field(default_factory=list)
    headers: list[str] = field(default_factory=list)

    def keep(self, response: Any, *, creates: bool = False) -> Any:
        """Store a response, and return it."""
        if not creates:
            self.bodies.append(response.get_data(as_text=True))
        self.headers += [
            f"{name}: {value}"
            for name, value in response.headers
            if name not in HEADERS_FOR_THE_CLIENT
        ]
        self.secret |= {
            value for name, value in response.headers if name in HEADERS_FOR_THE_CLIENT
        }
        return response

    def code(self, app: AuthenticatorApp, step: int) -> str:
        """Return a code of an app."""
        code: str = app.code(step)
        self.codes.add(code)
        return code


def spellings(text: str) -> set[str]:
    """Return *text* as it can look in another encoding."""
    data = text.encode()
    found = {text, text.lower(), text.upper(), quote(text, safe=""), data.hex()}
    found |= {quote(quote(text, safe=""), safe=""), ascii(text)[1:-1], json.dumps(text)}
    found |= {" ".join(text[start : start + 4] for start in range(0, len(text), 4))}
    found |= {text.replace("-", ""), text[::-1]}
    for shift in range(3):
        # Without the characters that depend on what is around the text.
        encoded = base64.b64encode(b"\0" * shift + data).decode().rstrip("=")
        inner = encoded[4 if shift else 0 : -2]
        found |= {inner, inner.replace("+", "-").replace("/", "_")}
    return {each for each in found if len(each) >= 8}


def found_in(text: str, secrets: set[str]) -> set[str]:
    return {
        secret
        for secret in secrets
        if any(spelling in text for spelling in spellings(secret))
    }


def codes_in(text: str, codes: set[str]) -> set[str]:
    return {each for each in codes if re.search(rf"(?<!\d){each}(?!\d)", text)}


def raw_secret(secret: str) -> set[str]:
    """Return a secret in Base32, and its bytes as texts."""
    data = base64.b32decode(secret + "=" * (-len(secret) % 8))
    encoded = base64.b64encode(data).decode().rstrip("=")
    return {secret, data.hex(), encoded, repr(data)[2:-1]}


@pytest.fixture
def app(store):
    settings = config.load(
        RELAXED
        | {
            "OTP_API_KEYS": f"shop:{API_KEY}, {ACCOUNT}:{TOKEN}",
            "OTP_PROOF_KEY": PROOF_KEY,
            "OTP_RETURN_ORIGINS": "https://app.example.com",
        }
    )
    return create_app(settings, store=store)


def live_by_auth(life, client):
    who = {"identity": IDENTITY}

    def call(path, method="POST", *, creates=False, **fields):
        response = client.open(path, method=method, json=who | fields, headers=KEY)
        return life.keep(response, creates=creates)

    enrolled = call("/auth/totp/enroll", creates=True, name=NAMES[0]).json
    life.personal |= {IDENTITY, NAMES[0]}
    life.secret |= raw_secret(enrolled["secret"]) | {enrolled["uri"]}
    life.secret |= set(enrolled["recovery_codes"])
    app, codes = AuthenticatorApp(enrolled["uri"]), enrolled["recovery_codes"]
    call("/auth/totp/activate", otp=life.code(app, -5))
    call("/auth/totp/activate", otp=life.code(app, -1))
    call("/auth/totp/activate", otp=life.code(app, -1))
    for step in (-1, 0, 0, -5):
        call("/auth/totp/verify", otp=life.code(app, step))
    for code in (codes[0], codes[0], f"{codes[1]}x", codes[1].upper()):
        call("/auth/totp/verify", recovery_code=code)
    call("/auth/totp/verify", otp=f"{enrolled['secret']} is no code")
    call("/auth/send_otp", phone="9445012345")
    call(f"/auth/totp/{IDENTITY}?otp={life.code(app, 1)}", "GET")
    call("/auth/totp", "DELETE")
    call("/auth/totp/verify", otp=life.code(app, 1))


def live_on_the_page(life, client):
    person = LinkedPerson(client, **KEY)
    target = {"return_url": RETURN_URL, "state": "state-of-the-life"}

    def open_link(page, **fields):
        response = person.link(page, identity=PAGE_IDENTITY, **target, **fields)
        life.keep(response, creates=True)
        [token] = parse_qs(urlsplit(response.json["url"]).query)["token"]
        life.secret.add(token)
        return person.get(response.json["url"])

    life.keep(open_link("enroll", name=NAMES[1]), creates=True)
    app, codes = AuthenticatorApp(person.app().uri), person.recovery_codes()
    life.personal |= {PAGE_IDENTITY, NAMES[1]}
    life.secret |= raw_secret(person.app().totp.secret) | {person.app().uri, *codes}
    life.keep(client.get("/verify/enroll/recovery-codes.txt"), creates=True)
    # The page shows the enrollment again after a wrong code.
    life.keep(person.submit("code", otp=life.code(app, -5)), creates=True)
    life.keep(person.submit("code", otp="no code"), creates=True)
    life.keep(person.submit("code", otp=life.code(app, -1)))
    assert person.step == "done"
    life.keep(open_link("verify"))
    for step in (-1, -5, 0):
        life.keep(person.submit("code", otp=life.code(app, step)))
    assert person.step == "done"
    life.keep(open_link("verify"))
    life.keep(person.get("/verify?factor=totp&method=recovery"))
    for code in ("zzzzz-zzzzz", codes[0]):
        life.keep(person.submit("recovery", recovery_code=code))
    assert person.step == "done"
    life.keep(client.get(f"/verify/link?token={next(iter(life.secret))}"))


def live_by_v2(life, client):
    totp = TotpClient(Verify(client), identity=V2_IDENTITY)
    life.personal |= {V2_IDENTITY, NAMES[2], METADATA, DETAILS, WEBHOOK_PATH}
    life.secret |= raw_secret(OWN_SECRET)
    webhooks = f"/v2/Services/{totp.service}/Webhooks"
    created = totp.verify.post(
        webhooks,
        FriendlyName="Hook",
        EventTypes="*",
        WebhookUrl=f"http://127.0.0.1:1/{WEBHOOK_PATH}",
    )
    life.secret.add(created.headers["OTP-Webhook-Secret"])
    factor = totp.create_factor(
        FriendlyName=NAMES[2],
        Config__CodeLength="8",
        Binding__Secret=OWN_SECRET,
        Metadata=json.dumps({"os": METADATA}),
    ).body["sid"]
    app = totp.apps[factor]
    calls = [
        totp.create_factor(Binding__Secret=OWN_SECRET),
        totp.create_factor(Binding__Secret=f"{OWN_SECRET}!"),
        totp.create_factor(Metadata=METADATA),
        totp.verify_factor(factor, life.code(app, -5)),
        totp.verify_factor(factor, life.code(app, -1)),
        totp.verify.post(f"{totp.factors}/{factor}", FriendlyName=f"{NAMES[2]}\n"),
        totp.verify.get(totp.factors),
        totp.verify.get(f"{totp.entities}/{V2_IDENTITY}/{METADATA}"),
    ]
    details = {"HiddenDetails": json.dumps({"order": DETAILS})}
    challenge = totp.challenge(factor, **details).body["sid"]
    calls += [
        totp.check(challenge, life.code(app, -5)),
        totp.check(challenge, life.code(app, 0)),
        totp.check(challenge, life.code(app, 0)),
        totp.challenge(factor, life.code(app, 1), **details),
        totp.challenge(factor, HiddenDetails=DETAILS),
        totp.verify.get(totp.challenges),
        totp.verify.delete(totp.entity),
        totp.verify.delete(totp.entity),
    ]
    life.bodies += [json.dumps(call.body) for call in calls]
    assert [call.status for call in calls].count(201) == 1


def damage(life, client, redis):
    """Have requests fail at what Redis stores, which can be in an exception."""
    redis.delete(*redis.keys("otp:*:entity"))
    totp = TotpClient(Verify(client), identity=V2_IDENTITY)
    factor = totp.create_factor(Binding__Secret=OWN_SECRET).body["sid"]
    [entity] = redis.keys("otp:*:entity")
    calls = []

    def fail():
        calls.append(totp.verify_factor(factor, life.code(totp.apps[factor], 0)))
        calls.append(totp.verify.get(totp.factors))

    records = [each for each in redis.hkeys(entity) if each.endswith(b":record")]
    redis.hset(entity, mapping=dict.fromkeys(records, b"damaged"))
    fail()
    redis.delete(entity)
    redis.set(entity, b"of another type")
    fail()
    redis.delete(entity)
    life.bodies += [json.dumps(call.body) for call in calls]
    assert {call.status for call in calls} <= {500, 503}


def logged(caplog):
    """Return what each log record has, without the numbers of its time."""
    return "\n".join(
        str({name: each for name, each in vars(record).items() if name not in TIMES})
        + str(record.getMessage())
        + "".join(map(str, record.exc_info or ()))
        for record in caplog.records
    )


def test_life_of_authenticators_leaves_nothing_of_them_outside_of_responses(
    app, store, redis, caplog
):
    life, client = Life(), app.test_client()
    caplog.set_level(logging.DEBUG)

    live_by_auth(life, client)
    live_on_the_page(life, client)
    live_by_v2(life, client)
    damage(life, client, redis)
    store.events.flush()

    text = logged(caplog)
    seen = "\n".join([text, client.get("/metrics").text, *life.headers])
    stored = everything_in(redis).decode("latin-1")
    assert "factor_approved" in stored
    assert found_in(seen, life.personal | life.secret) == set()
    assert found_in(stored, life.personal - {WEBHOOK_PATH} | life.secret) == set()
    assert found_in("\n".join(life.bodies), life.secret) == set()
    assert codes_in("\n".join([text, *life.headers, *life.bodies]), life.codes) == set()
