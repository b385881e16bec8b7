from __future__ import annotations

import base64
import re
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.support.authenticator_app import AuthenticatorApp
from tests.support.totp_client import IDENTITY, UNKNOWN
from tests.support.verify_client import ACCOUNT, SERVICE

SECRET = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"  # RFC 6238, appendix B


def test_new_factor_is_unverified_and_has_its_binding(totp):
    response = totp.create_factor(FriendlyName="John\u2019s phone", Config__Skew="1")

    assert response.status == 201
    body = response.body
    assert re.fullmatch(r"YF[0-9a-f]{32}", body["sid"])
    assert (body["status"], body["factor_type"]) == ("unverified", "totp")
    assert body["friendly_name"] == "John\u2019s phone"
    assert body["identity"] == IDENTITY
    assert (body["account_sid"], body["service_sid"]) == (ACCOUNT, SERVICE)
    assert body["config"] == {
        "alg": "sha1",
        "skew": 1,
        "code_length": 6,
        "time_step": 30,
    }
    assert (body["metadata"], body["options"]) == (None, None)
    assert body["url"] == f"http://localhost{totp.factors}/{body['sid']}"
    assert len(base64.b32decode(body["binding"]["secret"])) == 20


def test_uri_has_every_value_as_those_of_verify_have(totp):
    service = totp.verify.service(Totp__Issuer="test-issuer")
    totp.service = service

    binding = totp.create_factor(
        FriendlyName="John\u2019s Account Name", Binding__Secret=SECRET
    ).body["binding"]

    assert binding == {
        "secret": SECRET,
        "uri": "otpauth://totp/test-issuer:John%E2%80%99s%20Account%20Name"
        f"?secret={SECRET}&issuer=test-issuer&algorithm=SHA1&digits=6&period=30",
    }


def test_issuer_of_a_service_without_one_is_its_name(totp):
    totp.service = totp.verify.service(FriendlyName="My shop")

    uri = totp.create_factor().body["binding"]["uri"]

    assert uri.startswith("otpauth://totp/My%20shop:My%20phone?")


def test_binding_is_only_in_the_answer_of_the_creation(totp):
    created = totp.create_factor().body
    binding, options = created.pop("binding"), created.pop("options")

    fetched = totp.verify.get(f"{totp.factors}/{created['sid']}").body
    listed = totp.verify.get(totp.factors).body["factors"]
    verified = totp.verify_factor(created["sid"]).body

    assert (binding is not None, options) == (True, None)
    assert fetched == created
    assert listed == [created]
    assert "binding" not in verified


def test_settings_of_the_service_are_the_defaults_of_a_new_factor(totp):
    totp.service = totp.verify.service(
        Totp__TimeStep="60", Totp__CodeLength="8", Totp__Skew="2"
    )

    body = totp.create_factor(Config__Skew="").body

    assert body["config"] == {
        "alg": "sha1",
        "skew": 2,
        "code_length": 8,
        "time_step": 60,
    }
    query = parse_qs(urlsplit(body["binding"]["uri"]).query)
    assert (query["digits"], query["period"]) == (["8"], ["60"])
    assert totp.verify_factor(body["sid"]).body["status"] == "verified"


@pytest.mark.parametrize(("algorithm", "size"), [("sha256", 32), ("sha512", 64)])
def test_factor_of_another_algorithm_can_be_verified(totp, algorithm, size):
    body = totp.create_factor(Config__Alg=algorithm).body

    assert body["config"]["alg"] == algorithm
    secret = body["binding"]["secret"]
    assert len(base64.b32decode(secret + "=" * (-len(secret) % 8))) == size
    assert totp.verify_factor(body["sid"]).body["status"] == "verified"


def test_right_code_verifies_the_factor(totp):
    created = totp.create_factor().body

    response = totp.verify_factor(created["sid"])

    assert (response.status, response.body["status"]) == (200, "verified")
    fetched = totp.verify.get(f"{totp.factors}/{created['sid']}").body
    assert fetched == response.body


def test_wrong_code_leaves_the_factor_unverified(totp):
    sid = totp.create_factor().body["sid"]

    response = totp.verify_factor(sid, totp.apps[sid].wrong_code())

    assert (response.status, response.body["status"]) == (200, "unverified")


def test_sixth_code_of_an_unverified_factor_is_refused(totp):
    sid = totp.create_factor().body["sid"]
    for _ in range(5):
        totp.verify_factor(sid, totp.apps[sid].wrong_code())

    response = totp.verify_factor(sid)

    assert response.error == (429, 60310, "Factor verification attempts reached")
    assert "OTP-Retry-After" not in response.headers
    fetched = totp.verify.get(f"{totp.factors}/{sid}").body
    assert fetched["status"] == "unverified"


def test_code_for_a_verified_factor_is_refused(totp):
    sid = totp.verified_factor()

    response = totp.verify_factor(sid, totp.apps[sid].code())

    assert response.error == (403, 60311, "Factor verification failed")


