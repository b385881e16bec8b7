from __future__ import annotations

import base64
import html
import re
from urllib.parse import parse_qs, urlsplit

import jwt
import pytest

from tests.support.verify_page import Person

PHONE = "+919445012345"
SEED = "cHJvb2YtcHJvb2YtcHJvb2YtcHJvb2YtcHJvb2YtcHI="
APP, OTHER = "https://app.example.com", "https://b.example.com"
SETTINGS = {
    "OTP_PEPPER": SEED,
    "OTP_PROOF_KEY": SEED,
    "OTP_FACTOR_KEY": base64.b64encode(bytes(range(32))).decode(),
    "OTP_RETURN_ORIGINS": f"{APP},{OTHER}",
}


class FramedPerson(Person):
    """A person who uses the page in a frame of an application."""

    def __init__(self, client, app=APP, state="s-1", base_url="http://localhost"):
        self.app, self.base_url = app, base_url
        self.query = {"embed": app, "return_url": f"{app}/back", "state": state}
        super().__init__(client)

    def open(self, **query):
        """Open the page as the drop-in does, and follow the redirect to itself."""
        self.response = self.http.get(
            self.path,
            query_string=self.query | query,
            base_url=self.base_url,
            follow_redirects=True,
        )
        return self.response

    def submit(self, step, **fields):
        """Submit the form to its own action."""
        [action, *_] = re.findall(
            r'<form method="post" action="([^"]+)"', self.response.text
        )
        self.response = self.http.post(
            html.unescape(action),
            data={"csrf_token": self.csrf_token(), "step": step} | fields,
            base_url=self.base_url,
            follow_redirects=True,
        )
        return self.response


@pytest.fixture
def client(app_with):
    return app_with(**SETTINGS).test_client()


@pytest.fixture
def framed(client):
    return FramedPerson(client)


def ancestors(response):
    """Return the directive `frame-ancestors` of the response."""
    policy = response.headers["Content-Security-Policy"]
    return re.findall(r"frame-ancestors ([^;]*)", policy)


def claims(person):
    return jwt.decode(person.field("otp_proof"), options={"verify_signature": False})


def embed_cookie(response):
    """Return the attributes of the cookie of an embedded page in lower case."""
    [header] = [
        each
        for each in response.headers.getlist("Set-Cookie")
        if each.startswith("otp_verify_embedded=")
    ]
    return {each.strip().lower() for each in header.split(";")[1:]}


def test_only_the_application_of_the_link_may_embed_the_page(framed):
    assert framed.step == "number"
    assert ancestors(framed.response) == [APP]


@pytest.mark.parametrize("path", ["/verify", "/verify?locale=en", "/docs", "/"])
def test_no_page_may_embed_a_page_without_the_parameter(client, path):
    response = client.get(path)

    assert ancestors(response) == ["'none'"]
    assert "data-embedder" not in response.text


@pytest.mark.parametrize(
    "embed",
    ["https://evil.example.com", f"{APP}/", f"{APP}:443", "null", "*", "", APP.upper()],
)
def test_embedded_page_of_other_origin_is_rejected(client, caplog, embed):
    query = {"embed": embed, "return_url": f"{APP}/back", "state": "s"}

    response = client.get("/verify", query_string=query)

    assert response.status_code == 400
    assert ancestors(response) == ["'none'"]
    assert "<form" not in response.text
    assert "OTP_RETURN_ORIGINS" in caplog.text
    assert not embed or embed not in caplog.text


def test_repeated_embed_is_rejected(client):
    response = client.get("/verify", query_string={"embed": [APP, OTHER]})

    assert response.status_code == 400
    assert ancestors(response) == ["'none'"]


def test_return_url_of_other_application_is_rejected(client):
    framed = FramedPerson(client)

    response = framed.open(return_url=f"{OTHER}/back")

    assert (response.status_code, framed.step) == (400, "none")


def test_first_request_redirects_to_itself_with_the_cookie(client):
    response = client.get("/verify", query_string={"embed": APP})

    assert response.status_code == 303
    query = parse_qs(urlsplit(response.headers["Location"]).query)
    assert query == {"embed": [APP], "probe": ["1"]}


def test_browser_without_cookie_gets_a_link_to_a_window(app_with):
    client = app_with(**SETTINGS).test_client(use_cookies=False)

    framed = FramedPerson(client, state="a&b")

    assert framed.step == "blocked"
    assert "<form" not in framed.text
    [link] = re.findall(r'<a class="button" href="([^"]+)" target="_top"', framed.text)
    assert parse_qs(urlsplit(html.unescape(link)).query) == {
        "return_url": [f"{APP}/back"],
        "state": ["a&b"],
    }


def test_cookie_of_embedded_page_over_tls_is_partitioned(client):
    response = client.get(
        "/verify", query_string={"embed": APP}, base_url="https://localhost"
    )

    assert embed_cookie(response) == {
        *("httponly", "partitioned", "path=/verify", "samesite=none", "secure")
    }


def test_cookie_of_embedded_page_without_tls_stays_lax(client):
    response = client.get("/verify", query_string={"embed": APP})

    assert embed_cookie(response) == {"httponly", "path=/verify", "samesite=lax"}


def test_cookie_of_page_in_a_window_stays_lax(client):
    response = client.get("/verify", base_url="https://localhost")

    [header] = response.headers.getlist("Set-Cookie")
    assert header.startswith("otp_verify=")
    assert "SameSite=Lax" in header
    assert "Partitioned" not in header


