"""The whole life of a TOTP factor through Twilio's unmodified SDKs."""

from __future__ import annotations

import json
import subprocess
import uuid
from datetime import UTC, datetime, timedelta

import pytest
from twilio.base.exceptions import TwilioRestException
from twilio.rest import Client

from tests.support import redis_server, server_process, twilio_server
from tests.support.authenticator_app import AuthenticatorApp
from tests.support.settings import FACTOR_KEY

ACCOUNT, TOKEN = f"AC{'a' * 32}", "the-token-of-this-account"


@pytest.fixture(scope="module")
def url(tmp_path_factory):
    """Run a server with two workers; yield its URL."""
    with (
        twilio_server.running() as twilio,
        redis_server.redis_on_a_socket(tmp_path_factory.mktemp("redis")) as redis_url,
    ):
        environ = server_process.production(redis_url, twilio.url) | {
            "OTP_API_KEYS": f"{ACCOUNT}:{TOKEN}",
            "OTP_FACTOR_KEY": FACTOR_KEY,
            "OTP_SERVICE_NAME": "Shop",
        }
        with server_process.running_server("--workers", "2", **environ) as served:
            yield f"http://127.0.0.1:{served.port}"


@pytest.fixture
def verify(url):
    client = Client(ACCOUNT, TOKEN)
    client.verify.base_url = url
    return client.verify.v2


@pytest.fixture
def service(verify):
    """Create a service for one test."""
    return verify.services.create(friendly_name="Shop", totp_issuer="My shop")


@pytest.fixture
def identity():
    return str(uuid.uuid4())


@pytest.fixture
def entity(verify, service, identity):
    return verify.services(service.sid).entities(identity)


def raised_by(call, **params):
    """Return the status and the code of the error of a call."""
    with pytest.raises(TwilioRestException) as raised:
        call(**params)
    return raised.value.status, raised.value.code


def create(entity, **params):
    """Create a factor with a skew of two steps; return it and its app."""
    factor = entity.new_factors.create(
        friendly_name="My phone", factor_type="totp", config_skew=2, **params
    )
    return factor, AuthenticatorApp(factor.binding["uri"])


def test_python_sdk_creates_and_verifies_a_factor(entity, identity):
    factor, app = create(entity, metadata={"os": "Android"})
    wrong = entity.factors(factor.sid).update(auth_payload=app.wrong_code())
    unverified = raised_by(entity.challenges.create, factor_sid=factor.sid)
    verified = entity.factors(factor.sid).update(auth_payload=app.code(-1))
    again = raised_by(entity.factors(factor.sid).update, auth_payload=app.code())

    assert (factor.status, factor.identity) == ("unverified", identity)
    assert isinstance(factor.date_created, datetime)
    assert factor.config == {
        "alg": "sha1",
        "skew": 2,
        "code_length": 6,
        "time_step": 30,
    }
    assert factor.metadata == {"os": "Android"}
    assert app.account == ("My shop", "My phone")
    assert (wrong.status, unverified) == ("unverified", (403, 60318))
    assert (verified.status, verified.sid) == ("verified", factor.sid)
    assert again == (403, 60311)


def test_python_sdk_answers_challenges(entity):
    factor, app = create(entity)
    entity.factors(factor.sid).update(auth_payload=app.code(-1))

    wrong = entity.challenges.create(
        factor_sid=factor.sid, auth_payload=app.wrong_code()
    )
    code = app.code()
    approved = entity.challenges.create(factor_sid=factor.sid, auth_payload=code)
    replayed = entity.challenges.create(factor_sid=factor.sid, auth_payload=code)
    expires_at = datetime.now(UTC).replace(microsecond=0) + timedelta(minutes=10)
    pending = entity.challenges.create(
        factor_sid=factor.sid,
        expiration_date=expires_at,
        hidden_details={"ip": "192.0.2.1"},
    )
    answered = entity.challenges(pending.sid).update(auth_payload=app.code(1))
    again = raised_by(entity.challenges(pending.sid).update, auth_payload=code)

    assert (wrong.status, approved.status, replayed.status) == (
        *("pending", "approved"),
        "pending",
    )
    assert isinstance(approved.date_responded, datetime)
    assert (pending.status, pending.date_responded) == ("pending", None)
    assert pending.expiration_date == expires_at
    assert pending.hidden_details == {"ip": "192.0.2.1"}
    assert (answered.status, answered.sid) == ("approved", pending.sid)
    assert again == (403, 60322)
    assert entity.challenges(pending.sid).fetch().status == "approved"
    listed = entity.challenges.list(page_size=2)
    assert [each.sid for each in listed] == [
        each.sid for each in reversed(entity.challenges.list(order="desc"))
    ]
    statuses = sorted(each.status for each in listed)
    assert statuses == ["approved", "approved", "pending", "pending"]
    filtered = entity.challenges.list(status="approved", factor_sid=factor.sid)
    assert len(filtered) == 2


