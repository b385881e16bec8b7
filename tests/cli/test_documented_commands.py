"""Every `otp-engine` command of the documents, and the form of what it prints."""

from __future__ import annotations

import base64
import re
import shlex
from dataclasses import replace
from datetime import timedelta

import pyotp
import pytest

from otp_engine import config
from otp_engine.app import create_app
from otp_engine.domain.channels import Channel
from otp_engine.domain.events import CodeSent, MessageDelivered
from otp_engine.domain.phones.phone_keys import PhoneKey
from otp_engine.domain.provider_rejections import ProviderRejection
from otp_engine.domain.routing.health import AT_REST, Counts, Reason, Weight
from otp_engine.domain.routing.steps import Step
from otp_engine.store.provider_health import CountedMessages
from otp_engine.store.redis_store import RedisStore
from tests.support import twilio_server
from tests.support.command_line import run
from tests.support.documented_blocks import ROOT, blocks, missing_lines
from tests.support.fakes import FakeSender, by_name, different_code

BLOCKS = [block for block in blocks() if block.is_operated]
KEY = {"Authorization": "Bearer shop-secret-0123456789"}
PERSON = "+919445012345"
IDENTITY = "0b5a2a1e-7f1e-4a8e-9a55-2f7c0a4d9e11"
# A command without an end, or with a screen of its own, is run in the form that ends.
RUN_AS = {
    "events --follow": "events",
    "top": "top --once",
    "calibrate --rate 50": "calibrate --seconds 0.05 --rate 0.1",
    # With a limit that the few messages of a test exceed.
    "policy try sends_per_country SN=60/1h --since 24h": "policy try"
    " sends_per_country SN=6/1h --since 24h",
}
# The first doctor of a document finds no attack.
CALM = {"Checking an installation", "Daily work", "Production"}
# Commands before the messages that a block is about, and after them.
BEFORE = {
    "Daily work": [
        "policy set sends_per_ip 5/10m --reason 'one network tries numbers'"
    ],
    "Events": ["policy set sends_per_country '200/10m shadow'"],
    "Limits in shadow mode": ["policy set sends_per_ip '20/10m, 5/10m shadow'"],
}
AFTER = {
    "Budget": ["policy set budget 480/24h"],
    "The last minutes": [
        "policy set budget 480/24h",
        "policy set sends_per_ip 3/10m",
    ],
    "Limits in shadow mode": ["policy unset sends_per_ip"],
}
SETTINGS = {
    "Routes": {
        "OTP_ROUTES": "IN=whatsapp:twilio>sms:twilio",
        "TWILIO_WHATSAPP_FROM": "+15005550006",
        "TWILIO_WHATSAPP_CONTENT": f"en=HX{'0' * 32}",
    },
}
# Lines of another time or machine, and the reason.
NOT_COMPARED = {
    "✓ OTP_ARGON2=owasp reaches 50 a second": "depends on the machine",
    "otp-engine  version 8 ended": "comes after two hours",
    "sends_per_country: 60/10m → off (default)": "comes after two hours",
    "(1 day, 0:00:00)": "comes after a day",
    "TIME (UTC)": "is for a terminal only",
}
COMPOSE = (ROOT / "docker-compose.yml").read_text()


@pytest.fixture(scope="module")
def provider():
    """Run a provider that accepts every message."""
    with twilio_server.running() as twilio:
        yield twilio


@pytest.fixture
def environ(environ, provider):
    """Return the settings of the deployment that the documents show."""
    return environ | {
        "TWILIO_API_BASE_URL": provider.url,
        "OTP_ALLOWED_COUNTRIES": "IN,SN,GH",
        "OTP_OPERATOR": "alice@ops",
        "OTP_FACTOR_KEY": base64.b64encode(bytes(range(50, 82))).decode(),
    }


@pytest.fixture
def sender():
    return FakeSender(name="twilio", reports_delivery=True)


@pytest.fixture
def store(real_redis):
    store = RedisStore(real_redis)
    yield store
    # A later write would reach the Redis of the next test.
    store.events.flush(timeout=60)
    store.close()


@pytest.fixture
def connect(environ, store, sender):
    """Return a function that starts a service, which reads the policy at once.

    What it returns posts a request with the API key of the shop.
    """

    def connect():
        app = create_app(config.load(environ), store=store, senders=by_name(sender))
        client = app.test_client()
        return lambda path, **fields: client.post(path, json=fields, headers=KEY)

    return connect


@pytest.fixture
def traffic(connect, sender):
    """Return a function that requests codes as in the documents."""

    def person(post):
        address = {"client_ip": "198.51.100.4"}
        post("/auth/send_otp", phone=PERSON, **address)
        post("/auth/verify_otp", phone=PERSON, otp=sender.code)
        post("/auth/send_otp", phone=PERSON, **address)
        post("/auth/verify_otp", phone=PERSON, otp=different_code(sender.code))
        post("/auth/send_otp", phone=PERSON, **address)

    def traffic(*, attack):
        post = connect()
        person(post)
        for number in range(24 if attack else 0):
            phone = f"+22177999{number:04}"
            post("/auth/send_otp", phone=phone, client_ip="203.0.113.7")
        for phone in ("+221771234567", "+233201234567"):
            post("/auth/send_otp", phone=phone, client_ip="203.0.113.8")

    return traffic


