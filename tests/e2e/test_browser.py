"""A person with a real browser: Chromium, on the local stack as `make run` has it."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from tests import processes, servers
from tests.fakes import other_than

pytestmark = pytest.mark.browser

PICTURES = Path(__file__).parent.parent.parent / "docs" / "images"

PHONE = "94450 12345"
SERIOUS = {"serious", "critical"}


@pytest.fixture(scope="module")
def browser():
    program = servers.program("chromium", required_by="OTP_REQUIRE_CHROMIUM")
    with sync_playwright() as playwright:
        # Chromium's own sandbox needs rights that a container or root has not.
        browser = playwright.chromium.launch(
            executable_path=program, args=["--no-sandbox"]
        )
        yield browser
        browser.close()


@pytest.fixture
def stack():
    with processes.serving("--dev", OTP_RESEND_COOLDOWN="2s") as served:
        yield f"http://127.0.0.1:{served.port}"


@pytest.fixture
def open_page(browser: Browser, stack):
    """Open a page of the stack, in a browser of its own; nothing may go wrong in it."""
    contexts: list[BrowserContext] = []
    wrong: list[str] = []

    def opened(path: str, **options) -> Page:
        context = browser.new_context(base_url=stack, **options)
        context.set_default_timeout(10_000)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("console", lambda said: _be_quiet(said, wrong))
        page.on("request", lambda asked: _stay_here(asked.url, stack, wrong))
        page.goto(path)
        return page

    yield opened
    for context in contexts:
        context.close()
    assert wrong == []


def _be_quiet(said, wrong):
    # A refused step is an answer with an error status, which the console mentions.
    if said.type == "error" and "Failed to load resource" not in said.text:
        wrong.append(said.text)


def _stay_here(url, stack, wrong):
    if not url.startswith(stack):
        wrong.append(f"asked elsewhere: {url}")


def code_of(page: Page) -> str:
    """The code in the inbox, as another tab would show it."""
    inbox = page.context.new_page()
    inbox.goto("/dev/inbox")
    code = inbox.locator(".letter code").first.inner_text()
    inbox.close()
    return code


def give_number(page: Page) -> str:
    page.get_by_label("Phone number").fill(PHONE)
    page.get_by_role("button", name="Send code").click()
    expect(page.get_by_label("Code", exact=True)).to_be_focused()
    return code_of(page)


def take_picture(page: Page, name: str) -> None:
    """Keep what the README shows; in the tests themselves it is only looked at."""
    folder = PICTURES if os.environ.get("OTP_PICTURES") == "1" else None
    page.screenshot(path=folder and folder / f"{name}.png")


@pytest.mark.smoke
def test_a_number_its_message_its_code_and_approved(open_page):
    small = {"viewport": {"width": 520, "height": 640}}
    page, inbox = open_page("/verify", **small), open_page("/dev/inbox", **small)
    other = {"phone": "+919876501234", "locale": "hi"}
    page.request.post("/auth/send_otp", data=other)

    code = give_number(page)
    take_picture(page, "verify")
    expect(page.locator("main")).to_contain_text("+91******2345")
    letter = inbox.locator(".letter").first
    expect(letter.locator("h2")).to_have_text("+919445012345")
    expect(letter.locator(".state")).to_have_text("pending")
    page.get_by_label("Code", exact=True).press_sequentially(code)

    expect(page.get_by_role("heading")).to_have_text("Number verified")
    expect(letter.locator(".state")).to_have_text("approved")
    take_picture(inbox, "inbox")


def test_a_code_is_copied_from_the_inbox_and_pasted(open_page):
    page = open_page("/verify", permissions=["clipboard-read", "clipboard-write"])
    give_number(page)
    inbox = page.context.new_page()
    inbox.goto("/dev/inbox")
    inbox.get_by_role("button", name="Copy").click()
    expect(inbox.get_by_text("Copied")).to_be_visible()

    page.bring_to_front()
    page.get_by_label("Code", exact=True).press("Control+V")

    expect(page.get_by_role("heading")).to_have_text("Number verified")


@pytest.mark.parametrize("between", [" ", "-"])
def test_a_code_with_something_between_is_sent_when_it_is_whole(open_page, between):
    page = open_page("/verify")
    code = give_number(page)

    page.get_by_label("Code", exact=True).fill(f"{code[:3]}{between}{code[3:]}")

    expect(page.get_by_role("heading")).to_have_text("Number verified")


def test_a_wrong_code_is_said_aloud_and_can_be_typed_again(open_page):
    page = open_page("/verify")
    code = give_number(page)

    page.get_by_label("Code", exact=True).fill(other_than(code))

    expect(page.get_by_role("alert")).to_have_text(
        "That code is not right. Attempts left: 4."
    )
    expect(page.get_by_label("Code", exact=True)).to_be_focused()
    page.get_by_label("Code", exact=True).fill(code)
    expect(page.get_by_role("heading")).to_have_text("Number verified")


def test_the_button_for_a_new_code_counts_down_and_then_sends_one(open_page):
    page = open_page("/verify")
    first = give_number(page)
    again = page.get_by_role("button", name=re.compile("Send a new code"))
    expect(again).to_be_disabled()
    # Two seconds, rounded up for a client without a key.
    expect(again).to_have_text(re.compile(r"in ([1-9]|10) s"))

    expect(again).to_be_enabled(timeout=30_000)
    again.click()

    expect(page.get_by_role("alert")).to_have_text("A new code is on its way.")
    second = code_of(page)
    assert second != first
    page.get_by_label("Code", exact=True).fill(second)
    expect(page.get_by_role("heading")).to_have_text("Number verified")


def test_it_works_without_scripts(open_page):
    page = open_page("/verify", java_script_enabled=False)
    page.get_by_label("Phone number").fill(PHONE)
    page.get_by_role("button", name="Send code").click()
    code = code_of(page)
    page.get_by_label("Code", exact=True).fill(other_than(code))
    page.get_by_role("button", name="Verify").click()
    expect(page.get_by_role("alert")).to_contain_text("Attempts left: 4.")

    page.get_by_label("Code", exact=True).fill(code)
    page.get_by_role("button", name="Verify").click()

    expect(page.get_by_role("heading")).to_have_text("Number verified")


def test_it_works_with_the_keyboard_only(open_page):
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
def test_it_fits_every_screen_in_every_language(open_page, width, locale):
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
def test_axe_finds_nothing_serious(open_page, colors):
    page = open_page("/verify", color_scheme=colors, bypass_csp=True)
    found = _serious(page)
    code = give_number(page)
    found += _serious(page)
    page.get_by_label("Code", exact=True).fill(other_than(code))
    expect(page.get_by_role("alert")).not_to_be_empty()
    found += _serious(page)
    page.goto("/dev/inbox")
    found += _serious(page)
    page.goto("/docs")
    found += _serious(page)

    assert found == []


def _serious(page: Page) -> list[str]:
    violations = Axe().run(page).response["violations"]
    return [
        f"{page.url}: {one['id']}: {node['html']}"
        for one in violations
        if one["impact"] in SERIOUS
        for node in one["nodes"]
    ]
