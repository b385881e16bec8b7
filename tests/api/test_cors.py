from __future__ import annotations

import pytest

PHONE = {"phone": "9445012345"}
APP = "https://app.example.com"
EVIL = "https://evil.example"
KEY = {"Authorization": "Bearer shop-secret-0123456789"}
KEYS = {"OTP_API_KEYS": "shop:shop-secret-0123456789"}
PATHS = ["/auth/send_otp", "/auth/verify_otp"]
DOCUMENTED = {
    "OTP-Expires-In",
    "OTP-Resend-After",
    "OTP-Attempts-Left",
    "OTP-Channel",
    "OTP-Proof",
    "OTP-Recovery-Codes-Left",
    "OTP-Verification",
    "Retry-After",
    "RateLimit",
    "RateLimit-Policy",
    "X-Request-Id",
}


def preflight(client, path="/auth/send_otp", origin=APP):
    headers = {
        "Origin": origin,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "content-type",
    }
    return client.options(path, headers=headers)


def cors_headers(response):
    return {name for name, _ in response.headers if name.startswith("Access-Control-")}


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "a new value"},
        {"Origin": EVIL},
        {"Origin": "null"},
        {"Origin": "https://["},
        {"Origin": ""},
        {"Origin": "http://localhost.evil.example"},
        {"Origin": EVIL, "Sec-Fetch-Site": "same-origin"},
        {"Origin": "http://localhost", "Sec-Fetch-Site": "cross-site"},
    ],
    ids=str,
)
def test_cross_origin_request_is_rejected_without_sending(
    client, outbox, store, path, headers
):
    response = client.post(path, data=PHONE, headers=headers)

    assert response.status_code == 403
    assert set(response.json) == {"msg", "error"}
    assert response.json["error"] == "origin_not_allowed"
    assert cors_headers(response) == set()
    assert outbox.messages == []


@pytest.mark.parametrize(
    "body",
    [
        {"data": PHONE},
        {"json": PHONE},
        {"data": '{"phone": "9445012345"}', "content_type": "text/plain"},
        {"data": PHONE, "content_type": "multipart/form-data"},
    ],
    ids=str,
)
def test_cross_site_body_of_any_type_is_rejected_and_not_counted(
    app_with, outbox, body
):
    client = app_with(OTP_SENDS_PER_IP="1/10m").test_client()

    rejected = [
        client.post("/auth/send_otp", headers={"Sec-Fetch-Site": "cross-site"}, **body)
        for _ in range(3)
    ]
    own = client.post("/auth/send_otp", json=PHONE)

    assert [response.status_code for response in rejected] == [403] * 3
    assert own.status_code == 201
    assert len(outbox.messages) == 1


@pytest.mark.parametrize("headers", [{"Sec-Fetch-Site": "cross-site"}, {"Origin": APP}])
def test_cross_origin_send_through_v2_is_rejected_in_dev_mode(
    app_with, outbox, headers
):
    client = app_with(OTP_CORS_ORIGINS=APP).test_client()
    path = f"/v2/Services/VA{'0' * 32}/Verifications"
    form = {"To": "+919445012345", "Channel": "sms"}

    response = client.post(path, data=form, headers=headers)

    assert (response.status_code, response.json["code"]) == (403, 20006)
    assert cors_headers(response) == set()
    assert outbox.messages == []


def test_cross_site_form_of_the_page_sends_nothing(client, outbox):
    form = {"step": "send", "phone": "9445012345", "csrf_token": "x"}

    response = client.post(
        "/verify", data=form, headers={"Sec-Fetch-Site": "cross-site", "Origin": EVIL}
    )

    assert response.status_code == 400
    assert outbox.messages == []


# A browser adds credentials that a person entered, whichever page sends the request.
def test_basic_credentials_are_rejected_for_other_origins(app_with, outbox):
    client = app_with(OTP_CORS_ORIGINS=APP, **KEYS).test_client()
    basic = ("shop", "shop-secret-0123456789")

    statuses = [
        client.post(
            "/auth/send_otp", json=PHONE, headers=headers, auth=basic
        ).status_code
        for headers in ({"Sec-Fetch-Site": "cross-site"}, {"Origin": APP}, {})
    ]

    assert statuses == [403, 201, 201]
    assert len(outbox.messages) == 2


def test_dev_mode_logs_each_rejected_origin_once(new_app, caplog):
    client = new_app().test_client()
    unloggable = "https://9445012345.example"

    with caplog.at_level("WARNING", "otp_engine.api.cors"):
        for origin in (EVIL, EVIL, "http://localhost:5173", "null", unloggable):
            client.post("/auth/send_otp", data=PHONE, headers={"Origin": origin})
            preflight(client, origin=origin)

    hints = [record.getMessage() for record in caplog.records]
    assert [hint.rpartition("=")[2] for hint in hints] == [
        EVIL,
        "http://localhost:5173",
    ]
    assert hints[0].startswith(f"a page of {EVIL} called /auth/send_otp, ")


@pytest.mark.parametrize(
    "origin",
    ["http://[::1]:5173", "http://my_app.localhost:5173", "https://app.example"],
)
def test_setting_of_the_hint_allows_the_origin(new_app, app_with, caplog, origin):
    with caplog.at_level("WARNING", "otp_engine.api.cors"):
        preflight(new_app().test_client(), origin=origin)
    name, _, value = caplog.records[0].getMessage().rpartition(" ")[2].partition("=")

    response = preflight(app_with(**{name: value}).test_client(), origin=origin)

    assert response.status_code == 204


