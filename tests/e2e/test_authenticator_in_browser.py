"""The pages of authenticator apps in Chromium, with a decoder of QR codes."""

from __future__ import annotations

import base64
import re

import pytest
import zxingcpp
from playwright.sync_api import Page, expect

from otp_engine.web.translations import TRANSLATIONS
from tests.support import pictures, png
from tests.support.browser_pages import (
    PHONE,
    WIDE,
    code_of,
    serious_violations,
)
from tests.support.linked_person import IDENTITY, LINK, AuthenticatorApp

pytestmark = pytest.mark.browser

NARROW = {"viewport": {"width": 320, "height": 640}}
FORMATS = {3: zxingcpp.ImageFormat.RGB, 4: zxingcpp.ImageFormat.RGBA}
OVERLOAD = {"OTP_CHECKS_PER_IP": "off", "OTP_SENDS_PER_IP": "off"}
# The words of headings and buttons on more lines than their hyphens, also soft ones,
# allow. Chinese, Japanese and Thai have no spaces between words.
BROKEN = """() => document.documentElement.lang.match(/^(ja|th|zh)/) ? [] :
  [...document.querySelectorAll("main :is(h1, h2, h3, button, .button)")]
  .flatMap((each) => [...each.childNodes].filter((node) => node.data))
  .flatMap((text) => [...text.data.matchAll(/\\S+/g)].filter((match) => {
    const range = document.createRange();
    range.setStart(text, match.index);
    range.setEnd(text, match.index + match[0].length);
    const lines = [...range.getClientRects()].map(({ top }) => Math.round(top));
    return new Set(lines).size > match[0].split(/[\\u00ad-]/).length;
  }))
  .map(([word]) => `${document.documentElement.lang}: ${word}`)"""


@pytest.fixture(scope="module")
def stack_environ():
    """Return a factor key, and a client IP without a limit."""
    key = base64.b64encode(bytes(range(64, 96))).decode()
    return {"OTP_FACTOR_KEY": key, **OVERLOAD}


@pytest.fixture
def open_link(open_page):
    """Return a function that opens a page link in a browser session of its own."""

    def open_in_new_context(kind: str, fields=None, **options) -> Page:
        page = open_page("/verify", **options)
        follow(page, kind, **(fields or {}))
        return page

    return open_in_new_context


def follow(page: Page, kind: str, **fields) -> None:
    """Open a new page link."""
    body = {"identity": IDENTITY, "page": kind} | fields
    page.goto(page.request.post(LINK, data=body).json()["url"])


def scan(page: Page) -> AuthenticatorApp:
    """Return an app that has read the QR code from the screen."""
    picture = png.decode(page.locator(".qr").screenshot())
    view = zxingcpp.ImageView(
        picture.pixels, picture.width, picture.height, FORMATS[picture.channels]
    )
    [code] = zxingcpp.read_barcodes(
        view, formats=zxingcpp.barcode_formats_from_str("QRCode")
    )
    return AuthenticatorApp(code.text)


def activate(page: Page) -> AuthenticatorApp:
    """Enter the first code of the app, and return the app."""
    app = scan(page)
    page.locator("#otp").fill(app.code(-1))
    expect(page.locator("h1")).to_have_text("Authenticator app is set up")
    return app


@pytest.mark.parametrize("colors", ["light", "dark"])
@pytest.mark.parametrize("forced", ["none", "active"])
def test_qr_code_on_the_screen_has_the_uri_of_the_secret(open_link, colors, forced):
    page = open_link(
        "enroll", {"name": "Zoë"}, color_scheme=colors, forced_colors=forced, **NARROW
    )

    app = scan(page)

    assert app.uri == page.locator("a[href^='otpauth:']").get_attribute("href")
    assert app.totp.name == "Zoë"
    assert app.totp.secret == page.locator(".key").inner_text().replace(" ", "")


def test_code_of_the_scanned_app_activates_and_works_once(open_link):
    page = open_link("enroll")
    app = scan(page)

    page.locator("#otp").fill(app.code(-1))
    expect(page.locator("h1")).to_have_text("Authenticator app is set up")
    follow(page, "verify")
    code = app.code()
    page.locator("#otp").fill(code)
    expect(page.locator("h1")).to_have_text("Code accepted")
    follow(page, "verify")
    page.locator("#otp").fill(code)

    expect(page.get_by_role("alert")).to_contain_text("9 attempts left.")


