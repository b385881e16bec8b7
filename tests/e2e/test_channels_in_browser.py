"""Channels in Chromium: the buttons of the page, and a fallback in the inbox."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.support.browser_pages import PHONE, code_of, serious_violations

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def stack_environ():
    """Return a route from WhatsApp to a text message."""
    return {"OTP_ROUTES": "*=whatsapp:console>sms:console"}


def simulate(inbox: Page, outcome: str, channel: str = "all channels") -> None:
    """Set the outcome of the next messages with the form."""
    inbox.get_by_label("The next messages are").select_option(outcome)
    inbox.get_by_label("Channel", exact=True).select_option(channel)
    inbox.get_by_role("button", name="Set").click()
    expect(inbox.locator(".warning")).to_contain_text(outcome)


def start_verification(page: Page) -> None:
    page.get_by_label("Phone number").fill(PHONE)
    page.get_by_role("button", name="Send code").click()
    expect(page.get_by_label("Code", exact=True)).to_be_focused()


@pytest.mark.smoke
def test_recipient_without_whatsapp_gets_a_text_message(open_page):
    inbox = open_page(
        "/dev/inbox", bypass_csp=True, viewport={"width": 320, "height": 640}
    )
    simulate(inbox, "not on WhatsApp or Telegram")
    page = open_page("/verify")

    start_verification(page)

    expect(page.locator("main")).to_contain_text("We sent a code on WhatsApp to")
    text, whatsapp = inbox.locator(".message").first, inbox.locator(".message").last
    expect(text.locator(".fallback")).to_have_text("Fallback of whatsapp:console")
    expect(text.locator(".channel")).to_have_text("Text message")
    expect(whatsapp.locator(".state")).to_have_text("undelivered")
    expect(text.locator(".statuses .delivered")).to_be_visible()
    text.get_by_role("link", name="whatsapp:console").click()
    assert inbox.url.endswith(f"#{whatsapp.get_attribute('id')}")
    assert inbox.evaluate("document.documentElement.scrollWidth") <= 320
    assert serious_violations(inbox) == []
    page.get_by_label("Code", exact=True).fill(code_of(page))
    expect(page.get_by_role("heading")).to_have_text("Number verified")


def test_open_page_shows_the_channel_of_a_fallback_and_keeps_the_input(open_page):
    inbox, page = open_page("/dev/inbox"), open_page("/verify", bypass_csp=True)
    simulate(inbox, "not on WhatsApp or Telegram")
    start_verification(page)
    code = page.get_by_label("Code", exact=True)
    code.press_sequentially("12")
    expect(code).to_have_accessible_description(
        "We sent a code on WhatsApp to +91******2345. "
        "The code has 6 digits. It can take a minute to arrive."
    )

    expect(page.get_by_role("status")).to_have_text(
        "We sent a code in a text message to +91******2345."
    )

    expect(code).to_be_focused()
    expect(code).to_have_value("12")
    expect(page.locator(".other").get_by_role("button")).to_have_text(
        [
            "Send the code on WhatsApp",
            "Call me with the code",
            "Send the code on Telegram",
        ]
    )
    assert serious_violations(page) == []


def test_rejected_channel_fails_over_inside_the_request(open_page):
    inbox = open_page("/dev/inbox")
    simulate(inbox, "rejected", "WhatsApp")
    page = open_page("/verify")

    start_verification(page)

    expect(page.locator("main")).to_contain_text("We sent a code in a text message to")
    expect(inbox.locator(".message .channel")).to_have_text(["Text message"])
    expect(inbox.locator(".message .fallback")).to_be_hidden()


def test_code_is_requested_as_a_call_after_the_wait(open_page):
    page = open_page("/verify", bypass_csp=True)
    start_verification(page)
    call = page.get_by_role("button", name="Call me with the code")
    expect(call).to_be_disabled()
    group = page.get_by_role("group", name="Get the code another way")
    expect(group.get_by_role("button")).to_have_text(
        [
            "Send the code in a text message",
            "Call me with the code",
            "Send the code on Telegram",
        ]
    )

    expect(call).to_be_enabled()
    violations = serious_violations(page)
    call.click()

    expect(page.get_by_role("alert")).to_have_text("A new code is on its way.")
    expect(page.locator("main")).to_contain_text("We are calling +91******2345.")
    expect(page.get_by_label("Code", exact=True)).to_be_focused()
    page.get_by_label("Code", exact=True).fill(code_of(page))
    expect(page.get_by_role("heading")).to_have_text("Number verified")
    assert violations == []


def test_number_without_whatsapp_is_sent_a_text_message_instead(open_page):
    inbox, page = open_page("/dev/inbox"), open_page("/verify")
    simulate(inbox, "rejected")
    page.get_by_label("Phone number").fill(PHONE)
    page.get_by_role("button", name="Send code").click()
    button = page.get_by_role("button", name="Send the code in a text message")
    expect(button).to_be_enabled()
    inbox.get_by_role("button", name="Set").click()
    inbox.get_by_label("The next messages are").select_option("accepted")
    inbox.get_by_role("button", name="Set").click()
    expect(inbox.locator(".warning")).to_have_count(0)

    button.click()

    expect(page.get_by_label("Code", exact=True)).to_be_focused()
    expect(inbox.locator(".message .channel")).to_have_text(["Text message"])
