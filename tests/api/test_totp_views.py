"""The contract of `/auth/totp`: the statuses, bodies and headers of its responses."""

from __future__ import annotations

import base64
import json
import time
from urllib.parse import parse_qs, urlsplit

import jwt
import pyotp
import pytest

from tests.support import qr_svg
from tests.support.settings import ANONYMOUS, PRODUCTION

ALICE = {"identity": "user-4711"}
BOB = {"identity": "user-0815"}
SECRET = "shop-secret-0123456789abcdef"
KEY = {"Authorization": f"Bearer {SECRET}"}
WITHOUT_FACTOR_KEY = PRODUCTION | {"OTP_API_KEYS": f"shop:{SECRET}"}
KEYS = {"OTP_API_KEYS": f"shop:{SECRET}"}
SEED = base64.b64encode(b"s" * 32).decode()
UNKNOWN = "zzzzz-zzzzz"
PATHS = [
    ("POST", "/auth/totp/enroll"),
    ("POST", "/auth/totp/activate"),
    ("POST", "/auth/totp/verify"),
    ("DELETE", "/auth/totp"),
]


@pytest.fixture
def client(app_with):
    return app_with().test_client()


def enroll(client, who=ALICE, **more):
    return client.post("/auth/totp/enroll", json=who | more)


def activate(client, otp, who=ALICE):
    return client.post("/auth/totp/activate", json=who | {"otp": otp})


def verify(client, who=ALICE, **fields):
    return client.post("/auth/totp/verify", json=who | fields)


