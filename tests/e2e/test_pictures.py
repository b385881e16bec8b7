"""The pictures of pages for operators and developers in the documents."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.support import pictures

pytestmark = [pytest.mark.browser, pytest.mark.picture]
LARGE = {"viewport": {"width": 1280, "height": 900}}


def test_api_reference_shows_a_request(open_page):
    page = open_page("/docs", **LARGE)

    expect(page.get_by_text("/auth/send_otp").first).to_be_visible()
    pictures.take(page, "api-reference")