def test_pages_work_without_scripts(open_link):
    page = open_link("enroll", java_script_enabled=False)
    app = scan(page)
    expect(page.get_by_role("button", name="Copy")).to_have_count(0)
    expect(page.get_by_role("button", name="Print")).to_have_count(0)

    page.locator("#otp").fill(app.wrong_code())
    page.get_by_role("button", name="Activate").click()
    expect(page.get_by_role("alert")).to_contain_text("4 attempts left.")
    page.locator("#otp").fill(app.code(-1))
    page.get_by_role("button", name="Activate").click()
    expect(page.locator("h1")).to_have_text("Authenticator app is set up")
    follow(page, "verify")
    page.locator("#otp").fill(app.code())
    page.get_by_role("button", name="Verify").click()

    expect(page.locator("h1")).to_have_text("Code accepted")


@pytest.mark.picture
def test_reload_keeps_the_qr_code(open_link):
    page = open_link(
        "enroll", {"name": "Alice"}, viewport={"width": 520, "height": 760}
    )
    before = scan(page).uri
    pictures.take(page, "enroll")

    page.reload()

    assert scan(page).uri == before
    assert "token" not in page.url


def test_first_view_starts_at_the_heading(open_link):
    page = open_link("enroll", **NARROW)

    expect(page.locator("#otp")).not_to_be_focused()
    assert page.evaluate("scrollY") == 0


def test_wrong_code_is_announced_and_focused(open_link):
    page = open_link("enroll", **NARROW)
    app = scan(page)

    page.locator("#otp").fill(app.wrong_code())

    expect(page.get_by_role("alert")).to_contain_text("4 attempts left.")
    expect(page.locator("#otp")).to_be_focused()
    expect(page.locator("#otp")).to_have_attribute("aria-invalid", "true")
    assert scan(page).uri == app.uri


@pytest.mark.parametrize(
    "fail",
    [
        lambda route: route.abort(),
        lambda route: route.fulfill(
            status=503,
            content_type="text/html",
            body='<p id="notice"></p><div id="step" data-step="activate"></div>',
        ),
    ],
    ids=["offline", "unavailable"],
)
def test_failed_request_keeps_the_qr_code_and_is_seen(open_link, fail):
    page = open_link("enroll", **NARROW)
    app = scan(page)
    code = app.code(-1)
    page.route("**/verify/enroll", fail)

    page.locator("#otp").fill(code)

    notice = page.get_by_role("alert")
    expect(notice).to_have_text("This does not work right now. Try again in a moment.")
    expect(notice).to_be_in_viewport()
    expect(page.locator("#otp")).to_have_value(code)
    assert scan(page).uri == app.uri
    page.unroute("**/verify/enroll")
    page.get_by_role("button", name="Activate").click()
    expect(page.locator("h1")).to_have_text("Authenticator app is set up")


def test_keyboard_reaches_everything_and_activates(open_link):
    page = open_link("enroll")
    app = scan(page)
    reached = []
    for _ in range(20):
        page.keyboard.press("Tab")
        reached.append(
            page.evaluate(
                "document.activeElement.id || document.activeElement.innerText"
            )
        )
        if reached[-1] == "otp":
            break

    page.keyboard.type(app.code(-1))

    expect(page.locator("h1")).to_have_text("Authenticator app is set up")
    assert reached == [
        *("Open the app on this device", "Copy", "Download", "Copy", "Print", "otp")
    ]


def test_recovery_code_replaces_the_app(open_link):
    page = open_link("enroll")
    code = page.locator(".codes li").first.inner_text()
    activate(page)
    follow(page, "verify")

    page.get_by_role("link", name="Use a recovery code").click()
    page.get_by_label("Recovery code").fill("wrong")
    page.keyboard.press("Enter")
    expect(page.locator("#recovery_code-error")).to_be_visible()
    expect(page.get_by_label("Recovery code")).to_have_value("wrong")
    page.get_by_label("Recovery code").fill(code.upper())
    page.keyboard.press("Enter")

    expect(page.locator("h1")).to_have_text("Code accepted")
    expect(page.locator("#step")).to_contain_text("You have 9 recovery codes left.")


def test_message_replaces_the_app(open_link):
    page = open_link("verify", {"phone": f"+91 {PHONE}"})

    page.get_by_role("button", name=re.compile("Send a code to")).click()
    expect(page.locator("#sent")).to_be_visible()
    page.locator("#otp").fill(code_of(page))

    expect(page.locator("h1")).to_have_text("Number verified")


