"""The pages below the path of `OTP_PUBLIC_URL`: Chromium, nginx and a service."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.fault_injection import buffering_proxy
from tests.support import server_process

pytestmark = pytest.mark.browser

TIMEOUT = 60_000  # milliseconds


@pytest.fixture(scope="module")
def server():
    # Chromium sends the cookie to any port of this host.
    environ = {"OTP_PUBLIC_URL": "http://127.0.0.1/otp", "OTP_TRUSTED_PROXIES": "1"}
    with server_process.running_server("--dev", "--workers", "1", **environ) as server:
        yield server


@pytest.fixture(params=["removes the path", "keeps the path"])
def base_url(request, server, tmp_path):
    """Run a proxy that publishes the service below `/otp`; yield that URL."""
    service = f"http://127.0.0.1:{server.port}"
    changes = {"location / {": "location /otp/ {"}
    if request.param == "removes the path":
        changes[f"{service};"] = f"{service}/;"
    with buffering_proxy.in_front_of(server.port, tmp_path, changes=changes) as port:
        yield f"http://127.0.0.1:{port}/otp/"


@pytest.fixture
def page(chromium, base_url):
    """Open a page, and fail if it requests anything that is not below *base_url*."""
    context = chromium.new_context(base_url=base_url)
    context.set_default_timeout(TIMEOUT)
    page, failures = context.new_page(), []

    def check(response):
        if not response.url.startswith(base_url) or response.status >= 400:
            failures.append(f"{response.status} {response.url}")

    page.on("response", check)
    yield page
    context.close()
    assert failures == []


def code_from_inbox(page):
    page.goto("dev/inbox")
    return page.locator(".message code").first.inner_text()


def test_number_is_verified_below_the_public_path(page):
    page.goto("dev/inbox")
    page.get_by_role("link", name="Verify a number").click()
    page.get_by_label("Phone number").fill("94450 12345")
    page.get_by_role("button", name="Send code").click()
    expect(page.get_by_label("Code", exact=True)).to_be_focused(timeout=TIMEOUT)
    code = code_from_inbox(page)

    page.goto("verify")
    page.get_by_label("Code", exact=True).fill(code)

    expect(page.get_by_role("heading")).to_have_text("Number verified", timeout=TIMEOUT)
    page.get_by_role("link", name="Verify another number").click()
    page.locator("summary").click()
    page.get_by_role("link", name="العربية").click()
    expect(page.locator("html")).to_have_attribute("dir", "rtl", timeout=TIMEOUT)


def test_reference_loads_below_the_public_path(page):
    page.goto("docs")
    page.get_by_role("link", name="openapi.json").click()

    expect(page.locator("body")).to_contain_text("openapi", timeout=TIMEOUT)
