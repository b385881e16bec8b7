"""The pages of the policy and of the guard in Chromium, also without JavaScript."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.support.browser_pages import PHONE, serious_violations

pytestmark = pytest.mark.browser

SCREENS = [(320, "light"), (768, "dark"), (1280, "light")]
TOO_WIDE = "document.documentElement.scrollWidth - innerWidth"


@pytest.fixture
def open_checked(open_page):
    """Return a function that opens a page, and one that checks where it leads to."""

    def open_checked(path, width, scheme):
        page = open_page(
            path, viewport={"width": width, "height": 900}, color_scheme=scheme
        )

        def check():
            assert serious_violations(page) == []
            assert page.evaluate(TOO_WIDE) == 0

        return page, check

    return open_checked


@pytest.mark.parametrize(("width", "scheme"), SCREENS)
def test_change_is_previewed_confirmed_and_restored(open_checked, width, scheme):
    page, check = open_checked("/console/policy", width, scheme)
    page.request.post("/auth/send_otp", data={"phone": PHONE})
    check()

    page.get_by_label("ttl", exact=True).check()
    page.get_by_label("sends_total", exact=True).check()
    page.get_by_role("button", name="Change …").click()
    page.get_by_label("ttl", exact=True).fill("soon")
    page.get_by_role("button", name="Preview").click()
    expect(page.get_by_role("alert")).to_contain_text("ttl must be")
    check()

    page.get_by_label("ttl", exact=True).fill("20m")
    page.get_by_label("sends_total", exact=True).fill("1/1h")
    page.get_by_label("Reason").fill("spring sale")
    page.get_by_label("After a time").check()
    page.get_by_label("Time until the end").fill("2h")
    page.get_by_role("button", name="Preview").click()
    main = page.locator("main")
    expect(main).to_contain_text("ttl 20m is over 10m")
    expect(main).to_contain_text("sends_total 1/1h is full now")
    expect(main).to_contain_text("On the stored sends")
    check()

    page.get_by_role("button", name="Confirm").click()
    expect(page.get_by_role("status")).to_contain_text("Version 1 is live")
    expect(main).to_contain_text("by dev: spring sale")
    check()

    page.goto("/console/policy/history")
    check()
    page.get_by_role("link", name="Restore the values of the environment").click()
    page.get_by_role("button", name="Preview").click()
    page.get_by_role("button", name="Confirm").click()
    expect(main).to_contain_text("back to the environment")


@pytest.mark.parametrize(("width", "scheme"), SCREENS)
def test_place_of_the_guard_is_lifted_and_closed(open_checked, width, scheme):
    page, check = open_checked("/console/guard", width, scheme)
    page.request.post("/auth/send_otp", data={"phone": PHONE})
    page.reload()
    check()

    page.get_by_role("link", name="Lift IN", exact=True).click()
    check()
    page.get_by_role("button", name="Preview").click()
    page.get_by_role("button", name="Confirm").click()
    expect(page.get_by_role("status")).to_contain_text("The guard starts again")
    expect(page.locator("main")).to_contain_text("guard_exempt is IN")

    page.get_by_label("Another prefix or country").fill("+22177")
    page.get_by_role("button", name="Close …").click()
    page.get_by_role("button", name="Preview").click()
    page.get_by_role("button", name="Confirm").click()
    page.get_by_role("link", name="Policy", exact=True).click()
    check()

    page.get_by_role("link", name="Unblock +22177").click()
    page.get_by_role("button", name="Preview").click()
    page.get_by_role("button", name="Confirm").click()
    page.get_by_role("link", name="Policy", exact=True).click()
    expect(page.locator("main")).to_contain_text("Nothing is blocked")


def test_policy_is_changed_without_javascript(open_page):
    page = open_page("/console/policy", java_script_enabled=False)

    page.get_by_label("ttl", exact=True).check()
    page.get_by_role("button", name="Change …").click()
    page.get_by_label("ttl", exact=True).fill("5m")
    page.get_by_role("button", name="Preview").click()
    page.get_by_role("button", name="Edit").click()
    page.get_by_label("ttl", exact=True).fill("6m")
    page.get_by_role("button", name="Preview").click()
    page.get_by_role("button", name="Confirm").click()

    expect(page.get_by_role("status")).to_contain_text("Version 1 is live")
    expect(page.locator("main")).to_contain_text("6m")
