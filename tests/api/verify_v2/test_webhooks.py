"""The resource `Webhooks`, and the resources of push factors and passkeys."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import parse_qsl

import pytest
from twilio.request_validator import RequestValidator

from otp_engine.api import context
from otp_engine.domain.factors.models import FactorRequest
from tests.support import http_server, redis_server
from tests.support.redis_dump import everything_in
from tests.support.verify_client import ACCOUNT, SERVICE, TOKEN, Verify

LIST = f"/v2/Services/{SERVICE}/Webhooks"
URL = "https://hooks.example.com/verify?token=1"
VALUES = {"FriendlyName": "Logins", "EventTypes": "*", "WebhookUrl": URL}
UNSUPPORTED = (403, 60204, "Service does not support this feature")


@pytest.fixture
def webhook(verify):
    return verify.post(LIST, **VALUES).body["sid"]


@pytest.fixture
def production(app_with):
    app = app_with(
        OTP_API_KEYS=f"{ACCOUNT}:{TOKEN}",
        OTP_DEV="0",
        OTP_ARGON2="m=64,t=1,p=1",
        OTP_SENDER="console",
        OTP_PEPPER="cGVwcGVyLTAxMjM0NTY3ODktb2YtYS10ZXN0LW9ubHk=",
        REDIS_URL="redis://127.0.0.1:6379/0",
        OTP_WEBHOOK_PRIVATE_NETWORKS="10.1.0.0/16",
    )
    return Verify(app.test_client())


def test_new_webhook_has_values_of_the_request(verify):
    response = verify.raw(
        LIST,
        data={
            **VALUES,
            "EventTypes": ["factor.created", "challenge.approved"],
            "Status": "disabled",
            "Version": "v1",
        },
    )

    assert response.status == 201
    body = response.body
    assert re.fullmatch(r"YW[0-9a-f]{32}", body["sid"])
    assert body["service_sid"] == SERVICE
    assert body["account_sid"] == ACCOUNT
    assert body["friendly_name"] == "Logins"
    assert body["event_types"] == ["factor.created", "challenge.approved"]
    assert (body["status"], body["version"]) == ("disabled", "v1")
    assert (body["webhook_url"], body["webhook_method"]) == (URL, "POST")
    assert body["url"] == f"http://localhost{LIST}/{body['sid']}"


def test_new_webhook_is_enabled_in_version_2(verify, webhook):
    body = verify.get(f"{LIST}/{webhook}").body

    assert (body["status"], body["version"]) == ("enabled", "v2")


def test_created_webhook_is_listed_and_fetched(verify, webhook):
    (listed,) = verify.get(LIST).body["webhooks"]

    assert listed["sid"] == webhook
    assert verify.get(f"{LIST}/{webhook}").body == listed


def test_webhook_of_another_service_is_not_found(verify, webhook):
    other = verify.service()

    response = verify.get(f"/v2/Services/{other}/Webhooks/{webhook}")

    assert response.error[:2] == (404, 20404)


def test_webhook_of_a_service_is_stored_with_it(verify):
    path = f"/v2/Services/{verify.service()}/Webhooks"
    created = verify.post(path, **VALUES).body

    assert verify.get(path).body["webhooks"] == [created]


def test_update_changes_only_given_values(verify, webhook):
    before = verify.get(f"{LIST}/{webhook}").body

    response = verify.post(f"{LIST}/{webhook}", Status="disabled")

    assert response.status == 200
    changed = {"status": "disabled", "date_updated": response.body["date_updated"]}
    assert response.body == before | changed


def test_deleted_webhook_is_not_found(verify, webhook):
    response = verify.delete(f"{LIST}/{webhook}")

    assert response.status == 204
    assert verify.get(f"{LIST}/{webhook}").error[:2] == (404, 20404)
    assert verify.get(LIST).body["webhooks"] == []


@pytest.mark.parametrize("name", VALUES)
def test_missing_parameter_is_rejected_by_its_name(verify, name):
    values = {key: value for key, value in VALUES.items() if key != name}

    response = verify.post(LIST, **values)

    assert response.error == (400, 60306, f"Invalid Request: {name}")


@pytest.mark.parametrize(
    "types", ["factor.updated", "factor.created,sms", ",", "verification.approved"]
)
def test_unknown_event_type_is_rejected(verify, types):
    response = verify.post(LIST, **VALUES | {"EventTypes": types})

    assert response.error == (400, 60306, "Invalid Request: EventTypes")


def test_other_repeated_parameter_is_rejected(verify):
    response = verify.raw(LIST, data={**VALUES, "WebhookUrl": [URL, URL]})

    assert response.error[:2] == (400, 60200)


def test_eleventh_webhook_is_rejected(verify):
    for _ in range(10):
        assert verify.post(LIST, **VALUES).status == 201

    response = verify.post(LIST, **VALUES)

    message = "Invalid Request: Max Webhooks per Service reached"
    assert response.error == (400, 60306, message)


def test_simultaneous_webhooks_stay_within_the_maximum(verify):
    with ThreadPoolExecutor(15) as threads:
        responses = list(
            threads.map(lambda _: verify.post(LIST, **VALUES).status, range(15))
        )

    assert sorted(responses) == [201] * 10 + [400] * 5
    assert len(verify.get(LIST).body["webhooks"]) == 10


@pytest.mark.parametrize(
    "url",
    [
        "http://hooks.example.com/",
        "https://127.0.0.1/",
        "https://[::1]/",
        "https://169.254.169.254/latest/meta-data",
        "https://10.2.0.1/",
        "https://[::ffff:10.2.0.1]/",
        "https://2130706433/",
        "https://user:password@hooks.example.com/",
        "https://hooks.example.com/#rc=5",
        "https://hooks.example.com/a b",
        "ftp://hooks.example.com/",
        "file:///etc/passwd",
        "hooks.example.com",
    ],
)
def test_url_that_no_post_may_go_to_is_rejected(production, url):
    response = production.post(LIST, **VALUES | {"WebhookUrl": url})

    assert response.error == (400, 60306, "Invalid Request: WebhookUrl")
    assert production.get(LIST).body["webhooks"] == []


@pytest.mark.parametrize("url", [URL, "https://10.1.2.3/", "https://203.0.114.7:8443/"])
def test_url_that_a_post_may_go_to_is_accepted(production, url):
    response = production.post(LIST, **VALUES | {"WebhookUrl": url})

    assert response.status == 201


@pytest.mark.parametrize("url", ["http://127.0.0.1:8080/", "http://localhost/hook"])
def test_http_url_is_accepted_in_dev_mode(verify, url):
    response = verify.post(LIST, **VALUES | {"WebhookUrl": url})

    assert response.status == 201


def test_default_service_keeps_its_environment_with_a_webhook(verify, webhook):
    body = verify.get(f"/v2/Services/{SERVICE}").body

    assert body["friendly_name"] == "OTP Engine"


def test_answers_about_one_webhook_have_its_secret(verify):
    created = verify.post(LIST, **VALUES)
    path = f"{LIST}/{created.body['sid']}"

    fetched, updated = verify.get(path), verify.post(path, Status="disabled")

    secret = created.headers["OTP-Webhook-Secret"]
    assert len(secret) == 43
    assert fetched.headers["OTP-Webhook-Secret"] == secret
    assert updated.headers["OTP-Webhook-Secret"] == secret
    assert "OTP-Webhook-Secret" not in verify.get(LIST).headers


def test_each_webhook_has_its_own_secret(verify):
    first, second = (verify.post(LIST, **VALUES).headers for _ in range(2))

    assert first["OTP-Webhook-Secret"] != second["OTP-Webhook-Secret"]


def test_redis_holds_no_secret_of_a_webhook(verify, redis):
    secret = verify.post(LIST, **VALUES).headers["OTP-Webhook-Secret"]

    assert secret.encode() not in everything_in(redis)


def test_webhook_without_factors_has_no_secret(production):
    response = production.post(LIST, **VALUES)

    assert response.status == 201
    assert "OTP-Webhook-Secret" not in response.headers


def test_change_of_a_factor_is_posted_with_the_secret_of_the_webhook(app_with):
    app = app_with(OTP_API_KEYS=f"{ACCOUNT}:{TOKEN}")
    verify = Verify(app.test_client())
    with http_server.running() as receiver:
        url = f"{receiver.url}/hook"
        created = verify.post(LIST, **VALUES | {"WebhookUrl": url})
        secret = created.headers["OTP-Webhook-Secret"]
        with app.app_context():
            dependencies = context.get_dependencies()
            new = dependencies.factors.create_factor(
                FactorRequest(
                    service=dependencies.service,
                    identity="person-0001",
                    friendly_name="My phone",
                )
            )
        redis_server.wait_until(lambda: bool(receiver.requests))

    [request] = receiver.requests
    form = dict(parse_qsl(request.body.decode()))
    assert (form["type"], form["factor_sid"]) == ("factor.created", new.factor.sid)
    assert (form["entity_identity"], form["service_sid"]) == ("person-0001", SERVICE)
    assert new.secret not in request.body.decode()
    signature = request.headers["x-twilio-signature"]
    assert RequestValidator(secret).validate(url, form, signature)


def test_receiver_that_hangs_delays_no_request(verify):
    with http_server.running() as receiver:
        receiver.behave = receiver.hang
        verify.post(LIST, **VALUES | {"WebhookUrl": receiver.url})
        factors = f"/v2/Services/{SERVICE}/Entities/person-0001/Factors"

        created = verify.post(factors, FriendlyName="Phone", FactorType="totp")
        deleted = verify.delete(f"{factors}/{created.body['sid']}")

        redis_server.wait_until(lambda: bool(receiver.requests))
        assert not receiver.let_go.is_set()
    assert (created.status, deleted.status) == (201, 204)


@pytest.mark.parametrize(
    "name",
    [
        "AccessTokens",
        f"Entities/person-1/Challenges/YC{'1' * 32}/Notifications",
        "Passkeys/Factors",
        "Passkeys/VerifyFactor",
        "Passkeys/Challenges",
        "Passkeys/ApproveChallenge",
    ],
)
def test_push_and_passkeys_are_not_supported(verify, name):
    response = verify.post(f"/v2/Services/{SERVICE}/{name}")

    assert response.error == UNSUPPORTED


def test_access_token_is_not_supported(verify):
    response = verify.get(f"/v2/Services/{SERVICE}/AccessTokens/YK{'1' * 32}")

    assert response.error == UNSUPPORTED


def test_push_of_an_unknown_service_is_not_found(verify):
    response = verify.post(f"/v2/Services/VA{'9' * 32}/AccessTokens")

    assert response.error[:2] == (404, 20404)
