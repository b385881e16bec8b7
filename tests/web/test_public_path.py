from __future__ import annotations

import re
from urllib.parse import urlsplit

import pytest

from otp_engine import config
from otp_engine.errors import InvalidSettings
from tests.support.verify_page import Person

PHONE = "+919445012345"
PUBLIC = "http://example.com/otp"
LINK = re.compile(r'(?:href|src|action)="([^"]*)"')


@pytest.fixture
def client(app_with):
    return app_with(OTP_PUBLIC_URL=PUBLIC).test_client()


@pytest.mark.parametrize("prefix", ["", "/otp"])
@pytest.mark.parametrize("path", ["/", "/verify", "/docs", "/dev/inbox"])
def test_every_link_of_a_page_is_below_the_public_path(client, prefix, path):
    response = client.get(prefix + path)

    own = [link for link in LINK.findall(response.text) if not urlsplit(link).netloc]
    absolute = [link for link in own if link.startswith("/")]
    assert response.status_code == 200
    assert absolute
    assert [link for link in absolute if not link.startswith("/otp/")] == []


@pytest.mark.parametrize("prefix", ["", "/otp"])
def test_every_linked_asset_exists(client, prefix):
    text = client.get(f"{prefix}/verify").text
    assets = [link for link in LINK.findall(text) if "/assets/" in link]

    statuses = []
    for link in assets:
        with client.get(link) as response:
            statuses.append(response.status_code)

    assert len(statuses) >= 4
    assert set(statuses) == {200}


@pytest.mark.parametrize("path", ["/verify", "/otp/verify"])
def test_cookie_and_redirect_have_the_public_path(client, path):
    page = client.get(path)
    [token] = set(re.findall(r'name="csrf_token" value="([^"]+)"', page.text))
    form = {"csrf_token": token, "step": "number", "phone": PHONE}

    response = client.post("/otp/verify", data=form)

    assert "Path=/otp/verify" in page.headers["Set-Cookie"]
    assert (response.status_code, response.location) == (303, "/otp/verify")


def test_verification_completes_below_the_public_path(client):
    person = Person(client, path="/otp/verify")
    person.submit("number", phone=PHONE)

    person.submit("code", otp=person.code())

    assert person.step == "done"


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/otp/healthz", 200),
        ("/otp/readyz", 200),
        ("/otp/.well-known/jwks.json", 200),
        ("/otp", 200),
        ("/otp/", 200),
        ("/otp/otp/verify", 404),
        ("/otp//verify", 404),
        ("/otpverify", 404),
        ("/other/verify", 404),
    ],
)
def test_path_is_removed_once_and_as_whole_segments(client, path, status):
    assert client.get(path).status_code == status


@pytest.mark.parametrize("path", ["/auth", "/v2", "/verify", "/dev/x"])
def test_public_path_of_an_endpoint_removes_nothing(app_with, path):
    client = app_with(OTP_PUBLIC_URL=f"http://example.com{path}").test_client()

    sent = client.post("/auth/send_otp", json={"phone": PHONE})
    page = client.get("/verify")

    assert sent.status_code == 201
    assert f'action="{path}/verify"' in page.text


def test_urls_of_v2_have_the_public_path(client):
    response = client.get("/otp/v2/Services", auth=("AC" + "0" * 32, "any"))

    assert response.json["meta"]["url"].startswith(f"{PUBLIC}/v2/Services?")
    assert response.json["services"][0]["url"].startswith(f"{PUBLIC}/v2/Services/VA")


@pytest.mark.parametrize(
    "path", ["//otp", "/otp//x", "/../otp", "/otp/.", "/o%20p", "/é", "/o;p"]
)
def test_public_url_with_an_ambiguous_path_is_rejected(path):
    with pytest.raises(InvalidSettings, match="OTP_PUBLIC_URL"):
        config.load({"OTP_DEV": "1", "OTP_PUBLIC_URL": f"https://example.com{path}"})


def test_public_path_has_no_trailing_slash():
    url = "https://example.com/a/otp/"

    settings = config.load({"OTP_DEV": "1", "OTP_PUBLIC_URL": url})

    assert settings.public_path == "/a/otp"


def test_public_url_without_a_path_adds_none(app_with):
    client = app_with(OTP_PUBLIC_URL="http://example.com/").test_client()

    response = client.get("/verify")

    assert 'action="/verify"' in response.text
    assert "Path=/verify" in response.headers["Set-Cookie"]
