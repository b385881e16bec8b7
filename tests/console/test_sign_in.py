from __future__ import annotations

import base64

import pytest

from otp_engine import config
from otp_engine.app import create_app
from otp_engine.crypto import api_keys
from otp_engine.domain.events import OperatorSignedIn
from otp_engine.store.console_sessions import ConsoleSession
from tests.support.operators import ALICE, BOB, KEYS, Operator
from tests.support.settings import PEPPER, RELAXED

PROXY = {"OTP_CONSOLE_USER_HEADER": "X-Forwarded-Email", "OTP_TRUSTED_PROXIES": "1"}
OTHER_PEPPER = base64.b64encode(bytes(range(32))).decode()
FROM_PROXY = {"X-Forwarded-For": "192.0.2.7"}


def signed_in(store):
    return [
        r.event for r in store.events.since(None) if type(r.event) is OperatorSignedIn
    ]


def test_page_without_a_session_leads_to_the_sign_in(operator):
    response = operator.get()

    assert response.status_code == 303
    assert response.headers["Location"] == "/console/sign-in?next=overview"


def test_key_opens_the_overview(operator):
    response = operator.sign_in()

    assert (response.status_code, response.headers["Location"]) == (303, "/console")
    assert operator.get().status_code == 200


def test_page_names_the_operator(operator):
    operator.sign_in(BOB)

    assert "bob</span>" in operator.get().text


def test_sign_in_is_an_event(alice, store):
    [event] = signed_in(store)

    assert (event.operator, event.method) == ("alice", "key")
    assert event.ip_hash


def test_wrong_key_shows_the_form_again(operator):
    response = operator.sign_in("otp_live_wrong-0123456789-abcdefghij")

    assert response.status_code == 401
    assert 'role="alert"' in response.text
    assert operator.get().status_code == 303


def test_wrong_key_is_not_in_the_response(operator):
    response = operator.sign_in("otp_live_wrong-0123456789-abcdefghij")

    assert "wrong-0123456789" not in response.text


def test_client_key_is_not_a_key_of_an_operator(app_with):
    secret = "otp_live_shop-0123456789-abcdefghij"
    app = app_with(OTP_CONSOLE_KEY=KEYS, OTP_API_KEYS=f"shop:{secret}")

    assert Operator(app).sign_in(secret).status_code == 401


def test_too_many_wrong_keys_of_an_address_are_rejected(app_with):
    app = app_with(OTP_CONSOLE_KEY=KEYS, OTP_AUTH_FAILURES_PER_IP="2/1h")
    operator = Operator(app)

    statuses = [operator.sign_in("wrong").status_code for _ in range(3)]

    assert statuses == [401, 401, 429]


def test_right_key_is_accepted_after_too_many_wrong_ones(app_with):
    app = app_with(OTP_CONSOLE_KEY=KEYS, OTP_AUTH_FAILURES_PER_IP="2/1h")
    operator = Operator(app)
    for _ in range(3):
        operator.sign_in("wrong")

    assert operator.sign_in().status_code == 303


def test_sign_in_replaces_the_token_of_the_form(operator):
    operator.get("/sign-in")
    before = operator.cookie

    operator.sign_in()

    assert operator.cookie != before


def test_token_from_before_the_sign_in_has_no_session(app_with):
    victim, attacker = (Operator(app_with(OTP_CONSOLE_KEY=KEYS)) for _ in range(2))
    attacker.get("/sign-in")
    victim.client.set_cookie("otp_console", attacker.cookie, path="/console")

    victim.sign_in()

    assert attacker.get().status_code == 303


def test_two_operators_have_their_own_sessions(app_with):
    first, second = (Operator(app_with(OTP_CONSOLE_KEY=KEYS)) for _ in range(2))
    first.sign_in(ALICE)
    second.sign_in(BOB)

    first.submit("", "/sign-out")

    assert first.get().status_code == 303
    assert "bob</span>" in second.get().text


def test_sign_out_ends_the_session(alice):
    token = alice.cookie
    alice.submit("", "/sign-out")
    alice.client.set_cookie("otp_console", token, path="/console")

    assert alice.get().status_code == 303


def test_removed_key_ends_its_sessions(alice, app_with):
    other = Operator(app_with(OTP_CONSOLE_KEY=api_keys.env_entry("bob", BOB)))
    other.client.set_cookie("otp_console", alice.cookie, path="/console")

    assert other.get().status_code == 303


def test_replaced_key_of_an_operator_ends_the_session(alice, app_with):
    other = Operator(app_with(OTP_CONSOLE_KEY=api_keys.env_entry("alice", BOB)))
    other.client.set_cookie("otp_console", alice.cookie, path="/console")

    assert other.get().status_code == 303


def test_copy_of_a_stored_session_opens_no_other_token(alice, store):
    forged = b"f" * 32
    token = base64.urlsafe_b64decode(alice.cookie)
    store.console_sessions.open(forged, store.console_sessions.use(token, extend=False))
    alice.client.set_cookie(
        "otp_console", base64.urlsafe_b64encode(forged).decode(), path="/console"
    )

    assert alice.get().status_code == 303


