"""The pages in a real browser: Chromium, on a stack in dev mode."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.support import pictures
from tests.support.browser_pages import (
    PHONE,
    code_of,
    serious_violations,
    submit_number,
)
from tests.support.fakes import different_code

pytestmark = pytest.mark.browser


@pytest.mark.picture
@pytest.mark.smoke
def test_number_and_code_from_inbox_are_approved(open_page):
    small = {"viewport": {"width": 520, "height": 640}}
    page, inbox = open_page("/verify", **small), open_page("/dev/inbox", **small)
    other = {"phone": "+919876501234", "locale": "hi"}
    page.request.post("/auth/send_otp", data=other)

    code = submit_number(page)
    pictures.take(page, "verify")
    expect(page.locator("main")).to_contain_text("+91******2345")
    letter = inbox.locator(".message").first
    expect(letter.locator("h2")).to_have_text("+919445012345")
    expect(letter.locator(".state")).to_have_text("pending")
    page.get_by_label("Code", exact=True).press_sequentially(code)

    expect(page.get_by_role("heading")).to_have_text("Number verified")
    expect(letter.locator(".state")).to_have_text("approved")
    pictures.take(inbox, "inbox")


def test_code_copied_from_inbox_is_approved_when_pasted(open_page):
    page = open_page("/verify", permissions=["clipboard-read", "clipboard-write"])
    submit_number(page)
    inbox = page.context.new_page()
    inbox.goto("/dev/inbox")
    inbox.get_by_role("button", name="Copy").click()
    expect(inbox.locator("button.copy")).to_have_text("Copied")
    expect(inbox.get_by_role("status")).to_have_text("Copied")

    page.bring_to_front()
    page.get_by_label("Code", exact=True).press("Control+V")

    expect(page.get_by_role("heading")).to_have_text("Number verified")


def test_new_message_is_announced_and_keeps_the_focus(open_page):
    inbox = open_page("/dev/inbox")
    inbox.request.post("/auth/send_otp", data={"phone": PHONE})
    expect(inbox).to_have_title("(1) Inbox – OTP Engine")
    inbox.get_by_role("button", name="Copy").focus()

    inbox.request.post("/auth/send_otp", data={"phone": "+919876501234"})

    expect(inbox.get_by_role("status")).to_have_text("New message to +919876501234")
    expect(inbox.locator(".message h2")).to_have_text(
        ["+919876501234", "+919445012345"]
    )
    expect(inbox.get_by_role("button", name="Copy").last).to_be_focused()
    expect(inbox).to_have_title("(2) Inbox – OTP Engine")


def test_inbox_is_searched_and_cleared(open_page):
    inbox = open_page("/dev/inbox")
    for phone in (PHONE, "+919876501234"):
        inbox.request.post("/auth/send_otp", data={"phone": phone})

    inbox.get_by_label("Number or text").fill("098765 01234")
    inbox.get_by_label("Number or text").press("Enter")
    expect(inbox.locator(".message h2")).to_have_text(["+919876501234"])
    inbox.get_by_role("button", name="Delete all").click()

    expect(inbox.get_by_text("No messages yet")).to_be_visible()
    expect(inbox).to_have_title("Inbox – OTP Engine")


@pytest.mark.parametrize("path", ["/", "/nope", "/dev/inbox", "/docs"])
@pytest.mark.parametrize("width", [320, 1280])
def test_page_for_developers_fits_screen(open_page, path, width):
    page = open_page(path, viewport={"width": width, "height": 640})
    page.request.post("/auth/send_otp", data={"phone": PHONE, "locale": "ar"})
    page.reload()

    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_long_email_address_fits_a_narrow_inbox(open_page):
    inbox = open_page("/dev/inbox", viewport={"width": 320, "height": 640})
    address = f"{'person.' * 8}a@{'subdomain.' * 8}example.com"
    inbox.request.post("/auth/send_otp", data={"email": address})

    expect(inbox.get_by_role("heading", name=address)).to_be_visible()

    assert inbox.evaluate("document.documentElement.scrollWidth") <= 320


@pytest.mark.parametrize("separator", [" ", "-"])
def test_complete_code_with_separator_is_submitted(open_page, separator):
    page = open_page("/verify")
    code = submit_number(page)

    page.get_by_label("Code", exact=True).fill(f"{code[:3]}{separator}{code[3:]}")

    expect(page.get_by_role("heading")).to_have_text("Number verified")


def test_complete_code_in_arabic_digits_is_submitted(open_page):
    page = open_page("/verify?locale=ar")
    page.locator("#phone").fill("\u202a+91 94450 12345\u202c")
    page.locator("#phone").press("Enter")
    expect(page.locator("#otp")).to_be_focused()
    arabic = {ord("0") + digit: chr(0x0660 + digit) for digit in range(10)}

    page.locator("#otp").press_sequentially(code_of(page).translate(arabic))

    expect(page.locator("#step")).to_have_attribute("data-step", "done")


def test_wrong_code_shows_alert_and_keeps_focus(open_page):
    page = open_page("/verify")
    code = submit_number(page)

    page.get_by_label("Code", exact=True).fill(different_code(code))

    expect(page.get_by_role("alert")).to_have_text(
        "That code is not right. 4 attempts left."
    )
    expect(page.get_by_label("Code", exact=True)).to_be_focused()
    page.get_by_label("Code", exact=True).fill(code)
    expect(page.get_by_role("heading")).to_have_text("Number verified")


def test_resend_button_counts_down_and_sends_new_code(open_page):
    page = open_page("/verify")
    first = submit_number(page)
    again = page.get_by_role("button", name=re.compile("Send a new code"))
    expect(again).to_be_disabled()
    # Two seconds, rounded up for a client without a key.
    expect(again).to_have_text(re.compile(r"in ([1-9]|10)\u00a0s"))

    expect(again).to_be_enabled()
    again.click()

    expect(page.get_by_role("alert")).to_have_text("A new code is on its way.")
    second = code_of(page)
    assert second != first
    page.get_by_label("Code", exact=True).fill(second)
    expect(page.get_by_role("heading")).to_have_text("Number verified")


def test_page_without_scripts_approves_code(open_page):
    page = open_page("/verify", java_script_enabled=False)
    page.get_by_label("Phone number").fill(PHONE)
    page.get_by_role("button", name="Send code").click()
    code = code_of(page)
    page.get_by_label("Code", exact=True).fill(different_code(code))
    page.get_by_role("button", name="Verify").click()
    expect(page.get_by_role("alert")).to_contain_text("4 attempts left.")

    page.get_by_label("Code", exact=True).fill(code)
    page.get_by_role("button", name="Verify").click()

    expect(page.get_by_role("heading")).to_have_text("Number verified")


def test_page_with_keyboard_only_approves_code(open_page):
    page = open_page("/verify")
    keyboard = page.keyboard

    keyboard.type("hello")
    keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("not a phone number")
    keyboard.press("Control+A")
    keyboard.type(PHONE)
    keyboard.press("Tab")
    keyboard.press("Space")
    expect(page.get_by_label("Code", exact=True)).to_be_focused()
    keyboard.type(code_of(page))

    expect(page.get_by_role("heading", name="Number verified")).to_be_focused()


@pytest.mark.parametrize(
    ("width", "locale"),
    [(320, "en"), (320, "ar"), (320, "hi"), (320, "es"), (1280, "ar")],
)
def test_page_fits_screen_in_every_language(open_page, width, locale):
    page = open_page(
        f"/verify?locale={locale}", viewport={"width": width, "height": 640}
    )
    page.locator("#phone").fill(PHONE)
    page.locator("button").first.click()
    expect(page.locator("#otp")).to_be_focused()

    sheet = page.locator("main").bounding_box()

    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert sheet
    assert sheet["x"] >= 0
    assert sheet["x"] + sheet["width"] <= width


@pytest.mark.parametrize("colors", ["light", "dark"])
def test_axe_finds_no_serious_violation(open_page, colors):
    page = open_page("/verify", color_scheme=colors, bypass_csp=True)
    violations = serious_violations(page)
    code = submit_number(page)
    violations += serious_violations(page)
    page.get_by_label("Code", exact=True).fill(different_code(code))
    expect(page.get_by_role("alert")).not_to_be_empty()
    violations += serious_violations(page)
    for path in ("/dev/inbox", "/docs", "/", "/nope"):
        page.goto(path)
        violations += serious_violations(page)

    assert violations == []
