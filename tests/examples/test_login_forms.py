"""The forms of the Django and FastAPI examples, in Chromium."""

from __future__ import annotations

import re
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Page, expect

from tests.examples.conftest import read_newest_code
from tests.support import example_apps, readme_commands, redis_server
from tests.support.browser_pages import PHONE, WIDE, serious_violations

pytestmark = pytest.mark.browser

WIDTHS = [320, 768, 1280]


def submit_number(page: Page, number: str = PHONE) -> None:
    page.goto("/login")
    page.get_by_label("Phone number").fill(number)
    page.get_by_role("button", name="Send a code").click()


def submit_code(page: Page, code: str) -> None:
    page.get_by_label("Code", exact=True).fill(code)
    page.get_by_role("button", name="Log in").click()


def wrong(code: str) -> str:
    return f"{(int(code) + 1) % 10 ** len(code):0{len(code)}}"


def description(page: Page, label: str) -> str:
    """Return what a screen reader adds to a field."""
    ids = page.get_by_label(label, exact=True).get_attribute("aria-describedby") or ""
    return " ".join(page.locator(f"#{each}").inner_text() for each in ids.split())


def require_fit(page: Page) -> None:
    """Fail if a page is too wide, or axe finds something serious, at any width."""
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 800})
        assert page.evaluate(WIDE) == []
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        assert serious_violations(page) == []


@pytest.mark.parametrize("scripts", [True, False])
def test_person_logs_in_with_the_code(app, new_page, newest_code, scripts):
    page = new_page(app.url, java_script_enabled=scripts)
    submit_number(page)
    expect(page.get_by_role("heading")).to_have_text("Enter the code")
    submit_code(page, newest_code())

    expect(page.get_by_role("heading")).to_have_text("You are logged in")
    expect(page.get_by_text("+919445012345")).to_be_visible()
    page.get_by_role("button", name="Log out").click()
    expect(page.get_by_role("heading")).to_have_text("Log in")


def test_person_who_is_logged_in_logs_in_with_another_number(
    app, new_page, newest_code
):
    page, first, other = new_page(app.url), "+919445012345", "+919445022245"
    for number in (first, other):
        submit_number(page, number)
        expect(page.get_by_role("heading")).to_have_text("Enter the code")
        submit_code(page, newest_code(number))
        expect(page.get_by_role("heading")).to_have_text("You are logged in")

    expect(page.get_by_text(other)).to_be_visible()


def test_pages_are_accessible_at_every_width(app, new_page, newest_code):
    page = new_page(app.url)
    submit_number(page, "12")
    require_fit(page)
    submit_number(page)
    expect(page.get_by_role("heading")).to_have_text("Enter the code")
    submit_code(page, wrong(newest_code()))
    require_fit(page)
    submit_code(page, newest_code())
    expect(page.get_by_role("heading")).to_have_text("You are logged in")
    require_fit(page)


def test_fields_have_the_attributes_that_fill_them(app, new_page):
    page = new_page(app.url)
    submit_number(page)
    code = page.get_by_label("Code", exact=True)

    expect(code).to_be_focused()
    expect(code).to_have_attribute("autocomplete", "one-time-code")
    expect(code).to_have_attribute("inputmode", "numeric")
    page.get_by_role("link", name="Use another number").click()
    number = page.get_by_label("Phone number")
    expect(number).to_have_attribute("autocomplete", "tel")
    expect(number).to_have_attribute("type", "tel")


def test_invalid_number_is_kept_with_its_error(app, new_page):
    page = new_page(app.url)
    submit_number(page, "12 34")
    number = page.get_by_label("Phone number")

    expect(number).to_have_value("12 34")
    expect(number).to_have_attribute("aria-invalid", "true")
    assert "phone number" in description(page, "Phone number")
    expect(page).to_have_title(re.compile("^Error: "))


def test_wrong_code_shows_the_attempts_that_are_left(app, new_page, newest_code):
    page = new_page(app.url)
    submit_number(page)
    expect(page.get_by_role("heading")).to_have_text("Enter the code")
    submit_code(page, wrong(newest_code()))

    expect(page.get_by_text("Attempts left: 4.")).to_be_visible()
    assert "Attempts left: 4." in description(page, "Code")


def test_code_without_attempts_shows_the_wait(app, new_page, newest_code):
    page = new_page(app.url)
    submit_number(page)
    expect(page.get_by_role("heading")).to_have_text("Enter the code")
    code = newest_code()
    for left in range(4, -1, -1):
        submit_code(page, wrong(code))
        expect(page.get_by_text(f"Attempts left: {left}.")).to_be_visible()
    submit_code(page, code)

    expect(
        page.get_by_text(re.compile("Too many attempts. Try again in"))
    ).to_be_visible()


def test_button_for_a_new_code_counts_down(app, new_page):
    page = new_page(app.url)
    submit_number(page)
    button = page.get_by_role("button", name="Send a new code")

    expect(button).to_be_disabled()
    expect(button).to_have_text(re.compile(r"Send a new code \(in \d+ s\)"))