def test_friendly_name_can_be_changed(totp):
    sid = totp.verified_factor()

    response = totp.verify.post(f"{totp.factors}/{sid}", FriendlyName="New name")

    assert response.status == 200
    assert response.body["friendly_name"] == "New name"
    assert response.body["status"] == "verified"
    assert totp.verify.get(f"{totp.factors}/{sid}").body == response.body


@pytest.mark.parametrize("name", ["x" * 65, "two\nlines", " "])
def test_invalid_new_name_is_refused_and_changes_nothing(totp, name):
    created = totp.create_factor().body
    sid = created["sid"]

    response = totp.verify_factor(sid, FriendlyName=name)

    assert response.error == (400, 60306, "Invalid Request: FriendlyName")
    fetched = totp.verify.get(f"{totp.factors}/{sid}").body
    assert (fetched["friendly_name"], fetched["status"]) == ("My phone", "unverified")


@pytest.mark.parametrize(
    "name", ["\U0001f469\u200d\U0001f4bb", "Acme\u00a0phone", "x" * 64]
)
def test_name_with_any_printed_character_is_accepted(totp, name):
    created = totp.create_factor(FriendlyName=name).body

    assert created["friendly_name"] == name
    assert totp.apps[created["sid"]].account[1] == name


def test_changed_configuration_keeps_the_other_values(totp):
    sid = totp.create_factor(Config__TimeStep="20").body["sid"]

    body = totp.verify.post(f"{totp.factors}/{sid}", Config__Skew="0").body

    assert body["config"] == {
        "alg": "sha1",
        "skew": 0,
        "code_length": 6,
        "time_step": 20,
    }


def test_code_of_the_new_configuration_verifies(totp):
    created = totp.create_factor().body
    uri = created["binding"]["uri"].replace("digits=6", "digits=8")
    code = AuthenticatorApp(uri).code()

    response = totp.verify_factor(created["sid"], code, Config__CodeLength="8")

    assert response.body["status"] == "verified"
    assert response.body["config"]["code_length"] == 8


def test_secret_of_another_factor_of_the_entity_is_refused(totp):
    totp.create_factor(Binding__Secret=SECRET)

    response = totp.create_factor(Binding__Secret=SECRET.lower(), FriendlyName="Other")

    assert response.error == (409, 60317, "Factor already exists")
    assert len(totp.verify.get(totp.factors).body["factors"]) == 1


def test_entities_can_have_the_same_secret(totp):
    totp.create_factor(Binding__Secret=SECRET)
    totp.identity = "another-identity"

    assert totp.create_factor(Binding__Secret=SECRET).status == 201


@pytest.mark.parametrize(
    "params",
    [{}, {"AuthPayload": ""}, {"AuthPayload": "", "FriendlyName": "New"}, {"X": "y"}],
)
def test_update_of_a_verified_factor_without_a_code_or_a_change_is_refused(
    totp, params
):
    sid = totp.verified_factor()

    response = totp.verify.post(f"{totp.factors}/{sid}", **params)

    assert response.error == (400, 60306, "Invalid Request: AuthPayload")
    fetched = totp.verify.get(f"{totp.factors}/{sid}").body
    assert fetched["friendly_name"] == "My phone"


def test_metadata_is_returned_as_an_object(totp):
    created = totp.create_factor(Metadata='{"os": "Android", "name": "\u00c5sa"}').body

    fetched = totp.verify.get(f"{totp.factors}/{created['sid']}").body

    assert created["metadata"] == {"os": "Android", "name": "\u00c5sa"}
    assert fetched["metadata"] == created["metadata"]


@pytest.mark.parametrize(
    "secret",
    [
        SECRET.lower(),
        "GEZD GNBV GY3T QOJQ GEZD GNBV GY3T QOJQ",
        f"{base64.b32encode(b'0' * 16).decode()}",
        base64.b32encode(b"0" * 16).decode().rstrip("="),
        base64.b32encode(b"0" * 64).decode(),
    ],
)
def test_secret_of_the_client_is_used(totp, secret):
    binding = totp.create_factor(Binding__Secret=secret).body["binding"]

    assert binding["secret"] == "".join(secret.split()).upper().rstrip("=")


def test_factors_are_listed_in_pages(totp):
    sids = {totp.create_factor().body["sid"] for _ in range(3)}

    first = totp.verify.get(totp.factors, PageSize=2).body
    second = totp.follow(first["meta"]["next_page_url"]).body

    listed = [factor["sid"] for factor in first["factors"] + second["factors"]]
    assert len(listed) == 3
    assert set(listed) == sids


def test_deleted_factor_is_gone(totp):
    sid = totp.verified_factor()

    response = totp.verify.delete(f"{totp.factors}/{sid}")

    assert (response.status, response.body) == (204, None)
    not_found = (404, 60390, "Factor not found")
    assert totp.verify.get(f"{totp.factors}/{sid}").error == not_found
    assert totp.verify.delete(f"{totp.factors}/{sid}").error == not_found
    assert totp.challenge(sid).error == not_found
    assert totp.verify.get(totp.entity).status == 200


