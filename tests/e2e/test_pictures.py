"""The pictures of pages for operators and developers in the documents."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.support import pictures
from tests.support.browser_pages import PHONE

pytestmark = [pytest.mark.browser, pytest.mark.picture]
LARGE = {"viewport": {"width": 1280, "height": 900}}


def test_console_shows_what_was_sent(open_page):
    page = open_page("/console", **LARGE)
    page.request.post("/auth/send_otp", data={"phone": PHONE})

    page.reload()

    expect(page.get_by_role("heading", level=1)).to_be_visible()
    expect(page.get_by_role("rowheader", name="IN").first).to_be_visible()
    pictures.take(page, "console")


def test_api_reference_shows_a_request(open_page):
    page = open_page("/docs", **LARGE)

    expect(page.get_by_text("/auth/send_otp").first).to_be_visible()
    pictures.take(page, "api-reference")
