from __future__ import annotations

import base64
import html
import re
import shlex

import pytest

from otp_engine import __version__, config
from otp_engine.errors import InvalidSettings

BROWSER = {
    "Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,"
    "image/webp,*/*;q=0.8"
}
PRODUCTION = {
    "OTP_DEV": "0",
    "OTP_ARGON2": "light",
    "REDIS_URL": "redis://127.0.0.1:1",
    "OTP_PEPPER": base64.b64encode(bytes(range(32))).decode(),
    "OTP_SENDER": "console",
    "OTP_ALLOW_ANONYMOUS": "1",
}
UNKNOWN = [
    *("/nope", "/nope.json", "/authx", "/v2x", "/docs/x", "/dev", "/index.html"),
    *("/verifyx", "/verify/x"),
]


def links(page):
    return re.findall(r'<a href="([^"]+)"', page)


def test_start_page_of_dev_mode_links_to_all_pages(client):
    response = client.get("/")

    assert response.status_code == 200
    assert links(response.text) == [
        "/verify",
        "/dev/authenticator/enroll",
        "/dev/authenticator/verify",
        "/dev/inbox",
        "/console",
        "/docs",
        "/docs/v2",
    ]


def test_start_page_links_to_existing_pages_only(client):
    for link in links(client.get("/").text):
        assert client.get(link, follow_redirects=True).status_code == 200


def test_start_page_outside_of_dev_mode_links_to_reference_only(app_with):
    client = app_with(**PRODUCTION).test_client()

    response = client.get("/")

    assert response.status_code == 200
    assert links(response.text) == ["/docs", "/docs/v2"]
    assert __version__ not in response.text
    assert __version__ not in str(response.headers)


def test_commands_of_the_start_page_send_and_check_a_code(client):
    page = client.get("/", headers={"Host": "localhost:3471"}).text
    commands = [html.unescape(c) for c in re.findall(r"<pre[^>]*>(.*?)</pre>", page)]

    answers = []
    for command in commands:
        _, url, _, body = shlex.split(command)
        path = url.removeprefix("http://localhost:3471")
        answers.append(client.post(path, data=body, content_type="application/json"))

    assert [answer.status_code for answer in answers] == [201, 201]


def test_start_page_outside_of_dev_mode_has_no_commands(app_with):
    page = app_with(**PRODUCTION).test_client().get("/").text

    assert "<pre" not in page
    assert "/console" not in page


def test_start_page_leads_browsers_to_the_page_of_the_operator(app_with):
    environ = PRODUCTION | {"OTP_HOME_URL": "https://example.com/help?from=otp"}
    response = app_with(**environ).test_client().get("/", headers=BROWSER)

    assert response.status_code == 302
    assert response.headers["Location"] == "https://example.com/help?from=otp"
    assert response.vary.as_set() >= {"accept"}


def test_program_gets_the_start_page_in_place_of_the_redirect(app_with):
    environ = PRODUCTION | {"OTP_HOME_URL": "https://example.com/help"}
    response = app_with(**environ).test_client().get("/")

    assert response.status_code == 200
    assert response.vary.as_set() >= {"accept"}


@pytest.mark.parametrize("url", ["javascript:x", "mailto:a@b.example", "/help", "x y"])
def test_redirect_of_the_start_page_must_be_a_web_page(url):
    with pytest.raises(InvalidSettings, match="OTP_HOME_URL"):
        config.load(PRODUCTION | {"OTP_HOME_URL": url})


@pytest.mark.parametrize("path", UNKNOWN)
def test_browser_gets_a_page_for_an_unknown_path(client, path):
    response = client.get(path, headers=BROWSER)

    assert response.status_code == 404
    assert response.content_type == "text/html; charset=utf-8"
    assert "Page not found" in response.text
    assert links(response.text) == ["/"]
    assert "default-src 'none'" in response.headers["Content-Security-Policy"]
    assert response.vary.as_set() >= {"accept"}


def test_page_for_an_unknown_path_does_not_contain_the_path(client):
    response = client.get("/9445012345", headers=BROWSER)

    assert "9445012345" not in response.text + str(response.headers)


@pytest.mark.parametrize(
    "accept",
    [
        None,
        "*/*",
        "application/json",
        "application/json, text/plain, */*",
        "text/html;q=0.5, application/json",
        "text/html, application/json",
        "text/plain",
    ],
)
@pytest.mark.parametrize("path", UNKNOWN)
def test_program_gets_json_for_an_unknown_path(client, path, accept):
    response = client.get(path, headers={"Accept": accept} if accept else {})

    assert response.status_code == 404
    assert response.json == {"msg": "There is nothing here.", "error": "not_found"}
    assert response.vary.as_set() >= {"accept"}


@pytest.mark.parametrize("path", ["/auth", "/auth/", "/auth/nope", "/v2", "/v2/nope"])
def test_browser_gets_json_for_an_unknown_path_of_an_api(client, path):
    response = client.get(path, headers=BROWSER)

    assert response.status_code == 404
    assert response.is_json


def test_browser_gets_a_page_for_a_method_that_a_page_lacks(client):
    response = client.put("/docs", headers=BROWSER)

    assert response.status_code == 405
    assert response.content_type == "text/html; charset=utf-8"
    assert set(response.allow or ()) == {"GET", "HEAD"}


def test_browser_gets_json_for_a_method_that_auth_lacks(client):
    response = client.get("/auth/send_otp", headers=BROWSER)

    assert response.status_code == 405
    assert response.json["error"] == "method_not_allowed"


def test_page_for_an_unknown_path_is_below_the_public_path(app_with):
    client = app_with(OTP_PUBLIC_URL="https://example.com/otp").test_client()

    response = client.get("/otp/nope", headers=BROWSER)

    assert response.status_code == 404
    assert links(response.text) == ["/otp/"]


def test_browser_gets_a_page_where_the_inbox_is_disabled(app_with):
    client = app_with(**PRODUCTION).test_client()

    for path in ("/verify", "/dev/inbox", "/metrics"):
        response = client.get(path, headers=BROWSER)
        assert response.status_code == 404
        assert "Page not found" in response.text


@pytest.mark.parametrize("path", ["/verify", "/dev/inbox", "/docs"])
def test_trailing_slash_shows_the_same_page(client, path):
    title = re.compile("<title>(.*)</title>")

    plain, slashed = client.get(path), client.get(f"{path}/")

    assert slashed.status_code == 200
    assert title.findall(slashed.text) == title.findall(plain.text) != []


@pytest.mark.parametrize("path", ["/", "/verify", "/dev/inbox", "/docs"])
def test_head_of_a_page_has_its_headers_and_no_body(client, path):
    response = client.head(path)

    assert (response.status_code, response.data) == (200, b"")
    assert response.headers["Cache-Control"] == "no-store"