@pytest.fixture
def authenticator(connect):
    """Let a person enroll an authenticator app, lose it, and enter wrong codes."""
    post = connect()
    enrolled = post("/auth/totp/enroll", identity=IDENTITY).json
    code = pyotp.TOTP(enrolled["secret"]).now()
    post("/auth/totp/activate", identity=IDENTITY, otp=code)
    recovery_code = enrolled["recovery_codes"][0]
    post("/auth/totp/verify", identity=IDENTITY, recovery_code=recovery_code)
    for _ in range(10):
        post("/auth/totp/verify", identity=IDENTITY, otp=different_code(code))


@pytest.fixture
def delivered(store):
    """Return a function that adds what providers report, and a fallback."""

    def delivered():
        store.events.flush(timeout=60)
        events = [recorded.event for recorded in store.events.since(None)]
        sent = next(
            event
            for event in events
            if isinstance(event, CodeSent) and event.recipient.country == "IN"
        )
        arrived = MessageDelivered(
            recipient=sent.recipient, channel=Channel.SMS, provider="twilio"
        )
        store.events.add(arrived)
        store.events.add(replace(sent, channel=Channel.WHATSAPP))
        store.events.add(replace(sent, provider="msg91", is_fallback=True))
        store.events.flush(timeout=60)

    return delivered


@pytest.fixture
def versions(environ):
    """Store six versions of the policy; the last one has the values of the first."""
    for value in ("9m", "8m", "7m", "6m", "5m"):
        run("policy", "set", "ttl", value, **environ)
    run("policy", "unset", "ttl", **environ)


QUESTION = re.compile(r"(?:Phone number or e-mail address|Identity): (\S+)")


def compared(shown):
    """Return the shown lines that a command prints in this test."""
    return [
        line
        for line in shown
        if not QUESTION.match(line) and not any(part in line for part in NOT_COMPARED)
    ]


@pytest.fixture
def operate(environ, tmp_path, monkeypatch):
    """Return a function that runs the arguments of a command."""
    monkeypatch.chdir(tmp_path)

    def operate(words, stdin="", **changes):
        return run(*words, stdin=stdin, **environ | changes)

    return operate


@pytest.fixture
def health(store):
    """Store the health of two providers, one of which is slow."""
    twilio, aws = (Step(Channel.SMS, name) for name in ("twilio", "aws"))
    late = Counts(messages=40, awaited=40, fast=30, late=5, errors=3)
    for step, counts in ((twilio, late), (aws, Counts(messages=7))):
        counted = CountedMessages(step=step, age=timedelta(minutes=5), counts=counts)
        store.provider_health.add([counted])
    slow = Weight(80, 1_800_000_000_000, Reason.SLOW)
    store.provider_health.compare_and_set(twilio, AT_REST, slow)


@pytest.fixture
def no_whatsapp(store, environ):
    """Store that the person has no WhatsApp."""
    [pepper] = config.load(environ).peppers
    phone = PhoneKey(pepper.pseudonymize("phone", PERSON))
    rejection = ProviderRejection.not_on_channel()
    store.mark_channel_unreachable(phone, Channel.WHATSAPP, rejection)


@pytest.mark.usefixtures("versions", "health", "no_whatsapp", "authenticator")
@pytest.mark.parametrize("block", BLOCKS, ids=str)
def test_command_of_the_documents_prints_what_they_show(
    block, operate, traffic, delivered
):
    for line in BEFORE.get(block.heading, []):
        operate(shlex.split(line))
    traffic(attack=block.heading not in CALM)
    delivered()
    for line in AFTER.get(block.heading, []):
        operate(shlex.split(line))
    wrong, printed = [], b""

    for command in block.commands:
        line = shlex.join(command.operator_words)
        words = shlex.split(RUN_AS.get(line, line))
        # A file of the document that is written by one command, and read by the next.
        entered = printed if any(word.startswith("<") for word in words) else None
        arguments = [word for word in words if word[0] not in "<>"]
        result = operate(arguments, entered or answers(command), **settings(block))

        assert result.exit_code == 0, result.output
        wrong += missing_lines(compared(command.shown), result.output)
        printed = result.stdout_bytes

    assert wrong == []


def settings(block):
    """Return the settings that the commands of a block need."""
    return SETTINGS.get(block.heading, {})


def answers(command):
    """Return what the operator enters after the questions of a command."""
    questions = map(QUESTION.match, command.shown)
    return "".join(f"{question[1]}\n" for question in questions if question)


def test_lines_that_are_not_compared_are_in_the_documents():
    text = "".join(block.text for block in BLOCKS)

    assert [
        line for line in NOT_COMPARED if line not in re.sub("  +", "  ", text)
    ] == []


def test_services_of_the_documents_are_those_of_docker_compose():
    named = {command.service for block in BLOCKS for command in block.commands}

    assert named > {None}
    for service in named - {None}:
        assert f"\n  {service}:\n" in COMPOSE