def test_python_sdk_manages_entities_and_factors(verify, service, entity, identity):
    created = verify.services(service.sid).entities.create(identity=identity)
    exists = raised_by(verify.services(service.sid).entities.create, identity=identity)
    factor, _ = create(entity)
    renamed = entity.factors(factor.sid).update(
        friendly_name="Other phone", config_code_length=8
    )

    assert exists == (409, 60301)
    assert factor.entity_sid == created.sid == entity.fetch().sid
    assert (renamed.friendly_name, renamed.config["code_length"]) == ("Other phone", 8)
    assert [each.sid for each in entity.factors.list()] == [factor.sid]
    entities = verify.services(service.sid).entities.list(page_size=1)
    assert [each.identity for each in entities] == [identity]
    assert entity.factors(factor.sid).delete()
    assert raised_by(entity.factors(factor.sid).fetch) == (404, 60390)
    assert entity.delete()
    assert raised_by(entity.fetch) == (404, 60392)


def test_python_sdk_sees_the_settings_of_the_service(verify, service):
    updated = verify.services(service.sid).update(
        totp_code_length=8, totp_time_step=60, totp_skew=0
    )
    factor = (
        verify.services(service.sid)
        .entities("a-new-person")
        .new_factors.create(friendly_name="My phone", factor_type="totp")
    )

    assert updated.links["entities"].endswith(f"{service.sid}/Entities")
    assert factor.config == {
        "alg": "sha1",
        "skew": 0,
        "code_length": 8,
        "time_step": 60,
    }


def test_node_sdk_lives_the_whole_life_of_a_factor(node, url, service, identity):
    command = ["node", node / "totp.js", url, ACCOUNT, TOKEN, service.sid, identity]
    with subprocess.Popen(
        command,
        env=server_process.PATH,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin
        assert process.stdout
        app = AuthenticatorApp(process.stdout.readline().strip())
        codes = {
            "wrong": app.wrong_code,
            "earlier": lambda: app.code(-1),
            "current": app.code,
            "later": lambda: app.code(1),
        }
        while (line := process.stdout.readline().strip()) in codes:
            process.stdin.write(codes[line]() + "\n")
            process.stdin.flush()
        results = json.loads(line)

    config = {"alg": "sha1", "skew": 2, "code_length": 6, "time_step": 30}
    assert results["created"] == ["unverified", True, True]
    assert (results["config"], results["metadata"]) == (config, {"os": "Android"})
    assert (results["wrongFactor"], results["verified"]) == ("unverified", "verified")
    assert results["unverified"] == [403, 60318, "Factor is unverified"]
    assert (results["wrong"], results["replayed"]) == ("pending", "pending")
    assert results["approved"] == ["approved", True, True]
    assert results["pending"] == ["pending", {"ip": "192.0.2.1"}, None]
    assert (results["answered"], results["fetched"]) == ("approved", "approved")
    assert results["again"] == [403, 60322, "Challenge already responded"]
    assert (results["listed"], results["approvedOnes"]) == (4, 2)
    assert results["renamed"] == ["Other phone", "verified"]
    assert results["factors"] == [True]
    assert results["entity"] is results["entities"] is True
    assert results["removedFactor"] is results["removedEntity"] is True
    assert results["noFactor"] == [404, 60390, "Factor not found"]
    assert results["noEntity"] == [404, 60392, "Entity not found"]


def sample_create_factor(verify, service, name):
    """Do what `create-factor` of Twilio's sample program `verify-totp` does."""
    identity = str(uuid.uuid4())
    factor = (
        verify.services(service.sid)
        .entities(identity)
        .new_factors.create(friendly_name=name, factor_type="totp")
    )
    binding = factor.binding
    return identity, factor.sid, binding["uri"], binding["secret"]


def sample_verify_new_factor(entity, factor_sid, code):
    """Do what `verify-new-factor` does: compare the status, show the error."""
    try:
        factor = entity.factors(factor_sid).update(auth_payload=code)
    except TwilioRestException as error:
        return error.status, error.msg
    if factor.status == "verified":
        return 200, "Factor verified."
    return 401, "Incorrect token."


def sample_create_challenge(entity, factor_sid, code):
    """Do what `create-challenge` does: compare the status, show the error."""
    try:
        challenge = entity.challenges.create(factor_sid=factor_sid, auth_payload=code)
    except TwilioRestException as error:
        return error.status, error.msg
    if challenge.status == "approved":
        return 200, "Verification success."
    return 401, "Incorrect token."


def test_sample_program_verify_totp_call_by_call(verify, service):
    # The sample leaves the skew at its default of 1.
    identity, sid, uri, secret = sample_create_factor(verify, service, "Owl Bank: Åsa")
    entity, app = verify.services(service.sid).entities(identity), AuthenticatorApp(uri)
    later = app.code(1)

    steps = [
        sample_verify_new_factor(entity, sid, app.wrong_code()),
        sample_create_challenge(entity, sid, app.code()),
        sample_verify_new_factor(entity, sid, app.code()),
        sample_create_challenge(entity, sid, app.wrong_code()),
        sample_create_challenge(entity, sid, later),
        sample_create_challenge(entity, sid, later),
        sample_create_challenge(entity, sid, "12"),
    ]

    assert secret in uri
    assert app.account == ("My shop", "Owl Bank: Åsa")
    assert [status for status, _ in steps] == [401, 403, 200, 401, 200, 401, 400]
    assert steps[2][1] == "Factor verified."
    assert steps[4][1] == "Verification success."
    assert "Factor is unverified" in steps[1][1]
    assert "Invalid Request: AuthPayload" in steps[6][1]