def test_cookie_of_a_redirect_after_a_form_is_partitioned(client):
    framed = FramedPerson(client, base_url="https://localhost")

    framed.submit("number", phone=PHONE)

    assert framed.step == "code"
    [redirect] = framed.response.history
    assert {"partitioned", "samesite=none"} <= embed_cookie(redirect)


def test_approved_person_gets_a_proof_for_the_embedding_application(framed):
    framed.submit("number", phone=PHONE)
    framed.submit("code", otp=framed.code())

    assert framed.step == "done"
    assert ancestors(framed.response) == [APP]
    assert f'data-embedder="{APP}"' in framed.text
    assert (claims(framed)["aud"], claims(framed)["nonce"]) == (APP, "s-1")
    # Without scripts in the frame, the button leads to the application in the window.
    assert f'action="{APP}/back" data-return target="_top"' in framed.text


def test_embedded_page_and_page_in_a_window_have_separate_sessions(client):
    framed = FramedPerson(client)
    framed.submit("number", phone=PHONE)

    person = Person(client)

    assert (person.step, framed.open() and framed.step) == ("number", "code")


def test_second_window_of_the_application_does_not_change_the_first(client):
    first = FramedPerson(client, state="first")
    first.submit("number", phone=PHONE)
    second = FramedPerson(client, state="second")

    first.submit("code", otp=first.code())

    assert "open for too long" in first.notice
    first.submit("number", phone="+919445067890")
    first.submit("code", otp=first.code())
    assert claims(first)["nonce"] == first.field("state") == "first"
    assert second.query["state"] == "second"


def test_other_application_of_the_site_starts_with_an_empty_session(client):
    framed = FramedPerson(client)
    framed.submit("number", phone=PHONE)

    response = client.get("/verify", query_string={"embed": OTHER})

    assert ancestors(response) == [OTHER]
    assert 'data-step="number"' in response.text
    assert APP not in response.text


def test_links_of_the_page_stay_embedded(framed):
    [link] = re.findall(r'<a href="([^"]+)" hreflang="de"', framed.text)

    query = parse_qs(urlsplit(html.unescape(link)).query)

    assert query == {
        "embed": [APP],
        "locale": ["de"],
        "return_url": [f"{APP}/back"],
        "state": ["s-1"],
    }


def test_error_of_an_embedded_form_stays_embedded(framed):
    framed.submit("number", phone="12")

    assert framed.response.status_code == 400
    assert "not a phone number" in framed.notice
    assert ancestors(framed.response) == [APP]


def linked(client, **fields):
    """Request a link to a page of an authenticator app."""
    body = {"identity": "user-4711", "page": "enroll"} | fields
    url = client.post("/auth/totp/link", json=body).json["url"]
    return "/verify/link", {"token": parse_qs(urlsplit(url).query)["token"][0]}


def test_page_link_opens_in_a_frame(client):
    path, query = linked(client, return_url=f"{APP}/back", state="s-1")

    response = client.get(
        path, query_string=query | {"embed": APP}, follow_redirects=True
    )

    assert (response.status_code, ancestors(response)) == (200, [APP])
    assert 'data-step="enroll"' in response.text
    [action] = re.findall(r'<form method="post" action="([^"]+)"', response.text)
    assert parse_qs(urlsplit(html.unescape(action)).query) == {"embed": [APP]}


def test_page_link_in_a_frame_of_other_application_stays_usable(client):
    path, query = linked(client, return_url=f"{APP}/back", state="s-1")
    rejected = client.get(
        path, query_string=query | {"embed": OTHER}, follow_redirects=True
    )

    response = client.get(
        path, query_string=query | {"embed": APP}, follow_redirects=True
    )

    assert rejected.status_code == 400
    assert 'data-step="enroll"' in response.text


def test_page_link_without_cookie_stays_usable_in_a_window(app_with):
    app = app_with(**SETTINGS)
    path, query = linked(app.test_client(), return_url=f"{APP}/back", state="s-1")
    without_cookies = app.test_client(use_cookies=False)
    blocked = without_cookies.get(
        path, query_string=query | {"embed": APP}, follow_redirects=True
    )
    [link] = re.findall(r'<a class="button" href="([^"]+)"', blocked.text)

    response = app.test_client().get(html.unescape(link), follow_redirects=True)

    assert 'data-step="blocked"' in blocked.text
    assert 'data-step="enroll"' in response.text


def test_message_is_bound_to_the_application_and_the_embedded_page(app_with):
    settings = SETTINGS | {"OTP_PUBLIC_URL": "https://otp.example.com:8443"}
    framed = FramedPerson(app_with(**settings).test_client())

    framed.submit("number", phone=PHONE)

    [message] = framed.http.get("/dev/inbox.json").json["messages"]
    assert message["body"].endswith(
        f"\n@app.example.com #{message['code']} @otp.example.com"
    )


def test_message_of_one_host_is_bound_to_it_once(app_with):
    settings = SETTINGS | {"OTP_PUBLIC_URL": f"{APP}/otp"}
    framed = FramedPerson(app_with(**settings).test_client())

    framed.submit("number", phone=PHONE)

    [message] = framed.http.get("/dev/inbox.json").json["messages"]
    assert message["body"].endswith(f"\n@app.example.com #{message['code']}")
