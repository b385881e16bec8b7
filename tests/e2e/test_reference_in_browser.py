"""`/docs` in Chromium: the viewer, its samples, and requests in dev mode."""

from __future__ import annotations

import json
import re

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.support import server_process
from tests.support.browser_pages import TIMEOUT, serious_violations

pytestmark = [pytest.mark.e2e, pytest.mark.browser]

PAGES = ["/docs", "/docs/v2"]
FIRST = {"/docs": "Send a code", "/docs/v2": "Send a code"}
WIDTHS = [320, 768, 1280]


def open_operation(page: Page, summary: str) -> Locator:
    """Open an operation, and return its block with samples and responses."""
    page.locator(".opblock-summary-control", has_text=summary).first.click()
    block = page.locator(".opblock.is-open")
    expect(block.locator(".samples")).to_be_visible()
    return block


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("path", PAGES)
def test_reference_is_accessible_and_fits_at_every_width(open_page, path, scheme):
    page = open_page(path, color_scheme=scheme, viewport={"width": 1280, "height": 900})
    open_operation(page, FIRST[path])

    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 900})
        assert page.evaluate("document.documentElement.scrollWidth") == width
        assert serious_violations(page) == []


def test_sample_of_each_language_is_shown_by_keyboard(open_page):
    page = open_page("/docs")
    page.locator(".opblock-summary-control").first.focus()
    page.keyboard.press("Enter")
    samples = page.locator(".opblock.is-open .samples")
    expect(samples.locator("pre")).to_contain_text("curl http", timeout=TIMEOUT)

    for language, text in [("Python", "httpx.post("), ("Node", "await fetch(")]:
        button = samples.get_by_role("button", name=language)
        button.focus()
        page.keyboard.press("Space")
        expect(button).to_have_attribute("aria-pressed", "true")
        expect(samples.locator("pre")).to_contain_text(text)


def test_request_of_dev_mode_sends_a_code_and_shows_the_answer(open_page):
    page = open_page("/docs", viewport={"width": 1280, "height": 900})
    block = open_operation(page, "Send a code")

    block.get_by_role("button", name="Try it out").click()
    block.get_by_role("textbox").first.fill('{"phone": "9445012345"}')
    block.get_by_role("button", name="Execute").click()

    answer = block.locator(".live-responses-table .response").first
    expect(answer).to_contain_text("201", timeout=TIMEOUT)
    expect(answer).to_contain_text("OTP sent successfully.")
    messages = page.request.get("/dev/inbox.json").json()["messages"]
    assert [message["to"] for message in messages] == ["+919445012345"]
    assert serious_violations(page) == []


def test_link_to_an_operation_opens_it(open_page):
    page = open_page("/docs#/Codes/checkCode")

    block = page.locator(".opblock.is-open")
    expect(block).to_contain_text("/auth/verify_otp", timeout=TIMEOUT)


def test_every_operation_opens_without_an_error(open_page):
    page = open_page("/docs")
    summaries = page.locator(".opblock-summary-control")
    expect(summaries.first).to_be_visible(timeout=TIMEOUT)

    for index in range(summaries.count()):
        summaries.nth(index).click()

    opened = page.locator(".opblock.is-open .samples")
    expect(opened).to_have_count(summaries.count(), timeout=TIMEOUT)


def test_page_without_scripts_lists_the_operations(chromium, stack):
    context = chromium.new_context(base_url=stack, java_script_enabled=False)
    page = context.new_page()
    page.goto("/docs")

    expect(page.get_by_text("POST /auth/send_otp")).to_be_visible()
    expect(page.get_by_role("link", name="openapi.json").first).to_be_visible()
    expect(page.get_by_text("delivery_unconfirmed")).to_be_visible()
    context.close()


def test_page_outside_of_dev_mode_has_no_field_for_a_key(chromium, own_environ):
    with server_process.running_server("--workers", "1", **own_environ) as server:
        context = chromium.new_context(base_url=f"http://127.0.0.1:{server.port}")
        page = context.new_page()
        page.goto("/docs")
        block = open_operation(page, "Send a code")

        expect(block.get_by_role("button", name="Try it out")).to_have_count(0)
        expect(
            page.get_by_role("button", name=re.compile("authori", re.IGNORECASE))
        ).to_have_count(0)
        expect(page.locator("input, textarea")).to_have_count(0)
        context.close()


def test_viewer_is_loaded_once(open_page):
    page = open_page("/docs")
    expect(page.locator(".opblock").first).to_be_visible(timeout=TIMEOUT)
    page.reload()
    expect(page.locator(".opblock").first).to_be_visible(timeout=TIMEOUT)

    sizes = json.loads(
        page.evaluate(
            """() => JSON.stringify(performance.getEntriesByType("resource")
              .filter((entry) => entry.name.includes("/vendor/"))
              .map((entry) => entry.transferSize))"""
        )
    )
    assert sizes == [0, 0]
