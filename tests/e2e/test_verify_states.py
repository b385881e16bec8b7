"""The states of the verify page in Chromium: one sentence, one wait, and the focus."""

from __future__ import annotations

import base64
import re
from datetime import timedelta

import pytest
import redis
from playwright.sync_api import Page, expect

from tests.support import redis_server, server_process
from tests.support.browser_pages import (
    PHONE,
    code_of,
    serious_violations,
    submit_number,
)
from tests.support.fakes import different_code
from tests.support.time_travel import age

pytestmark = pytest.mark.browser

PEPPER = {"OTP_PEPPER": base64.b64encode(bytes(range(32))).decode()}
ATTEMPTS = 5
EXHAUSTED = "Too many wrong codes. Request a new one."
BAD_LINK = "The link that led you here does not work. Go back, and try again."
A_WAIT = re.compile(r"\d+\u00a0(?:s|min|h|days?)\b")
LANGUAGES = ["ar", "de", "en", "es", "fr", "hi", "it", "pt"]


@pytest.fixture(scope="module")
def cooldown():
    """Return a cooldown that lasts longer than a test on a busy machine."""
    return "5m"


@pytest.fixture
def later(shared_redis):
    """Return a function that makes everything in Redis older."""
    with redis.Redis.from_url(shared_redis) as client:
        yield lambda period: age(client, period)


def enter_wrong_codes(page: Page, code: str) -> None:
    """Use every attempt; the script submits each complete code."""
    for left in reversed(range(ATTEMPTS)):
        page.locator("#otp").fill(different_code(code))
        text = f"{left} attempt" if left else EXHAUSTED
        expect(page.get_by_role("alert")).to_contain_text(text)


def waits(page: Page) -> list[str]:
    """Return the times that the visible text contains."""
    return A_WAIT.findall(page.locator("main").inner_text())


def test_exhausted_verification_has_one_countdown_to_a_new_code(open_page, later):
    page = open_page("/verify")
    page.clock.install()
    enter_wrong_codes(page, submit_number(page))
    button = page.get_by_role("button", name=re.compile("Send a new code"))

    expect(page.get_by_role("heading")).to_be_focused()
    expect(page.locator("#otp")).to_have_count(0)
    expect(page.get_by_role("button", name="Verify")).to_have_count(0)
    expect(button).to_be_disabled()
    assert waits(page) == ["10\u00a0min"]
    page.clock.fast_forward("09:00")
    expect(button).to_have_text(re.compile(r"in \d+\u00a0s$"))
    page.clock.fast_forward("01:00")
    expect(button).to_have_text("Send a new code")
    later(timedelta(minutes=10))
    button.click()
    expect(page.get_by_label("Code", exact=True)).to_be_focused()
    page.get_by_label("Code", exact=True).fill(code_of(page))
    expect(page.get_by_role("heading")).to_have_text("Number verified")


def test_exhausted_verification_stays_closed_after_reload(open_page):
    page = open_page("/verify")
    enter_wrong_codes(page, submit_number(page))

    page.reload()

    expect(page.get_by_role("alert")).to_have_text(EXHAUSTED)
    expect(page.locator("#otp")).to_have_count(0)
    assert waits(page) == ["10\u00a0min"]


def test_cooldown_is_neutral_with_one_countdown(open_page):
    page = open_page("/verify")
    submit_number(page)
    page.get_by_role("button", name="Use another number").click()

    page.get_by_label("Phone number").fill(PHONE)
    page.get_by_role("button", name="Send code").click()

    expect(page.get_by_role("alert")).to_have_text("We sent you a code a moment ago.")
    expect(page.get_by_role("alert")).to_have_class("notice info")
    expect(page.get_by_label("Code", exact=True)).to_be_focused()
    assert page.locator("[aria-invalid]").count() == 0
    assert len(waits(page)) == 1


def test_rejected_number_is_kept_beside_its_error(open_page):
    page = open_page("/verify")
    field = page.get_by_label("Phone number")
    field.fill("12345")

    page.get_by_role("button", name="Send code").click()

    expect(field).to_have_attribute("aria-invalid", "true")
    expect(field).to_have_value("12345")
    expect(field).to_be_focused()
    expect(field).to_have_accessible_description(re.compile("^Error: This is not a"))
    expect(page).to_have_title(re.compile("^Error: "))
    page.get_by_role("button", name="Send code").focus()
    page.get_by_role("alert").get_by_role("link").click()
    expect(field).to_be_focused()