def test_body_for_rejected_origin_states_the_cure(client):
    response = client.post("/auth/send_otp", data=PHONE, headers={"Origin": EVIL})

    assert "OTP_CORS_ORIGINS" in response.json["msg"]


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Sec-Fetch-Site": "none"},
        {"Sec-Fetch-Site": "same-origin"},
        {"Origin": "http://localhost"},
        {"Origin": "http://localhost", "Sec-Fetch-Site": "same-origin"},
        # A proxy terminates TLS.
        {"Origin": "https://localhost"},
    ],
    ids=str,
)
def test_same_origin_and_non_browser_requests_are_accepted(client, headers):
    response = client.post("/auth/send_otp", data=PHONE, headers=headers)

    assert response.status_code == 201
    assert cors_headers(response) == set()


@pytest.mark.parametrize(
    ("url", "origin", "status"),
    [
        ("https://otp.example.com", "https://otp.example.com", 201),
        ("https://Otp.example.com:443/under/a/path", "https://otp.example.com", 201),
        ("https://otp.example.com:8443", "https://otp.example.com:8443", 201),
        ("https://otp.example.com", "https://otp.example.com:8443", 403),
        ("https://otp.example.com", "http://otp.example.com", 403),
        # DNS rebinding: the host of the page resolves to this service.
        ("https://otp.example.com", "http://localhost", 403),
    ],
)
def test_public_url_defines_own_origin(app_with, url, origin, status):
    client = app_with(OTP_PUBLIC_URL=url).test_client()

    response = client.post("/auth/send_otp", json=PHONE, headers={"Origin": origin})

    assert response.status_code == status


def test_client_with_key_is_accepted_from_any_origin(app_with):
    client = app_with(**KEYS).test_client()
    cross_site = {"Origin": EVIL, "Sec-Fetch-Site": "cross-site"}

    with_key = client.post("/auth/send_otp", json=PHONE, headers=KEY | cross_site)
    without = client.post("/auth/send_otp", json=PHONE, headers=cross_site)

    assert (with_key.status_code, without.status_code) == (201, 401)
    assert cors_headers(with_key) == cors_headers(without) == set()


@pytest.mark.parametrize("keys", [{}, KEYS])
def test_listed_origin_receives_cors_headers(app_with, keys):
    client = app_with(OTP_CORS_ORIGINS=f"https://a.example,{APP}", **keys).test_client()
    headers = {"Origin": APP, "Sec-Fetch-Site": "cross-site"} | (KEY if keys else {})

    response = client.post("/auth/send_otp", json=PHONE, headers=headers)

    assert response.status_code == 201
    assert response.headers["Access-Control-Allow-Origin"] == APP
    assert "Origin" in response.vary
    exposed = response.headers["Access-Control-Expose-Headers"].split(", ")
    assert set(exposed) == DOCUMENTED
    assert "Access-Control-Allow-Credentials" not in response.headers


@pytest.mark.parametrize(
    ("keys", "body", "status"),
    [
        ({}, {}, 400),
        ({}, {"phone": "9445012345", "otp": "123456"}, 404),
        (KEYS, {}, 401),
    ],
)
def test_errors_for_listed_origin_have_cors_headers(app_with, keys, body, status):
    client = app_with(OTP_CORS_ORIGINS=APP, **keys).test_client()

    response = client.post("/auth/verify_otp", json=body, headers={"Origin": APP})

    assert response.status_code == status
    assert response.headers["Access-Control-Allow-Origin"] == APP


@pytest.mark.parametrize("keys", [{}, KEYS])
@pytest.mark.parametrize("path", PATHS)
def test_preflight_of_listed_origin_returns_allowed_headers(app_with, keys, path):
    client = app_with(OTP_CORS_ORIGINS=APP, **keys).test_client()

    response = preflight(client, path)

    assert (response.status_code, response.data) == (204, b"")
    assert response.headers["Access-Control-Allow-Origin"] == APP
    assert response.headers["Access-Control-Allow-Methods"] == "POST"
    allowed = response.headers["Access-Control-Allow-Headers"].lower().split(", ")
    assert set(allowed) == {"content-type", "authorization", "x-request-id"}
    assert response.headers["Access-Control-Max-Age"] == "600"


@pytest.mark.parametrize("origins", ["", APP])
@pytest.mark.parametrize("origin", [EVIL, "null", f"{APP}.evil.example", "*"])
def test_preflight_of_other_origin_is_rejected(app_with, origins, origin):
    client = app_with(OTP_CORS_ORIGINS=origins).test_client()

    response = preflight(client, origin=origin)

    assert (response.status_code, response.json["error"]) == (403, "origin_not_allowed")
    assert cors_headers(response) == set()


def test_options_without_preflight_headers_is_405(app_with):
    client = app_with(OTP_CORS_ORIGINS=APP).test_client()

    assert client.options("/auth/send_otp").status_code == 405
    assert preflight(client, "/auth/nothing").status_code == 404


@pytest.mark.parametrize("path", ["/v2/Services", "/dev/inbox.json", "/verify"])
def test_other_paths_have_no_cors_rules(app_with, path):
    client = app_with(OTP_CORS_ORIGINS=APP).test_client()
    auth = ("AC" + "0" * 32, "any")

    for origin in (APP, EVIL):
        response = client.get(path, headers={"Origin": origin}, auth=auth)
        assert response.status_code == 200
        assert cors_headers(response) == set()


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/auth/send_otp"),
        ("POST", "/auth/verify_otp"),
        ("GET", "/auth/nothing"),
        ("GET", "/v2/Services"),
        ("POST", "/v2/Services/none/Verifications"),
    ],
)
def test_api_responses_are_not_stored(client, method, path):
    response = client.open(path, method=method, json=PHONE)

    assert response.headers["Cache-Control"] == "no-store"