@pytest.mark.parametrize("sid", [f"YF{UNKNOWN}", f"YE{UNKNOWN}", "YF1", "factor"])
@pytest.mark.parametrize(
    ("method", "params"),
    [
        ("get", {}),
        ("post", {"FriendlyName": "New"}),
        ("post", {"AuthPayload": "123456"}),
        ("delete", {}),
    ],
)
def test_unknown_factor_is_not_found(totp, method, params, sid):
    totp.create_factor()

    response = getattr(totp.verify, method)(f"{totp.factors}/{sid}", **params)

    assert response.error == (404, 60390, "Factor not found")


@pytest.mark.parametrize(
    ("method", "path", "params"),
    [
        ("get", "", {}),
        ("get", f"/YF{UNKNOWN}", {}),
        ("post", f"/YF{UNKNOWN}", {"FriendlyName": "New"}),
        ("post", f"/YF{UNKNOWN}", {"AuthPayload": "123456"}),
        ("delete", f"/YF{UNKNOWN}", {}),
    ],
)
@pytest.mark.parametrize("has_entities", [False, True])
def test_factor_of_an_unknown_entity_has_the_error_of_the_entity(
    totp, method, path, params, has_entities
):
    if has_entities:
        totp.verify.post(totp.entities, Identity="another-identity")

    response = getattr(totp.verify, method)(totp.factors + path, **params)

    assert response.error == (404, 60392, "Entity not found")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("FriendlyName", "x" * 65),
        ("FriendlyName", "two\nlines"),
        ("FactorType", "sms"),
        ("Binding.Secret", "1" * 32),
        ("Binding.Secret", "A" * 25),
        ("Binding.Secret", base64.b32encode(b"0" * 15).decode()),
        ("Binding.Secret", base64.b32encode(b"0" * 65).decode()),
        ("Config.TimeStep", "19"),
        ("Config.TimeStep", "61"),
        ("Config.Skew", "3"),
        ("Config.Skew", "-1"),
        *(("Config.CodeLength", length) for length in ("3", "4", "5", "9")),
        ("Config.Alg", "md5"),
        ("Metadata", "[1]"),
        ("Metadata", '{"os": 1}'),
        ("Metadata", '{"os": "%s"}' % ("x" * 1024)),
    ],
)
def test_invalid_parameter_is_named_and_not_repeated(totp, name, value):
    response = totp.create_factor(**{name.replace(".", "__"): value})

    assert response.error == (400, 60306, f"Invalid Request: {name}")
    assert totp.verify.get(totp.entity).status == 404


@pytest.mark.parametrize("name", ["FriendlyName", "FactorType"])
def test_missing_parameter_is_named(totp, name):
    response = totp.create_factor(**{name: ""})

    assert response.error == (400, 60306, f"Invalid Request: {name}")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Config.TimeStep", "20"),
        ("Config.TimeStep", "60"),
        ("Config.CodeLength", "6"),
        ("Config.CodeLength", "8"),
    ],
)
def test_factor_with_a_value_at_the_end_of_its_range_can_be_verified(totp, name, value):
    body = totp.create_factor(**{name.replace(".", "__"): value}).body

    response = totp.verify_factor(body["sid"])

    assert response.body["status"] == "verified"


def test_code_of_an_earlier_step_is_wrong_without_a_skew(totp):
    body = totp.create_factor(Config__Skew="0").body

    response = totp.verify_factor(body["sid"], totp.apps[body["sid"]].code(-1))

    assert response.body["config"]["skew"] == 0
    assert response.body["status"] == "unverified"


@pytest.mark.parametrize("code", ["12", "123456789", "abcdef", "12 34 x"])
def test_text_that_cannot_be_a_code_uses_no_attempt(totp, code):
    sid = totp.create_factor().body["sid"]

    responses = [totp.verify_factor(sid, code) for _ in range(6)]

    expected = (400, 60306, "Invalid Request: AuthPayload")
    assert {response.error for response in responses} == {expected}
    assert totp.verify_factor(sid).body["status"] == "verified"


def test_spaces_in_a_code_are_ignored(totp):
    sid = totp.create_factor().body["sid"]
    code = totp.apps[sid].code()

    response = totp.verify_factor(sid, f" {code[:3]} {code[3:]} ")

    assert response.body["status"] == "verified"


@pytest.mark.parametrize("kind", ["push", "passkeys"])
def test_factor_of_another_type_is_not_supported(totp, kind):
    response = totp.create_factor(FactorType=kind)

    message = "Service does not support this feature"
    assert response.error == (403, 60204, message)


def test_hundred_first_factor_in_a_day_is_refused(totp):
    for _ in range(100):
        sid = totp.create_factor().body["sid"]
        totp.verify.delete(f"{totp.factors}/{sid}")

    response = totp.create_factor()

    message = "Too many requests to create factors for the entity"
    assert response.error == (429, 60326, message)
    assert int(response.headers["OTP-Retry-After"]) > 86_000


def test_hundred_first_factor_of_an_entity_is_refused(totp):
    for _ in range(100):
        totp.create_factor()

    response = totp.create_factor()

    message = "Reached max limit of 100 totp Factors associated per Entity"
    assert response.error == (400, 60315, message)
