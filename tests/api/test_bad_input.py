from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

PATHS = [
    *("/auth/send_otp", "/auth/verify_otp"),
    *("/auth/totp/enroll", "/auth/totp/activate", "/auth/totp/verify"),
]
JSON = "application/json"
FORM = "application/x-www-form-urlencoded"

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)


def assert_contract(response):
    assert response.status_code < 500
    assert response.mimetype == JSON
    assert set(response.json) == {"msg", "error"}
    assert response.json["msg"]


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "gzip, identity", "x"])
def test_body_with_a_content_encoding_is_400_with_the_reason(client, coding):
    response = client.post(
        "/auth/send_otp",
        json={"phone": "9445012345"},
        headers={"Content-Encoding": coding},
    )

    assert_contract(response)
    assert response.status_code == 400
    assert "Content-Encoding" in response.json["msg"]


def test_body_with_the_identity_encoding_is_read(client):
    response = client.post(
        "/auth/send_otp",
        json={"phone": "9445012345"},
        headers={"Content-Encoding": "Identity"},
    )

    assert response.status_code == 201


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" ",
        b"null",
        b"true",
        b"0",
        b'"text"',
        b"[]",
        b"{",
        b"{}",
        b"not json",
        b'{"phone": NaN}',
        b'{"phone": 1e999}',
        b'{"phone": ' + b"9" * 5_000 + b"}",
        b'{"phone": "9445012345", "phone": "9445067890"}',
        b'{"phone": "\\ud800", "otp": "123456"}',
        b'{"x": {"y": ["\\udfff"]}, "phone": "9445012345", "otp": "123456"}',
        b"[" * 16_000,
        b'{"a":' * 3_000,
        '{"phone": "9445012345", "otp": "123456"}'.encode("utf-16"),
        b"\xef\xbb\xbf\xef\xbb\xbf" + b'{"phone": "9445012345", "otp": "123456"}',
        b"\xef\xbb\xbf",
        b'{"phone": "\xff"}',
        b"\x1f\x8b\x08\x00",
    ],
    ids=lambda body: ascii(body[:24]),
)
def test_malformed_json_body_is_400(client, path, body):
    response = client.post(path, data=body, content_type=JSON)

    assert_contract(response)
    assert (response.status_code, response.json["error"]) == (400, "invalid_request")


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"phone",
        b"phone=",
        b"phone=9445012345&phone=9445067890&otp=123456",
        b"phone=%ff%fe&otp=123456",
        b"phone=\xff",
        b"&".join(b"f%d=1" % n for n in range(100)),
        b'{"phone": "9445012345"}',
    ],
    ids=lambda body: ascii(body[:24]),
)
def test_malformed_form_is_400(client, path, body):
    response = client.post(path, data=body, content_type=FORM)

    assert_contract(response)
    assert (response.status_code, response.json["error"]) == (400, "invalid_request")


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    "media_type",
    [None, "text/plain", "multipart/form-data; boundary=x", "application/xml", "x"],
)
def test_other_media_type_is_415(client, path, media_type):
    body = b'{"phone": "9445012345"}'

    response = client.post(path, data=body, content_type=media_type)

    assert_contract(response)
    assert (response.status_code, response.json["error"]) == (
        415,
        "unsupported_media_type",
    )


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("media_type", [JSON, FORM])
def test_body_over_16_kib_is_413(client, path, media_type):
    body = b"x" * (16 * 1024 + 1)

    response = client.post(path, data=body, content_type=media_type)

    assert_contract(response)
    assert (response.status_code, response.json["error"]) == (413, "body_too_large")


@pytest.mark.parametrize("length", ["60", ""])
def test_form_with_wrong_or_missing_length_is_400(client, outbox, length):
    environ = {"CONTENT_LENGTH": length, "wsgi.input_terminated": True}

    response = client.post(
        PATHS[0], data=b"phone=9445012345", content_type=FORM, environ_overrides=environ
    )

    assert_contract(response)
    assert (response.status_code, response.json["error"]) == (400, "invalid_request")
    assert outbox.messages == []


@pytest.mark.parametrize(
    ("media_type", "body"),
    [(JSON, b'{"phone": "9445012345"}'), (FORM, b"phone=9445012345")],
)
def test_byte_order_mark_before_the_body_is_ignored(client, media_type, body):
    response = client.post(
        PATHS[0], data=b"\xef\xbb\xbf" + body, content_type=media_type
    )

    assert response.status_code == 201


def test_body_of_16_kib_is_accepted(client):
    body = b'{"phone": "9445012345"}'.ljust(16 * 1024)

    assert client.post(PATHS[0], data=body, content_type=JSON).status_code == 201


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    "method", ["GET", "PUT", "PATCH", "DELETE", "OPTIONS", "NONSENSE"]
)
def test_unsupported_method_is_405_with_allow_header(client, path, method):
    response = client.open(path, method=method)

    assert_contract(response)
    assert (response.status_code, response.json["error"]) == (405, "method_not_allowed")
    assert "POST" in response.headers["Allow"]


@pytest.mark.parametrize(
    "path",
    ["/auth", "/auth/send_otp/", "//auth/send_otp", "/Auth/Send_otp", "/%00"],
)
def test_unknown_path_is_404(client, path):
    response = client.post(path, json={"phone": "9445012345"})

    assert_contract(response)
    assert (response.status_code, response.json["error"]) == (404, "not_found")


def test_path_with_double_slash_is_404(client, outbox):
    response = client.post(
        PATHS[0],
        json={"phone": "9445012345"},
        environ_overrides={"PATH_INFO": "//auth/send_otp"},
    )

    assert_contract(response)
    assert (response.status_code, response.json["error"]) == (404, "not_found")
    assert outbox.messages == []


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ({"phone": "x", "otp": " "}, "invalid_phone"),
        ({"otp": 5}, "invalid_request"),
        ({"verification": "zz", "otp": ""}, "verification_not_found"),
        ({"phone": "9445012345", "otp": "x", "client_ip": " "}, "invalid_code"),
    ],
)
def test_request_with_two_faults_gets_the_error_of_the_first_field(client, body, error):
    response = client.post("/auth/verify_otp", json=body)

    assert response.json["error"] == error


@pytest.mark.parametrize("path", PATHS)
@given(body=st.binary(max_size=200), media_type=st.sampled_from([JSON, FORM]))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=100)
def test_random_bytes_return_contract_errors(client, path, body, media_type):
    assert_contract(client.post(path, data=body, content_type=media_type))


@pytest.mark.parametrize("path", PATHS)
@given(phone=values | st.text("+0123456789 -()"), otp=values | st.text("0123456789 -"))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=100)
def test_random_values_return_contract_errors(client, path, phone, otp):
    response = client.post(path, json={"phone": phone, "otp": otp})

    assert response.status_code < 500
    assert response.mimetype == JSON