def test_invalid_border_differs_from_focus_ring(open_page):
    page = open_page("/verify")
    page.get_by_label("Phone number").fill("12345")
    page.keyboard.press("Enter")
    expect(page.locator("[aria-invalid]")).to_be_focused()

    style = page.locator("#phone").evaluate(
        "node => { const { borderWidth, borderColor, outlineColor, outlineOffset } ="
        " getComputedStyle(node);"
        " return { borderWidth, borderColor, outlineColor, outlineOffset } }"
    )

    assert style["borderWidth"] == "3px"
    assert style["outlineOffset"] == "2px"
    assert style["borderColor"] != style["outlineColor"]


def test_page_without_scripts_shows_states_and_keeps_input(open_page):
    page = open_page("/verify", java_script_enabled=False)
    page.get_by_label("Phone number").fill("12345")
    page.get_by_role("button", name="Send code").click()
    expect(page.get_by_label("Phone number")).to_have_value("12345")
    page.get_by_label("Phone number").fill(PHONE)
    page.get_by_role("button", name="Send code").click()
    assert len(waits(page)) == 1
    page.get_by_role("button", name="Send a new code").click()
    expect(page.get_by_role("alert")).to_have_text("We sent you a code a moment ago.")
    assert len(waits(page)) == 1
    code = code_of(page)
    for _ in range(ATTEMPTS):
        page.get_by_label("Code", exact=True).fill(different_code(code))
        page.get_by_role("button", name="Verify").click()

    expect(page.get_by_role("alert")).to_have_text(EXHAUSTED)
    expect(page.locator("#otp")).to_have_count(0)
    # Locators by text ignore `noscript`.
    expect(page.locator("noscript p")).to_have_text(
        "You can request a new code in 10\u00a0min."
    )
    expect(page.locator("noscript p")).to_be_visible()
    assert len(waits(page)) == 1


def test_typed_code_is_kept_when_no_new_code_can_be_sent(open_page):
    page = open_page("/verify", java_script_enabled=False)
    page.get_by_label("Phone number").fill(PHONE)
    page.get_by_role("button", name="Send code").click()

    page.get_by_label("Code", exact=True).fill("12")
    page.get_by_role("button", name="Send a new code").click()

    expect(page.get_by_role("alert")).to_have_text("We sent you a code a moment ago.")
    expect(page.get_by_label("Code", exact=True)).to_have_value("12")


@pytest.mark.parametrize("scripts", [True, False])
def test_rejected_link_has_a_sentence_and_no_form(open_page, scripts):
    link = "/verify?return_url=https://app.example.com/back"

    page = open_page(link, java_script_enabled=scripts)

    expect(page.get_by_role("alert")).to_have_text(BAD_LINK)
    expect(page.get_by_text("The parameter state is missing or empty.")).to_be_visible()
    assert page.locator("form, input, button, main a").count() == 0


def test_success_has_a_tick_and_leads_to_the_inbox(open_page):
    page = open_page("/verify")
    code = submit_number(page)
    page.get_by_label("Code", exact=True).fill(code)
    expect(page.locator("svg.tick")).to_be_visible()
    expect(page.get_by_role("heading", name="Number verified")).to_be_focused()

    page.get_by_role("link", name="Open the inbox").click()

    expect(page.locator(".message code")).to_have_text(code)


def test_code_field_is_for_one_time_codes(open_page):
    page = open_page("/verify")
    submit_number(page)
    field = page.get_by_label("Code", exact=True)

    expect(field).to_have_attribute("autocomplete", "one-time-code")
    expect(field).to_have_attribute("inputmode", "numeric")
    expect(field).to_have_accessible_description(re.compile("The code has 6 digits."))


