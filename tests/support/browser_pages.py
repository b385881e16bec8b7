"""The pages in Chromium: what the tests of several modules do with them."""

from __future__ import annotations

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import ConsoleMessage, Page, expect

PHONE = "94450 12345"
SERIOUS = {"serious", "critical"}
TIMEOUT = 60_000  # milliseconds
# The elements that are wider than the screen, or narrower than their text.
WIDE = """() => [...document.querySelectorAll("main, main *")]
  .filter((each) => each.getClientRects().length && !each.closest(".visually-hidden"))
  .filter((each) => {
    const { left, right } = each.getBoundingClientRect();
    const isText = each.matches("button, p, h1, h2");
    const cut = isText && each.scrollWidth > each.clientWidth;
    return left < 0 || right > innerWidth || cut;
  })
  .map((each) => `${document.documentElement.lang}: ${each.outerHTML}`)"""


def collect_error(message: ConsoleMessage, errors: list[str]) -> None:
    """Add an error of the console to *errors*."""
    # The console logs every response with an error status.
    if message.type == "error" and "Failed to load resource" not in message.text:
        errors.append(message.text)


def require_own_url(url: str, stack: str, errors: list[str]) -> None:
    """Add a request to another origin than *stack* to *errors*."""
    if not url.startswith(stack):
        errors.append(f"request to another origin: {url}")


def code_of(page: Page) -> str:
    """Return the code that the inbox shows in another tab."""
    inbox = page.context.new_page()
    inbox.goto("/dev/inbox")
    code = inbox.locator(".message code").first.inner_text()
    inbox.close()
    return code


def serious_violations(page: Page) -> list[str]:
    """Return the serious violations of accessibility that axe finds on *page*."""
    violations = Axe().run(page).response["violations"]
    return [
        f"{page.url}: {violation['id']}: {node['html']}"
        for violation in violations
        if violation["impact"] in SERIOUS
        for node in violation["nodes"]
    ]


def submit_number(page: Page) -> str:
    """Submit a number, and return the code that was sent."""
    page.get_by_label("Phone number").fill(PHONE)
    page.get_by_role("button", name="Send code").click()
    expect(page.get_by_label("Code", exact=True)).to_be_focused()
    return code_of(page)