def test_early_request_for_a_new_code_shows_the_wait(app, new_page):
    page = new_page(app.url, java_script_enabled=False)
    submit_number(page)
    page.get_by_role("button", name="Send a new code").click()

    expect(page.get_by_text(re.compile("Try again in [0-9]+ seconds"))).to_be_visible()
    expect(page.get_by_label("Code", exact=True)).to_be_visible()


def test_expired_code_starts_again(app, new_page, newest_code, expire_all):
    page = new_page(app.url)
    submit_number(page)
    expect(page.get_by_role("heading")).to_have_text("Enter the code")
    code = newest_code()
    expire_all()
    submit_code(page, code)

    expect(page.get_by_role("heading")).to_have_text("Log in")
    expect(page.get_by_text("No code is waiting.")).to_be_visible()


def test_double_click_sends_one_check(app, new_page, newest_code):
    page = new_page(app.url)
    checks: list[str] = []
    submit_number(page)
    expect(page.get_by_role("heading")).to_have_text("Enter the code")
    page.on("request", lambda request: checks.append(request.method + request.url))
    page.get_by_label("Code", exact=True).fill(newest_code())
    page.get_by_role("button", name="Log in").dblclick(no_wait_after=True)

    expect(page.get_by_role("heading")).to_have_text("You are logged in")
    assert checks.count(f"POST{app.url}/login/code") == 1


def test_another_browser_cannot_check_the_code(app, new_page):
    submit_number(new_page(app.url))
    other = new_page(app.url)
    other.goto("/login/code")

    expect(other.get_by_role("heading")).to_have_text("Log in")


def test_known_and_unknown_numbers_get_the_same_page(app, new_page, newest_code):
    known = new_page(app.url)
    submit_number(known)
    expect(known.get_by_role("heading")).to_have_text("Enter the code")
    submit_code(known, newest_code())
    expect(known.get_by_role("heading")).to_have_text("You are logged in")

    texts = []
    for number in ("+91 94450 12345", "+91 94450 22245"):
        page = new_page(app.url)
        submit_number(page, number)
        expect(page.get_by_role("heading")).to_have_text("Enter the code")
        texts.append(re.sub(r"[0-9]+ s", "", page.locator("main").inner_text()))

    assert texts[0] == texts[1]


def test_limits_count_the_person(app, new_page):
    page = new_page(app.url)
    for last in range(6):
        submit_number(page, f"+91 94450 1230{last}")
        expect(page.get_by_role("heading")).to_have_text("Enter the code")
    submit_number(page, "+91 94450 12309")

    expect(page.get_by_text(re.compile("Too many attempts"))).to_be_visible()


def test_form_of_another_site_is_rejected(app):
    response = httpx.post(
        f"{app.url}/login",
        data={"phone": "+919445012345"},
        headers={"Origin": "https://other.example.com"},
    )

    assert response.status_code == 403


def test_urls_and_logs_have_no_number_and_no_code(app, new_page, newest_code):
    page = new_page(app.url)
    urls: list[str] = []
    page.on("request", lambda request: urls.append(request.url))
    submit_number(page)
    expect(page.get_by_role("heading")).to_have_text("Enter the code")
    code = newest_code()
    submit_code(page, wrong(code))
    submit_code(page, code)
    expect(page.get_by_role("heading")).to_have_text("You are logged in")
    page.goto("/the-end")
    redis_server.wait_until(lambda: any("/the-end" in line for line in app.output))

    written = "".join([*app.output, *urls])
    assert "/login/code" in written
    assert not [text for text in ("94450", code, wrong(code)) if text in written]


@contextmanager
def running_app(name: str, folder: Path, engine_url: str):
    """Run an application that has the URL of the service only."""
    port = redis_server.free_port()
    environ = {"ENGINE_URL": engine_url}
    if name == "django":
        running = example_apps.running_django(port, folder / "db.sqlite3", environ)
    else:
        running = example_apps.running_fastapi(port, environ)
    with running as app:
        yield app


@pytest.mark.parametrize("name", ["django", "fastapi"])
def test_person_logs_in_after_the_commands_of_the_readme(name, new_page, tmp_path):
    with readme_commands.started(name, tmp_path) as urls:
        page = new_page(urls.app)
        submit_number(page)
        expect(page.get_by_role("heading")).to_have_text("Enter the code")
        submit_code(page, read_newest_code(urls.service))

        expect(page.get_by_text("+919445012345")).to_be_visible()


@pytest.mark.parametrize("name", ["django", "fastapi"])
def test_person_keeps_the_number_while_the_service_is_down(name, new_page, tmp_path):
    closed = f"http://127.0.0.1:{redis_server.free_port()}"
    with running_app(name, tmp_path, closed) as app:
        page = new_page(app.url)
        submit_number(page)

        expect(page.get_by_text("This does not work at the moment.")).to_be_visible()
        expect(page.get_by_label("Phone number")).to_have_value(PHONE)
        assert "94450" not in "".join(app.output)