@pytest.mark.parametrize("credential", ["", "key", "dev", "proxy", "\u00e9", KEYS])
def test_stored_session_with_another_credential_is_rejected(
    operator, store, credential
):
    forged = b"f" * 32
    store.console_sessions.open(forged, ConsoleSession("alice", credential))
    operator.client.set_cookie(
        "otp_console", base64.urlsafe_b64encode(forged).decode(), path="/console"
    )

    assert operator.get().status_code == 303


def test_session_outlasts_the_rotation_of_the_pepper(alice, apps):
    rotated = {"OTP_PEPPER": OTHER_PEPPER, "OTP_PEPPER_PREVIOUS": PEPPER}
    other = Operator(apps.build(OTP_CONSOLE_KEY=KEYS, **rotated))
    other.client.set_cookie("otp_console", alice.cookie, path="/console")

    assert "alice</span>" in other.get().text


@pytest.mark.parametrize(
    "page", ["https://evil.example", "//evil.example", "sign_out", "", "nothing"]
)
def test_sign_in_leads_to_no_other_page(operator, page):
    response = operator.sign_in(next=page)

    assert response.headers["Location"] == "/console"


def test_form_without_its_token_is_rejected(alice):
    response = alice.post("/sign-out")

    assert response.status_code == 403
    assert "This form has expired" in response.text
    assert alice.get().status_code == 200


def test_form_with_the_token_of_another_session_is_rejected(alice, app_with):
    other = Operator(app_with(OTP_CONSOLE_KEY=KEYS))
    other.sign_in(BOB)

    response = alice.post("/sign-out", csrf_token=other.form_token(""))

    assert response.status_code == 403


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
    ids=str,
)
def test_form_of_another_site_is_rejected(alice, headers):
    token = alice.form_token("")

    response = alice.post("/sign-out", headers, csrf_token=token)

    assert response.status_code == 403
    assert alice.get().status_code == 200


def test_form_at_another_address_names_that_of_the_console(app_with):
    app = app_with(OTP_CONSOLE_KEY=KEYS, OTP_PUBLIC_URL="https://example.com/otp")
    headers = {"Origin": "https://tunnel.example", "Sec-Fetch-Site": "same-origin"}

    response = Operator(app).post("/sign-in", headers, key=ALICE)

    assert response.status_code == 403
    assert "Open https://example.com/otp/console instead." in response.text
    assert "OTP_CORS_ORIGINS" not in response.text


def test_form_with_another_host_names_the_setting(operator):
    headers = {"Origin": "https://otp.example.com", "Sec-Fetch-Site": "same-origin"}

    response = operator.post("/sign-in", headers, key=ALICE)

    assert response.status_code == 403
    assert "Set OTP_PUBLIC_URL" in response.text


def test_form_of_another_site_names_no_setting(operator):
    response = operator.post("/sign-in", {"Sec-Fetch-Site": "cross-site"}, key=ALICE)

    assert response.status_code == 403
    assert "A page of another site sent this form" in response.text


def test_form_of_the_own_origin_is_accepted(alice):
    token = alice.form_token("")
    headers = {"Origin": "http://localhost", "Sec-Fetch-Site": "same-origin"}

    assert alice.post("/sign-out", headers, csrf_token=token).status_code == 303


def test_link_of_another_site_keeps_the_cookie(operator):
    response = operator.get("?country=IN", headers={"Sec-Fetch-Site": "cross-site"})

    assert "Set-Cookie" not in response.headers
    assert 'content="0; url=/console?country=IN"' in response.text


def test_refresh_without_an_operator_is_401_in_json(operator):
    response = operator.get(headers={"X-Refresh": "1"})

    assert response.status_code == 401
    assert response.json["error"] == "operator_unknown"


def test_cookie_on_http_belongs_to_the_console(operator):
    cookie = operator.get("/sign-in").headers["Set-Cookie"]

    assert cookie.startswith("otp_console=")
    assert cookie.partition("; ")[2] == "HttpOnly; Path=/console; SameSite=Strict"


def test_cookie_on_https_belongs_to_the_host(app_with):
    app = app_with(OTP_CONSOLE_KEY=KEYS, OTP_PUBLIC_URL="https://otp.example.com")
    cookie = Operator(app).get("/sign-in").headers["Set-Cookie"]

    assert cookie.startswith("__Host-otp_console=")
    assert cookie.partition("; ")[2] == "Secure; HttpOnly; Path=/; SameSite=Strict"


def test_cookie_below_a_public_path_belongs_to_that_path(app_with):
    app = app_with(OTP_CONSOLE_KEY=KEYS, OTP_PUBLIC_URL="https://example.com/otp")
    cookie = Operator(app).get("/sign-in").headers["Set-Cookie"]

    assert cookie.startswith("__Secure-otp_console=")
    assert "; Path=/otp/console; " in cookie


