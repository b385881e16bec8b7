"""The hooks for identity providers, with the requests that those send."""

from __future__ import annotations

import json
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from otp_engine.crypto import webhook_signatures
from otp_engine.crypto.webhook_signatures import WebhookSecret
from tests.examples.conftest import ACCOUNT, TOKEN
from tests.support import example_apps, redis_server

SERVICE = f"VA{'0' * 32}"
PHONE = "+919445012345"
SECRET = WebhookSecret(bytes(range(32)))
OTHER = WebhookSecret(bytes(range(32, 64)))
RUN_ACTION = Path(__file__).parent / "run_action.cjs"
# The fields of Supabase's documentation, with a number as its database has it. The real
# requests have `metadata` too.
SEND_SMS: dict[str, Any] = {
    "metadata": {
        "uuid": "93fd23fd-1a9b-4c5e-9d64-5ff3f5d6c4a2",
        "time": "2024-05-14T12:31:52Z",
        "name": "send-sms",
        "ip_address": "203.0.113.7",
    },
    "user": {
        "id": "6481a5c1-3d37-4a56-9f6a-bee08c554965",
        "aud": "authenticated",
        "role": "authenticated",
        "email": "",
        "phone": "919445012345",
        "app_metadata": {"provider": "phone", "providers": ["phone"]},
        "user_metadata": {},
        "is_anonymous": False,
    },
    "sms": {"otp": "561166"},
}
# The properties of `custom-phone-provider` in Auth0's documentation.
AUTH0_EVENT: dict[str, Any] = {
    "client": {"client_id": "c", "name": "Shop", "metadata": {}},
    "notification": {
        "as_text": "Your code is 561166",
        "as_voice": "Your code is 5 6 1 1 6 6",
        "code": "561166",
        "delivery_method": "text",
        "from": "+12025550100",
        "locale": "en_US",
        "message_type": "otp_verify",
        "recipient": PHONE,
    },
    "request": {"ip": "203.0.113.7"},
    "tenant": {"id": "shop"},
}


@pytest.fixture(scope="session")
def node():
    return redis_server.program("node", required_by="OTP_REQUIRE_NODE")


@pytest.fixture(scope="session")
def settings(service_url):
    return {
        "ENGINE_URL": service_url,
        "ENGINE_ACCOUNT": ACCOUNT,
        "ENGINE_TOKEN": TOKEN,
        "ENGINE_SERVICE": SERVICE,
    }


def running_supabase_hook(node, settings):
    port = redis_server.free_port()
    secret = f"v1,{SECRET.to_text()}"
    environ = {**settings, "SEND_SMS_HOOK_SECRET": secret, "PORT": str(port)}
    command = [node, "supabase/node.mjs"]
    return example_apps.running("hooks", command, port, environ)


@pytest.fixture(scope="module")
def shared_hook(node, settings):
    with running_supabase_hook(node, settings) as hook:
        yield hook


@pytest.fixture
def hook(shared_hook, service):
    return shared_hook


def signature(secret: WebhookSecret, body: bytes, age: timedelta) -> dict[str, str]:
    at = datetime.now(UTC) - age
    return webhook_signatures.sign([secret], message_id="msg-1", at=at, body=body)


def post(
    hook,
    payload,
    *,
    secrets=(SECRET,),
    age: timedelta = timedelta(),
    signed: bytes | None = None,
) -> httpx.Response:
    """Post a payload as Supabase does: signatures are joined by a comma and a space."""
    body = json.dumps(payload).encode()
    headers = [signature(secret, signed or body, age) for secret in secrets]
    joined = ", ".join(each["webhook-signature"] for each in headers)
    return httpx.post(
        hook.url.replace("localhost", "127.0.0.1"),
        content=body,
        headers={
            **headers[0],
            "webhook-signature": joined,
            "Content-Type": "application/json",
            "Accept-Encoding": "identity",
        },
    )


def inbox(service: str) -> list[tuple[str, str]]:
    response = httpx.get(f"{service}/dev/inbox.json", params={"to": PHONE})
    return [
        (message["channel"], message["code"]) for message in response.json()["messages"]
    ]


@pytest.mark.parametrize("secrets", [(SECRET,), (OTHER, SECRET), (SECRET, OTHER)])
def test_supabase_sends_its_code(hook, service, secrets):
    response = post(hook, SEND_SMS, secrets=secrets)

    assert (response.status_code, response.json()) == (200, {})
    assert response.headers["Content-Type"] == "application/json"
    assert inbox(service) == [("sms", "561166")]


def test_supabase_sends_to_the_new_number_of_a_change(hook, service):
    user = SEND_SMS["user"] | {"phone": "919445000000"}
    sms = {"otp": "561166", "sms_type": "phone_change", "phone": "919445012345"}

    post(hook, SEND_SMS | {"user": user, "sms": sms})

    assert inbox(service) == [("sms", "561166")]


@pytest.mark.parametrize(
    "changes",
    [
        {"secrets": (OTHER,)},
        {"age": timedelta(minutes=6)},
        {"age": timedelta(minutes=-6)},
        {"signed": b"{}"},
    ],
    ids=["another secret", "old", "of the future", "another body"],
)
def test_request_that_supabase_did_not_sign_is_rejected(hook, service, changes):
    response = post(hook, SEND_SMS, **changes)

    assert response.status_code == 401
    assert inbox(service) == []


