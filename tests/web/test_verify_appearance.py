from __future__ import annotations

import re

import pytest

from otp_engine.domain.messages import languages
from otp_engine.web.render import split_sentences
from otp_engine.web.translations import TRANSLATIONS
from tests.support.verify_page import Person

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
    [
        *(("hi-IN,en;q=0.5", "hi"), ("ar", "ar"), ("es-MX", "es"), ("tlh", "en")),
        *(("de-AT", "de"), ("fr-CA", "fr"), ("it", "it"), ("pt-BR", "pt-BR")),
        *(("pt-PT", "pt"), ("pt-br", "pt-BR"), ("nl-BE", "nl"), ("he-IL", "he")),
    ],
)
def test_page_language_follows_accept_language(client, accepted, locale):
    text = client.get("/verify", headers={"Accept-Language": accepted}).text

    assert f'<html lang="{locale}" dir="{TRANSLATIONS[locale].direction}">' in text
    assert TRANSLATIONS[locale].get("title") in text


@pytest.mark.parametrize("locale", sorted(TRANSLATIONS))
def test_selected_language_stays_and_applies_to_the_message(person, locale):
    person.open(locale=locale)

    person.submit("number", phone=PHONE)

    assert person.text.startswith(f'<!doctype html>\n<html lang="{locale}"')
    [message] = person.http.get("/dev/inbox.json").json["messages"]
    assert message["locale"] == languages.select(locale, "IN")


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


def test_page_has_no_links_by_default(client):
    text = client.get("/verify").text

    assert "target=" not in text


def test_page_links_to_pages_of_the_operator(app_with):
    person = Person(
        app_with(
            OTP_TERMS_URL="https://example.com/terms?a=1&b=2",
            OTP_PRIVACY_URL="https://example.com/privacy/",
            OTP_HELP_URL="mailto:help@example.com",
        ).test_client()
    )

    links = re.findall(
        r'<a href="([^"]*)" target="_blank" rel="noopener">', person.text
    )

    assert links == [
        "https://example.com/terms?a=1&amp;b=2",
        "https://example.com/privacy/",
        "mailto:help@example.com",
    ]


def test_help_is_linked_on_every_step(app_with):
    person = Person(app_with(OTP_HELP_URL="https://example.com/help").test_client())
    texts = [person.text]
    person.submit("number", phone=PHONE)
    texts.append(person.text)
    person.submit("code", otp=person.code())
    texts.append(person.text)
    person.open(return_url="https://a.test/")
    texts.append(person.text)

    assert ["https://example.com/help" in text for text in texts] == [True] * 4


@pytest.mark.parametrize("locale", ["ja", "zh", "zh-HK"])
def test_no_space_follows_the_full_stop_of_chinese_and_japanese(app_with, locale):
    client = app_with(OTP_ALLOWED_COUNTRIES="*").test_client()

    text = client.get(f"/verify?locale={locale}").text

    assert f"。{TRANSLATIONS[locale].get('rates')}</p>" in text


@pytest.mark.parametrize(
    ("countries", "has_rates"),
    [("IN", False), ("IN,US", True), ("PR", True), ("*", True)],
)
def test_page_states_costs_where_operators_of_networks_require_it(
    app_with, countries, has_rates
):
    client = app_with(OTP_ALLOWED_COUNTRIES=countries, OTP_BRAND="Acme").test_client()

    text = client.get("/verify").text

    assert "Acme sends a message or makes a call with a code" in text
    assert ("Message and data rates may apply." in text) == has_rates


def test_success_links_to_the_inbox_in_dev_mode(person):
    person.submit("number", phone=PHONE)

    person.submit("code", otp=person.code())

    assert 'href="/dev/inbox"' in person.text
    assert 'href="/verify"' in person.text
    assert 'class="tick"' in person.text


def test_error_is_in_the_title_beside_the_field_and_linked(person):
    person.submit("number", phone="12")

    assert "<title>Error: Verify your number – OTP Engine</title>" in person.text
    assert 'role="alert"' in person.text
    assert '<a href="#phone"><span class="sentence">This is not' in person.text
    assert 'id="phone-error" class="field-error"' in person.text
    assert (
        'aria-describedby="phone-error phone-hint" aria-invalid="true"' in person.text
    )


def test_page_without_error_describes_the_field_by_its_hint(person):
    assert 'aria-describedby="phone-hint">' in person.text
    assert "aria-invalid" not in person.text
    assert "<title>Verify your number – OTP Engine</title>" in person.text


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("That is not right. 4 left.", ["That is not right.", "4 left."]),
        ("कोड सही नहीं है। 4 बचे हैं।", ["कोड सही नहीं है।", "4 बचे हैं।"]),
        ("In 1.5 hours", ["In 1.5 hours"]),
        ("", [""]),
    ],
)
def test_sentences_are_split_after_a_full_stop(text, sentences):
    assert split_sentences(text) == sentences


@pytest.mark.parametrize(
    ("environ", "locale", "example"),
    [
        ({}, "en", "+91 81234 56789"),
        ({}, "ar", "+971 50 123 4567"),
        ({"OTP_DEFAULT_REGION": "US"}, "en", "+1 201-555-0123"),
        ({"OTP_DEFAULT_REGION": "US"}, "es", "+34 612 34 56 78"),
        ({"OTP_ALLOWED_COUNTRIES": "IN,DE"}, "de", "+49 1512 3456789"),
        ({"OTP_ALLOWED_COUNTRIES": "IN,DE"}, "es", "+91 81234 56789"),
    ],
)
def test_hint_has_a_number_of_an_allowed_country(app_with, environ, locale, example):
    client = app_with(**environ).test_client()

    text = client.get("/verify", query_string={"locale": locale}).text

    assert example.replace(" ", "\u00a0") in text
