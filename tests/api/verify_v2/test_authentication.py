from __future__ import annotations

import base64

import pytest

from otp_engine.errors import InvalidSettings
from tests.support.verify_client import ACCOUNT, SERVICE, TO, TOKEN

KEY = f"SK{'b' * 32}"
PRODUCTION_WITHOUT_KEYS = {
    "OTP_DEV": "0",
    "OTP_ARGON2": "light",
    "OTP_ALLOW_ANONYMOUS": "1",
    "OTP_SENDER": "console",
    "OTP_PEPPER": base64.b64encode(bytes(range(32))).decode(),
    "REDIS_URL": "redis://localhost",
}


def test_response_has_account_sid_of_api_key(verify_with):
    keys = f"{ACCOUNT}:{TOKEN},{KEY}:the-secret-of-the-key"
    verify = verify_with(KEY, "the-secret-of-the-key", OTP_API_KEYS=keys)

    assert verify.send().body["account_sid"] == ACCOUNT


def test_dev_mode_without_keys_returns_claimed_account_sid(verify_with):
    verify = verify_with(user=f"AC{'c' * 32}")

    assert verify.send().body["account_sid"] == f"AC{'c' * 32}"


def test_key_named_for_auth_is_rejected(verify_with):
    verify = verify_with(
        "shop", "shop-secret-0123456789", OTP_API_KEYS="shop:shop-secret-0123456789"
    )

    response = verify.post("/v2/Services", FriendlyName="Mine")

    assert response.error == (401, 20003, "Authentication Error - invalid username")


def test_anonymous_client_is_rejected_outside_of_dev_mode(verify_with):
    verify = verify_with(**PRODUCTION_WITHOUT_KEYS)

    assert verify.get("/v2/Attempts").error[:2] == (401, 20003)
    assert verify.auth("/auth/send_otp", phone=TO)["VerificationStatus"] == "pending"


@pytest.mark.parametrize(
    ("user", "password"), [(ACCOUNT, "wrong"), (f"AC{'d' * 32}", TOKEN), ("", "")]
)
def test_wrong_credentials_are_rejected(verify_with, user, password):
    verify = verify_with(user, password, OTP_API_KEYS=f"{ACCOUNT}:{TOKEN}")

    response = verify.send()

    assert response.error == (401, 20003, "Authentication Error - invalid username")
    assert response.body["detail"] == ""
    assert response.headers["WWW-Authenticate"].startswith("Basic")


@pytest.mark.parametrize(
    "path",
    [
        "/v2/services",
        f"/v2/Services/{SERVICE}/verifications",
        f"/v2/Services/{SERVICE}/entities",
        "/v2/Forms/form-push",
        "/v2/",
        "/v2/Services/",
    ],
)
def test_unknown_path_is_not_found(verify, path):
    response = verify.get(path)

    assert response.error == (
        404,
        20404,
        f"The requested resource {path} was not found",
    )


@pytest.mark.parametrize(
    "name", [f"VA{'f' * 32}", f"MG{'0' * 32}", "VA0", "%00", "..%2f", "x" * 5_000]
)
def test_unknown_service_is_not_found(verify, name):
    assert verify.get(f"/v2/Services/{name}").error[:2] == (404, 20404)
    assert verify.send(service=name).error[:2] == (404, 20404)


@pytest.mark.parametrize(
    "name", [f"VE{'f' * 32}", f"VL{'0' * 32}", "VE0", "+1", "hello", TO]
)
def test_unknown_verification_is_not_found(verify, name):
    path = f"/v2/Services/{SERVICE}/Verifications/{name}"

    assert verify.get(path).error[:2] == (404, 20404)
    assert verify.post(path, Status="canceled").error[:2] == (404, 20404)


def test_not_found_message_masks_number_of_verification(verify):
    response = verify.get(f"/v2/Services/{SERVICE}/Verifications/{TO}")

    assert "9445012345" not in response.body["message"]


@pytest.mark.parametrize(
    "path",
    [
        f"/v2/Services/{SERVICE}/Verifications/{TO}/",
        f"/v2/Services/{SERVICE}/Verifications//{TO}",
        f"/v2/Services/{SERVICE}/verifications/{TO}",
        f"/v2/SafeList/{TO}",
        f"/v2/Attempts/{TO}",
        f"/v2/Services/{SERVICE}/VerificationCheck/482913",
        f"/v2/{TO * 900}",
    ],
)
def test_not_found_message_masks_unknown_parts_of_path(verify, path):
    message = verify.get(path).body["message"]

    assert "9445012345" not in message
    assert "482913" not in message
    assert len(message) < 600


def test_unsupported_method_is_not_allowed(verify):
    response = verify.delete(f"/v2/Services/{SERVICE}/Verifications")

    assert response.error == (405, 20004, "Method not allowed")
    assert response.headers["Allow"] == "POST"


def test_two_accounts_are_rejected_at_start(verify_with):
    keys = f"{ACCOUNT}:{TOKEN},AC{'b' * 32}:another-token-of-16"

    with pytest.raises(InvalidSettings, match="several account SIDs"):
        verify_with(OTP_API_KEYS=keys)