def test_links_have_the_public_path(app_with):
    app = app_with(OTP_CONSOLE_KEY=KEYS, OTP_PUBLIC_URL="https://example.com/otp")

    response = Operator(app).get()

    assert response.headers["Location"] == "/otp/console/sign-in?next=overview"


def test_pages_are_protected_by_headers(alice):
    headers = alice.get().headers

    policy = headers["Content-Security-Policy"]
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert headers["Cache-Control"] == "no-store"
    assert headers["Referrer-Policy"] == "same-origin"
    assert headers["X-Content-Type-Options"] == "nosniff"


def test_page_without_redis_is_503():
    unreachable = {"REDIS_URL": "redis://127.0.0.1:1/0", "OTP_PEPPER": PEPPER}
    settings = config.load(RELAXED | unreachable | {"OTP_CONSOLE_KEY": KEYS})
    operator = Operator(create_app(settings))
    operator.client.set_cookie("otp_console", "A" * 43 + "=", path="/console")

    response = operator.get()

    assert response.status_code == 503
    assert "Redis does not reply" in response.text
    assert response.headers["Retry-After"]


def test_dev_mode_needs_no_sign_in(dev):
    assert "dev</span>" in dev.get().text


@pytest.mark.parametrize(
    "host", ["evil.example", "192.0.2.1", "otp", "localhost.evil.example"]
)
def test_dev_mode_is_hidden_from_other_hosts(dev, host):
    assert dev.get(headers={"Host": host}).status_code == 404
    assert dev.get("/assets/console.css", headers={"Host": host}).status_code == 404


@pytest.mark.parametrize("host", ["localhost:3000", "127.0.0.1:3000", "[::1]:3000"])
def test_dev_mode_is_on_the_loopback_interface(dev, host):
    assert dev.get(headers={"Host": host}).status_code == 200


def test_dev_mode_has_a_sign_in_with_a_key(operator):
    assert operator.get(headers={"Host": "otp.example.com"}).status_code == 303


def test_dev_mode_opens_one_session(dev, store):
    for _ in range(3):
        dev.get()

    assert [event.operator for event in signed_in(store)] == ["dev"]


def test_proxy_names_the_operator(app_with, store):
    operator = Operator(app_with(**PROXY))
    headers = FROM_PROXY | {"X-Forwarded-Email": "alice@example.com"}

    response = operator.get(headers=headers)

    assert "alice@example.com</span>" in response.text
    assert [event.method for event in signed_in(store)] == ["proxy"]


@pytest.mark.parametrize(
    "headers",
    [
        FROM_PROXY,
        FROM_PROXY | {"X-Forwarded-Email": ""},
        FROM_PROXY | {"X-Forwarded-Email": "mallory@example.com,alice@example.com"},
        FROM_PROXY | {"X-Forwarded-Email": "x" * 65},
        {"X-Forwarded-Email": "alice@example.com"},
    ],
    ids=str,
)
def test_request_without_one_operator_of_the_proxy_is_rejected(app_with, headers):
    response = Operator(app_with(**PROXY)).get(headers=headers)

    assert response.status_code == 403


def test_session_does_not_outlast_the_name_from_the_proxy(app_with):
    operator = Operator(app_with(**PROXY))
    operator.get(headers=FROM_PROXY | {"X-Forwarded-Email": "alice@example.com"})

    assert operator.get(headers=FROM_PROXY).status_code == 403


def test_other_name_from_the_proxy_gets_another_session(app_with):
    operator = Operator(app_with(**PROXY))
    operator.get(headers=FROM_PROXY | {"X-Forwarded-Email": "alice@example.com"})
    before = operator.cookie

    headers = FROM_PROXY | {"X-Forwarded-Email": "bob@example.com"}
    response = operator.get(headers=headers)

    assert "bob@example.com</span>" in response.text
    assert operator.cookie != before


def test_key_signs_in_where_the_proxy_names_no_operator(app_with):
    operator = Operator(app_with(**PROXY, OTP_CONSOLE_KEY=KEYS))
    operator.client.environ_base["HTTP_X_FORWARDED_FOR"] = "192.0.2.7"

    operator.sign_in()

    assert "alice</span>" in operator.get().text


def test_header_without_the_setting_names_no_operator(operator):
    headers = FROM_PROXY | {"X-Forwarded-Email": "alice@example.com"}

    assert operator.get(headers=headers).status_code == 303


@pytest.mark.parametrize("text", ["nonsense", "A", "AAAA", ""])
def test_malformed_cookie_has_no_session(operator, text):
    operator.client.set_cookie("otp_console", text, path="/console")

    assert operator.get().status_code == 303


def test_sign_in_page_leads_a_signed_in_operator_on(alice):
    response = alice.get("/sign-in?next=events")

    assert (response.status_code, response.headers["Location"]) == (
        302,
        "/console/events",
    )


def test_session_is_valid_in_another_worker(alice, apps):
    other = Operator(apps.build(OTP_CONSOLE_KEY=KEYS, OTP_PEPPER=PEPPER))
    other.client.set_cookie("otp_console", alice.cookie, path="/console")

    assert "alice</span>" in other.get().text
