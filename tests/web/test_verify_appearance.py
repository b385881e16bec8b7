from __future__ import annotations

import re

import pytest

from otp_engine.web.translations import TRANSLATIONS

PHONE = "+919445012345"


@pytest.mark.parametrize("path", ["/verify", "/dev/inbox", "/docs"])
def test_page_loads_only_own_resources_and_has_no_inline_script(client, path):
    response = client.get(path)

    policy = response.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; script-src 'self';")
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert response.headers["Referrer-Policy"] == "strict-origin"
    assert not re.findall(
        r"""(?:src=|<link[^>]* href=)["'](?:https?:)?//""", response.text
    )
    assert not re.findall(r"<(?:script|style)>|\sstyle=|\son\w+=", response.text)


@pytest.mark.parametrize(
    ("accepted", "locale"),
    [("hi-IN,en;q=0.5", "hi"), ("ar", "ar"), ("es-MX", "es"), ("tlh", "en")],
)
def test_page_language_follows_accept_language(client, accepted, locale):
    text = client.get("/verify", headers={"Accept-Language": accepted}).text

    assert f'<html lang="{locale}" dir="{TRANSLATIONS[locale].direction}">' in text
    assert TRANSLATIONS[locale].get("title") in text


def test_selected_language_stays_and_applies_to_the_message(person):
    person.open(locale="es")

    person.submit("number", phone=PHONE)

    assert person.response.text.startswith('<!doctype html>\n<html lang="es"')
    [message] = person.http.get("/dev/inbox.json").json["messages"]
    assert message["locale"] == "es"


def test_every_language_has_the_same_keys():
    keys = {locale: set(texts.strings) for locale, texts in TRANSLATIONS.items()}

    assert {"en", "hi", "es", "ar"} <= set(keys)
    assert all(keys[locale] == keys["en"] for locale in keys)


def test_every_language_has_the_same_placeholders():
    placeholders = {
        locale: {key: re.findall(r"{\w*}", text) for key, text in texts.strings.items()}
        for locale, texts in TRANSLATIONS.items()
    }

    assert all(placeholders[locale] == placeholders["en"] for locale in placeholders)


@pytest.mark.parametrize(
    ("color", "text_color"), [("#ffd400", "#000"), ("#1b3a8a", "#fff")]
)
def test_buttons_have_the_configured_color_and_readable_text(
    app_with, color, text_color
):
    style = app_with(OTP_COLOR=color).test_client().get("/assets/color.css")

    assert style.content_type.startswith("text/css")
    assert f"--button: {color}; --on-button: {text_color};" in style.text


def test_page_shows_brand_and_logo(app_with, tmp_path):
    logo = tmp_path / "logo.svg"
    logo.write_text("<svg xmlns='http://www.w3.org/2000/svg'/>")
    client = app_with(OTP_LOGO=str(logo), OTP_BRAND="Acme & Co").test_client()

    page = client.get("/verify").text
    with client.get("/assets/logo") as picture:
        shown, policy = picture.text, picture.headers["Content-Security-Policy"]

    assert "Acme &amp; Co" in page
    assert 'src="/assets/logo"' in page
    assert shown == logo.read_text()
    assert "sandbox" in policy


def test_default_page_has_no_logo_and_no_color(client):
    assert client.get("/assets/logo").status_code == 404
    assert client.get("/assets/color.css").text == ""


def test_disabled_page_is_404(app_with):
    assert app_with(OTP_VERIFY_PAGE="0").test_client().get("/verify").status_code == 404


def test_http_error_is_an_html_page(client):
    response = client.delete("/verify")

    assert response.status_code == 405
    assert response.content_type.startswith("text/html")
    assert "default-src 'none'" in response.headers["Content-Security-Policy"]
    assert "<form" not in response.text