def code(secret, step=0):
    """Return the code of a time step; later ones stay in the window meanwhile."""
    return pyotp.TOTP(secret).generate_otp(int(time.time()) // 30 + step)


def wrong(secret):
    valid = {code(secret, step) for step in range(-3, 5)}
    return next(each for each in ("000000", "111111", *valid) if each not in valid)


def active(client, who=ALICE):
    """Enroll and activate an app; return the body of its enrollment."""
    enrolled = enroll(client, who).json
    assert activate(client, code(enrolled["secret"]), who).json == APPROVED
    return enrolled


APPROVED = {"VerificationStatus": "approved"}
PENDING = {"VerificationStatus": "pending"}


def test_enrollment_returns_the_body_of_the_contract(client):
    response = enroll(client, name="Alice")

    assert response.status_code == 201
    assert list(json.loads(response.data)) == [
        *("VerificationStatus", "secret", "uri", "qr_code", "recovery_codes")
    ]
    assert response.json["VerificationStatus"] == "pending"
    assert response.headers["Cache-Control"] == "no-store"


def test_enrollment_has_a_uri_with_every_parameter(client):
    body = enroll(client, name="Alice: home").json

    uri = urlsplit(body["uri"])
    assert (uri.scheme, uri.netloc) == ("otpauth", "totp")
    assert uri.path == "/OTP%20Engine:Alice%3A%20home"
    assert parse_qs(uri.query) == {
        "secret": [body["secret"]],
        "issuer": ["OTP Engine"],
        "algorithm": ["SHA1"],
        "digits": ["6"],
        "period": ["30"],
    }


def test_app_shows_the_identity_without_a_name(client):
    uri = enroll(client).json["uri"]

    assert urlsplit(uri).path.endswith(":user-4711")


def test_qr_code_of_an_enrollment_contains_its_uri(client):
    body = enroll(client).json

    assert qr_svg.decode(body["qr_code"]) == body["uri"]


def test_enrollment_has_ten_recovery_codes(client):
    codes = enroll(client).json["recovery_codes"]

    assert len(set(codes)) == 10
    assert {len(each) for each in codes} == {11}


def test_form_is_read_as_json_is(client):
    enrolled = client.post("/auth/totp/enroll", data=ALICE | {"name": "Ä"}).json

    response = client.post(
        "/auth/totp/activate", data=ALICE | {"otp": code(enrolled["secret"])}
    )

    assert response.json == APPROVED


def test_right_code_activates_the_enrollment(client):
    secret = enroll(client).json["secret"]

    response = activate(client, code(secret))

    assert (response.status_code, response.json) == (201, APPROVED)
    assert response.headers["OTP-Channel"] == "totp"


def test_wrong_code_of_an_activation_is_pending_with_attempts(client):
    secret = enroll(client).json["secret"]

    response = activate(client, wrong(secret))

    assert (response.status_code, response.json) == (201, PENDING)
    assert response.headers["OTP-Attempts-Left"] == "4"


def test_second_activation_is_refused(client):
    secret = active(client)["secret"]

    response = activate(client, code(secret, 1))

    assert response.status_code == 409
    assert response.json["error"] == "factor_already_verified"


def test_active_authenticator_approves_a_right_code(client):
    secret = active(client)["secret"]

    response = verify(client, otp=code(secret, 1))

    assert (response.status_code, response.json) == (201, APPROVED)
    assert response.headers["OTP-Channel"] == "totp"
    assert "OTP-Attempts-Left" not in response.headers


def test_code_is_read_in_any_script_and_with_spaces(client):
    secret = active(client)["secret"]
    arabic = code(secret, 1).translate({48 + i: 0x0660 + i for i in range(10)})

    response = verify(client, otp=f"{arabic[:3]} {arabic[3:]}")

    assert response.json == APPROVED


def test_code_that_was_used_is_wrong(client):
    secret = active(client)["secret"]
    used = code(secret, 1)
    verify(client, otp=used)

    response = verify(client, otp=used)

    assert (response.status_code, response.json) == (201, PENDING)
    assert response.headers["OTP-Attempts-Left"] == "9"
    assert "OTP-Channel" not in response.headers


def test_code_of_the_activation_cannot_be_used_again(client):
    secret = enroll(client).json["secret"]
    used = code(secret)
    activate(client, used)

    assert verify(client, otp=used).json == PENDING


def test_unverified_enrollment_is_not_checked(client):
    secret = enroll(client).json["secret"]

    response = verify(client, otp=code(secret))

    assert (response.status_code, response.json["error"]) == (404, "factor_not_found")


def test_earlier_authenticator_works_until_the_next_one_is_active(client):
    old = active(client)
    new = enroll(client).json

    before = verify(client, otp=code(old["secret"], 1))
    activate(client, code(new["secret"]))
    after = verify(client, recovery_code=old["recovery_codes"][0])

    assert before.json == APPROVED
    assert after.json == PENDING
    assert verify(client, recovery_code=new["recovery_codes"][0]).json == APPROVED


def test_enrollment_without_attempts_is_refused_without_a_wait(client):
    secret = enroll(client).json["secret"]
    left = [
        activate(client, wrong(secret)).headers["OTP-Attempts-Left"] for _ in range(5)
    ]

    response = activate(client, code(secret))

    assert left == ["4", "3", "2", "1", "0"]
    assert (response.status_code, response.json["error"]) == (429, "enrollment_locked")
    assert "Enroll it again." in response.json["msg"]
    assert response.headers["OTP-Attempts-Left"] == "0"
    assert "Retry-After" not in response.headers


def test_locked_authenticator_refuses_the_right_code(app_with):
    client = app_with(OTP_FAILED_CHECKS_PER_FACTOR="2/1h").test_client()
    secret = active(client)["secret"]
    for _ in range(2):
        verify(client, otp=wrong(secret))

    response = verify(client, otp=code(secret, 1))

    assert (response.status_code, response.json["error"]) == (429, "rate_limited")
    assert 0 < int(response.headers["Retry-After"]) <= 3_600


def test_locked_authenticator_leaves_recovery_codes_and_others_open(app_with):
    client = app_with(OTP_FAILED_CHECKS_PER_FACTOR="1/1h").test_client()
    alice, bob = active(client), active(client, BOB)
    verify(client, otp=wrong(alice["secret"]))

    by_recovery_code = verify(client, recovery_code=alice["recovery_codes"][0])
    of_bob = verify(client, BOB, otp=code(bob["secret"], 1))

    assert by_recovery_code.json == APPROVED
    assert of_bob.json == APPROVED


def test_locked_recovery_codes_leave_the_authenticator_open(app_with):
    client = app_with(OTP_FAILED_CHECKS_PER_FACTOR="1/1h").test_client()
    alice = active(client)
    verify(client, recovery_code=UNKNOWN)

    refused = verify(client, recovery_code=alice["recovery_codes"][0])
    approved = verify(client, otp=code(alice["secret"], 1))

    assert refused.status_code == 429
    assert approved.json == APPROVED


def test_recovery_code_is_approved_once_with_the_number_left(client):
    recovery_code = active(client)["recovery_codes"][3]

    response = verify(client, recovery_code=f" {recovery_code.upper()} ")
    again = verify(client, recovery_code=recovery_code)

    assert (response.status_code, response.json) == (201, APPROVED)
    assert response.headers["OTP-Channel"] == "recovery_code"
    assert response.headers["OTP-Recovery-Codes-Left"] == "9"
    assert again.json == PENDING
    assert again.headers["OTP-Recovery-Codes-Left"] == "9"
    assert again.headers["OTP-Attempts-Left"] == "9"


def test_every_recovery_code_works_and_then_none(client):
    codes = active(client)["recovery_codes"]

    responses = [verify(client, recovery_code=each) for each in codes]

    left = [each.headers["OTP-Recovery-Codes-Left"] for each in responses]
    assert [each.json for each in responses] == [APPROVED] * 10
    assert left == [str(number) for number in range(9, -1, -1)]
    assert verify(client, recovery_code=codes[0]).json == PENDING


def test_recovery_code_of_another_identity_is_wrong(client):
    codes = active(client, BOB)["recovery_codes"]
    active(client)

    assert verify(client, recovery_code=codes[0]).json == PENDING


def test_recovery_codes_of_an_enrollment_wait_for_its_activation(client):
    codes = enroll(client).json["recovery_codes"]

    response = verify(client, recovery_code=codes[0])

    assert (response.status_code, response.json["error"]) == (404, "factor_not_found")


def test_deleted_authenticator_is_gone_with_its_recovery_codes(client):
    alice = active(client)

    response = client.delete("/auth/totp", json=ALICE)

    assert (response.status_code, response.data) == (204, b"")
    for fields in (
        {"otp": code(alice["secret"], 1)},
        {"recovery_code": alice["recovery_codes"][0]},
    ):
        assert verify(client, **fields).status_code == 404
    assert client.delete("/auth/totp", json=ALICE).status_code == 404


def test_deletion_deletes_an_unfinished_enrollment(client):
    secret = enroll(client).json["secret"]

    assert client.delete("/auth/totp", json=ALICE).status_code == 204
    assert activate(client, code(secret)).status_code == 404


def test_identity_is_enrolled_ten_times_an_hour(client):
    statuses = [enroll(client).status_code for _ in range(11)]

    assert statuses == [201] * 10 + [429]
    assert enroll(client, BOB).status_code == 201


def test_client_with_a_key_gets_the_name_of_the_limit(app_with):
    client = app_with(**KEYS).test_client()
    for _ in range(10):
        client.post("/auth/totp/enroll", json=ALICE, headers=KEY)

    response = client.post("/auth/totp/enroll", json=ALICE, headers=KEY)

    assert response.json["limit"] == "enrollments_per_identity"


def test_requester_is_counted_before_the_identity(app_with):
    client = app_with(OTP_CHECKS_PER_IP="1/1m").test_client()
    enroll(client)

    response = enroll(client, BOB)

    assert response.status_code == 429


@pytest.mark.parametrize(("method", "path"), PATHS)
def test_every_request_needs_a_key(app_with, method, path):
    client = app_with(**KEYS).test_client()

    response = client.open(path, method=method, json=ALICE | {"otp": "482913"})

    assert (response.status_code, response.json["error"]) == (401, "unauthorized")


@pytest.mark.parametrize(("method", "path"), PATHS)
def test_anonymous_client_outside_dev_mode_is_rejected(app_with, method, path):
    client = app_with(**ANONYMOUS).test_client()

    response = client.open(path, method=method, json=ALICE | {"otp": "482913"})

    assert (response.status_code, response.json["error"]) == (401, "unauthorized")


@pytest.mark.parametrize(("method", "path"), PATHS)
def test_without_a_factor_key_every_request_is_forbidden(app_with, method, path):
    client = app_with(**WITHOUT_FACTOR_KEY).test_client()

    response = client.open(
        path, method=method, json=ALICE | {"otp": "482913"}, headers=KEY
    )

    assert response.status_code == 403
    assert response.json["error"] == "totp_not_configured"


@pytest.mark.parametrize(
    "identity",
    [
        "short",
        "x" * 65,
        "person@example.com",
        "+919445012345",
        "919445012345",
        "91-9445-012345",
        "user 4711",
        "üser-4711",
        "user_4711",
        "user-4711\n",
    ],
)
@pytest.mark.parametrize(("method", "path"), PATHS)
def test_invalid_identity_is_rejected_and_not_repeated(client, method, path, identity):
    body = {"identity": identity, "otp": "482913"}

    response = client.open(path, method=method, json=body)

    assert (response.status_code, response.json["error"]) == (400, "invalid_identity")
    assert identity not in response.text


@pytest.mark.parametrize(
    ("path", "body", "error"),
    [
        ("enroll", {}, "invalid_request"),
        ("enroll", {"identity": 12345678}, "invalid_request"),
        ("enroll", ALICE | {"name": ""}, "invalid_request"),
        ("enroll", ALICE | {"name": "x" * 65}, "invalid_factor"),
        ("enroll", ALICE | {"name": "a\nb"}, "invalid_factor"),
        ("enroll", ALICE | {"name": ["a"]}, "invalid_request"),
        ("activate", ALICE, "invalid_request"),
        ("activate", ALICE | {"otp": "12345"}, "invalid_code"),
        ("activate", ALICE | {"otp": "123456789"}, "invalid_code"),
        ("activate", ALICE | {"otp": "abcdef"}, "invalid_code"),
        ("activate", ALICE | {"otp": 482913}, "invalid_request"),
        ("verify", ALICE, "invalid_request"),
        ("verify", ALICE | {"otp": "1234"}, "invalid_code"),
        ("verify", ALICE | {"recovery_code": "482913"}, "invalid_code"),
        ("verify", ALICE | {"recovery_code": "7k2pd9xw4m7k2pd9xw4m"}, "invalid_code"),
        (
            "verify",
            ALICE | {"otp": "482913", "recovery_code": UNKNOWN},
            "invalid_request",
        ),
    ],
)
def test_bad_input_is_rejected_and_uses_no_attempt(app_with, path, body, error):
    client = app_with(OTP_CHECKS_PER_IP="3/1m").test_client()
    secret = active(client)["secret"]

    response = client.post(f"/auth/totp/{path}", json=body)

    assert (response.status_code, response.json["error"]) == (400, error)
    assert verify(client, otp=code(secret, 1)).json == APPROVED


def test_first_invalid_field_decides_the_error(client):
    response = verify(client, {"identity": "short"}, otp="x")

    assert response.json["error"] == "invalid_identity"


def test_body_above_the_limit_is_rejected(client):
    response = client.post("/auth/totp/verify", json=ALICE | {"otp": "1" * 20_000})

    assert response.status_code == 413


def test_page_of_another_origin_is_rejected(client):
    response = client.post(
        "/auth/totp/enroll", json=ALICE, headers={"Origin": "https://evil.example"}
    )

    assert response.json["error"] == "origin_not_allowed"


def test_preflight_of_a_listed_origin_allows_a_deletion(app_with):
    origin = "https://shop.example.com"
    client = app_with(OTP_CORS_ORIGINS=origin).test_client()

    response = client.options(
        "/auth/totp",
        headers={"Origin": origin, "Access-Control-Request-Method": "DELETE"},
    )

    assert response.status_code == 204
    assert response.headers["Access-Control-Allow-Methods"] == "DELETE"


def claims(client, response, audience="shop"):
    [key] = client.get("/.well-known/jwks.json").json["keys"]
    return jwt.decode(
        response.headers["OTP-Proof"],
        jwt.PyJWK(key),
        algorithms=["EdDSA"],
        audience=audience,
    )


@pytest.mark.parametrize("method", ["totp", "recovery_code"])
def test_approval_has_a_proof_of_the_identity(app_with, method):
    client = app_with(OTP_PROOF_KEY=SEED).test_client()
    alice = active(client)
    fields = {
        "totp": {"otp": code(alice["secret"], 1)},
        "recovery_code": {"recovery_code": alice["recovery_codes"][0]},
    }

    response = verify(client, **fields[method])

    proof = claims(client, response, "anonymous")
    assert (proof["sub"], proof["factor"]) == ("user-4711", method)
    assert proof["exp"] - proof["iat"] == 120
    assert abs(proof["iat"] - time.time()) < 60


def test_activation_has_a_proof(app_with):
    client = app_with(OTP_PROOF_KEY=SEED).test_client()
    secret = enroll(client).json["secret"]

    response = activate(client, code(secret))

    assert claims(client, response, "anonymous")["factor"] == "totp"


def test_failed_check_has_no_proof(app_with):
    client = app_with(OTP_PROOF_KEY=SEED).test_client()
    secret = active(client)["secret"]

    response = verify(client, otp=wrong(secret))

    assert "OTP-Proof" not in response.headers