@pytest.mark.parametrize(
    ("width", "locale"),
    [*((320, locale) for locale in LANGUAGES), (390, "ar"), (390, "de"), (1280, "ar")],
)
def test_every_state_fits_the_screen_in_every_language(open_page, width, locale):
    page = open_page(
        f"/verify?locale={locale}", viewport={"width": width, "height": 640}
    )
    widths = [scroll_width(page)]
    page.locator("#phone").fill("12345")
    page.locator("button").first.click()
    expect(page.locator("[aria-invalid]")).to_be_focused()
    widths.append(scroll_width(page))
    page.locator("#phone").fill(PHONE)
    page.locator("button").first.click()
    expect(page.locator("#otp")).to_be_focused()
    widths.append(scroll_width(page))
    page.locator("#otp").fill(different_code(code_of(page)))
    expect(page.locator("#otp-error")).to_be_visible()
    widths.append(scroll_width(page))

    assert max(widths) <= width


def scroll_width(page: Page) -> int:
    """Return the width of everything on *page*, in pixels."""
    width: int = page.evaluate("document.documentElement.scrollWidth")
    return width


@pytest.mark.parametrize("colors", ["light", "dark"])
def test_axe_finds_no_serious_violation_in_any_state(open_page, colors):
    page = open_page("/verify", color_scheme=colors, bypass_csp=True)
    page.get_by_label("Phone number").fill("12345")
    page.keyboard.press("Enter")
    expect(page.locator("[aria-invalid]")).to_be_focused()
    violations = serious_violations(page)
    code = submit_number(page)
    enter_wrong_codes(page, code)
    violations += serious_violations(page)
    page.get_by_role("button", name="Use another number").click()
    page.get_by_label("Phone number").fill("94450 67890")
    page.get_by_role("button", name="Send code").click()
    expect(page.get_by_label("Code", exact=True)).to_be_focused()
    page.get_by_label("Code", exact=True).fill(code_of(page))
    expect(page.locator("svg.tick")).to_be_visible()
    violations += serious_violations(page)
    page.goto("/verify?return_url=https://app.example.com/back")
    violations += serious_violations(page)

    assert violations == []


def test_code_in_other_digits_is_submitted_when_complete(open_page):
    page = open_page("/verify")
    code = submit_number(page)
    digits = {ord("0") + n: chr(0x0660 + n) for n in range(10)}

    page.get_by_label("Code", exact=True).fill(f"\u200f{code.translate(digits)}")

    expect(page.get_by_role("heading")).to_have_text("Number verified")


@pytest.mark.parametrize("failure", ["no network", "page of a proxy"])
def test_number_is_kept_without_an_answer_of_the_service(open_page, failure):
    page = open_page("/verify")
    field = page.get_by_label("Phone number")
    field.fill(PHONE)

    def fail(route):
        if route.request.method != "POST":
            route.continue_()
        elif failure == "no network":
            route.abort()
        else:
            route.fulfill(status=502, content_type="text/html", body="Bad gateway")

    page.route("**/verify", fail)
    page.get_by_role("button", name="Send code").click()
    expect(page.get_by_role("alert")).to_have_text(
        "This does not work right now. Try again in a moment."
    )
    expect(field).to_have_value(PHONE)
    expect(field).to_be_focused()
    page.unroute("**/verify")
    page.get_by_role("button", name="Send code").click()

    expect(page.get_by_label("Code", exact=True)).to_be_focused()


def test_code_and_number_are_kept_without_redis(chromium, tmp_path):
    unavailable = "This does not work right now. Try again in a moment."
    with (
        redis_server.redis_on_a_socket(tmp_path) as url,
        server_process.running_server("--dev", REDIS_URL=url, **PEPPER) as server,
        chromium.new_context(base_url=f"http://127.0.0.1:{server.port}") as context,
    ):
        page = context.new_page()
        page.goto("/verify")
        code = submit_number(page)
        redis.Redis.from_url(url).shutdown(nosave=True)

        page.get_by_label("Code", exact=True).fill(code)
        expect(page.get_by_role("alert")).to_have_text(unavailable)
        expect(page.get_by_label("Code", exact=True)).to_have_value(code)
        page.get_by_role("button", name="Use another number").click()
        page.get_by_label("Phone number").fill(PHONE)
        page.get_by_role("button", name="Send code").click()
        expect(page.get_by_role("alert")).to_have_text(unavailable)
        expect(page.get_by_label("Phone number")).to_have_value(PHONE)