def test_request_without_a_signature_is_rejected(hook, service):
    url = hook.url.replace("localhost", "127.0.0.1")

    response = httpx.post(url, json=SEND_SMS)

    assert response.status_code == 401
    assert inbox(service) == []


def test_supabase_gets_the_refusal_of_a_limit(hook):
    responses = []
    for last in range(7):
        user = SEND_SMS["user"] | {"phone": f"91944501230{last}"}
        responses.append(post(hook, SEND_SMS | {"user": user}))

    assert {response.status_code for response in responses} == {200}
    assert [response.json() for response in responses[:6]] == [{}] * 6
    assert responses[6].json()["error"]["http_code"] == 429
    assert "Retry-After" not in responses[6].headers


def test_supabase_gets_the_error_of_an_invalid_number(hook):
    user = SEND_SMS["user"] | {"phone": "12"}

    response = post(hook, SEND_SMS | {"user": user})

    assert response.json()["error"]["http_code"] == 422


def test_supabase_gets_an_error_while_the_service_is_down(node, settings):
    closed = {"ENGINE_URL": f"http://127.0.0.1:{redis_server.free_port()}"}
    with running_supabase_hook(node, settings | closed) as hook:
        response = post(hook, SEND_SMS)

    assert response.json()["error"]["http_code"] == 503


def test_output_of_the_hook_has_no_number_and_no_code(hook):
    for phone in ("919445012345", "12"):
        post(hook, SEND_SMS | {"user": SEND_SMS["user"] | {"phone": phone}})
    redis_server.wait_until(lambda: any("400" in line for line in hook.output))

    assert not [line for line in hook.output if "94450" in line or "561166" in line]


@pytest.mark.parametrize("secret", ["v1,whsec_", "v1,whsec_c2hvcnQ=", "no base64"])
def test_hook_does_not_start_with_an_invalid_secret(node, secret):
    result = subprocess.run(
        [node, "supabase/node.mjs"],
        cwd=example_apps.EXAMPLES / "hooks",
        env={"SEND_SMS_HOOK_SECRET": secret},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert result.returncode == 1
    assert "SEND_SMS_HOOK_SECRET is invalid" in result.stderr


@pytest.fixture
def run_action(node, settings):
    """Return a function that runs the action of Auth0, and returns what it reports."""

    def run(event=AUTH0_EVENT, **secrets: str) -> list[list[str]]:
        action = example_apps.EXAMPLES / "hooks" / "auth0" / "action.js"
        result = subprocess.run(
            [node, RUN_ACTION, action],
            input=json.dumps(event | {"secrets": settings | secrets}),
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
        reports: list[list[str]] = json.loads(result.stdout)
        return reports

    return run


def notification(**changes: str | None):
    return AUTH0_EVENT | {"notification": AUTH0_EVENT["notification"] | changes}


@pytest.mark.parametrize(("method", "channel"), [("text", "sms"), ("voice", "call")])
def test_auth0_sends_its_code(run_action, service, method, channel):
    reports = run_action(notification(delivery_method=method))

    assert reports == []
    assert inbox(service) == [(channel, "561166")]


def test_auth0_drops_a_notification_without_a_code(run_action, service):
    reports = run_action(notification(code=None, message_type="blocked_account"))

    assert reports == [["drop", "no code in blocked_account"]]
    assert inbox(service) == []


def test_auth0_drops_a_notification_for_an_invalid_number(run_action, service):
    assert run_action(notification(recipient="+12")) == [
        ["drop", "OTP Engine answered 400"]
    ]


def test_auth0_retries_while_the_service_is_down(run_action):
    closed = f"http://127.0.0.1:{redis_server.free_port()}"

    assert run_action(ENGINE_URL=closed) == [["retry", "OTP Engine is unavailable"]]


def test_auth0_drops_a_notification_with_a_wrong_token(run_action):
    assert run_action(ENGINE_TOKEN="another") == [["drop", "OTP Engine answered 401"]]


def keycloak(base_url: str, path: str, **form: str) -> httpx.Response:
    """Send what the plug-in for Keycloak does, below its `Verify API Base URL`."""
    return httpx.post(
        f"{base_url}/Services/{SERVICE}/{path}",
        data=form,
        headers={"Accept": "application/json"},
        auth=(ACCOUNT, TOKEN),
    )


def test_plugin_for_keycloak_works_unmodified(service, newest_code):
    base_url = f"{service}/v2"
    sent = keycloak(base_url, "Verifications", To=PHONE, Channel="sms")
    code = newest_code()
    wrong = "000000" if code != "000000" else "000001"
    failed = keycloak(base_url, "VerificationCheck", To=PHONE, Code=wrong)
    approved = keycloak(base_url, "VerificationCheck", To=PHONE, Code=code)

    assert sent.status_code == 201
    assert {"sid", "status", "valid"} <= sent.json().keys()
    assert (failed.json()["status"], failed.json()["valid"]) == ("pending", False)
    assert (approved.json()["status"], approved.json()["valid"]) == ("approved", True)