def test_key_and_recovery_codes_are_copied(open_link):
    permissions = ["clipboard-read", "clipboard-write"]
    page = open_link("enroll", permissions=permissions)
    codes = page.locator(".codes li").all_inner_texts()
    copied = []

    for button in page.get_by_role("button", name="Copy").all():
        button.click()
        expect(page.get_by_role("status")).to_have_text("Copied")
        copied.append(page.evaluate("navigator.clipboard.readText()"))
        expect(page.get_by_role("status")).to_have_text("")

    assert copied == [scan(page).totp.secret, "\n".join(codes)]


def test_recovery_codes_are_downloaded(open_link):
    page = open_link("enroll")

    with page.expect_download() as download:
        page.get_by_role("link", name="Download").click()

    codes = page.locator(".codes li").all_inner_texts()
    assert download.value.suggested_filename == "recovery-codes.txt"
    assert download.value.path().read_text().splitlines()[2:] == codes


def test_print_has_the_recovery_codes_and_not_the_secret(open_link):
    page = open_link("enroll", color_scheme="dark")

    page.emulate_media(media="print")

    expect(page.locator(".codes")).to_be_visible()
    expect(page.get_by_text(f"OTP Engine: {IDENTITY}")).to_be_visible()
    for hidden in (".qr", ".key", "#otp", ".languages"):
        expect(page.locator(hidden)).to_be_hidden()
    background = page.locator("body").evaluate(
        "e => getComputedStyle(e).backgroundColor"
    )
    assert background == "rgb(255, 255, 255)"


@pytest.mark.parametrize("colors", ["light", "dark"])
def test_every_step_is_accessible(open_link, colors):
    page = open_link("enroll", color_scheme=colors, bypass_csp=True, **NARROW)
    violations = serious_violations(page)
    app = scan(page)
    page.locator("#otp").fill("12")
    page.get_by_role("button", name="Activate").click()
    expect(page.locator("#otp-error")).to_be_visible()
    violations += serious_violations(page)
    page.locator("#otp").fill(app.code(-1))
    expect(page.locator("h1")).to_have_text("Authenticator app is set up")
    violations += serious_violations(page)
    follow(page, "verify", phone=f"+91 {PHONE}")
    violations += serious_violations(page)
    page.get_by_role("link", name="Use a recovery code").click()
    violations += serious_violations(page)

    assert violations == []


@pytest.mark.parametrize("locale", ["he", "ar"])
def test_right_to_left_page_is_mirrored_and_accessible(open_link, locale):
    page = open_link("enroll", bypass_csp=True, **NARROW)
    page.goto(f"/verify/enroll?locale={locale}")

    violations = serious_violations(page)

    heading, key = page.locator("h1"), page.locator(".key")
    assert heading.evaluate("(each) => getComputedStyle(each).direction") == "rtl"
    assert key.evaluate("(each) => getComputedStyle(each).direction") == "ltr"
    assert violations == []
    assert scan(page).totp.secret == key.inner_text().replace(" ", "")


def test_pages_fit_a_narrow_screen_in_every_language(open_link):
    page = open_link("enroll", **NARROW)
    wide: list[str] = []
    for locale in TRANSLATIONS:
        page.goto(f"/verify/enroll?locale={locale}")
        expect(page.locator(".qr")).to_be_visible()
        wide += page.evaluate(WIDE) + page.evaluate(BROKEN)

    assert wide == []


def test_form_of_the_code_fits_a_narrow_screen_in_every_language(open_link):
    page = open_link("enroll", **NARROW)
    activate(page)
    follow(page, "verify", phone=f"+91 {PHONE}")
    wide: list[str] = []
    for locale in TRANSLATIONS:
        for method in ("", "&method=recovery"):
            page.goto(f"/verify?factor=totp&locale={locale}{method}")
            expect(page.locator("form button")).to_have_count(2)
            wide += page.evaluate(WIDE) + page.evaluate(BROKEN)

    assert wide == []


def test_start_page_of_dev_mode_leads_to_both_pages(open_page):
    page = open_page("/")
    page.get_by_role("link", name="Set up an authenticator app").click()
    app = activate(page)
    page.goto("/")

    page.get_by_role("link", name="Check a code of that app").click()
    page.locator("#otp").fill(app.code())

    expect(page.locator("h1")).to_have_text("Code accepted")
