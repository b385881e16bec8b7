"""The console in Chromium, on a stack in dev mode with the keys of two operators."""

from __future__ import annotations

import math
import re
import time
from typing import Any

import pytest
import redis
from playwright.sync_api import Route, expect

from otp_engine.domain.events import (
    CodeSent,
    MessageDelivered,
    VerificationApproved,
)
from otp_engine.domain.models import Channel
from otp_engine.domain.recipients import PseudonymousRecipient
from otp_engine.store import keys
from otp_engine.store.events import codec
from tests.support import pictures
from tests.support.browser_pages import TIMEOUT, serious_violations
from tests.support.operators import ALICE, KEYS

pytestmark = pytest.mark.browser

NUMBER, MASKED = "9445012345", "+91********45"
PAGES = ["/console", "/console/events", "/console/phone", "/console/sign-in"]
TOO_WIDE = "document.documentElement.scrollWidth > innerWidth"
# The tables with content that only scrolling shows.
CUT = """() => [...document.querySelectorAll("main .scroll")]
  .filter((each) => each.scrollWidth > each.clientWidth)
  .map((each) => each.getAttribute("aria-label"))"""
TALLEST_ROW = """() => Math.max(...[...document.querySelectorAll("#events tbody tr")]
  .map((row) => row.clientHeight))"""


@pytest.fixture(scope="module")
def stack_environ():
    return {
        "OTP_CONSOLE_KEY": KEYS,
        "OTP_SENDS_TOTAL": "100/1h",
        "OTP_BUDGET": "480/24h",
        "OTP_SENDS_PER_IP": "off",
        "OTP_GUARD": "off",
        "OTP_CALLS_PER_COUNTRY": "off",
        "OTP_CALLS_TOTAL": "off",
    }


@pytest.fixture(scope="module")
def cooldown():
    return "0s"


@pytest.fixture
def send(stack):
    """Return a function that sends codes to some numbers, and checks a wrong one."""

    def send(page, count=1):
        for number in range(count):
            phone = {"phone": f"{int(NUMBER) + number}"}
            page.request.post("/auth/send_otp", data=phone)
            page.request.post("/auth/verify_otp", data=phone | {"otp": "000000"})

    return send


def sign_in(page):
    page.get_by_label("Your key").fill(ALICE)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Overview")


@pytest.fixture
def open_console(open_page):
    """Return a function that opens a page as an operator who is signed in."""

    def open_console(path="/console", **options):
        page = open_page("/console", **options)
        sign_in(page)
        page.goto(path)
        return page

    return open_console


@pytest.fixture
def open_events(open_console):
    """Return a function that opens the failed checks, with a clock of the test."""

    def open_events():
        page = open_console("/console/events?kind=failed_check")
        page.clock.install()
        page.reload()
        return page

    return open_events


def refreshes_of_two_intervals(page):
    """Return the requests that the script of the events sends in two intervals."""
    requests = []
    page.on("request", lambda request: requests.append(request.url))
    page.clock.run_for(2 * 3_000)
    # Requests are reported in their order.
    page.evaluate("fetch('/healthz').then((response) => response.text())")
    return [url for url in requests if "/events/new" in url]


def press_tab_until(page, locator):
    """Press the tab key until an element has the focus."""
    for _ in range(40):
        if locator.evaluate("element => element === document.activeElement"):
            return
        page.keyboard.press("Tab")
    raise AssertionError("the tab key does not reach the element")


def test_operator_works_with_the_keyboard_alone(open_page, send):
    page = open_page("/console")
    send(page)
    expect(page.get_by_label("Your key")).to_be_focused()
    page.keyboard.type(ALICE)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Overview")

    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()
    press_tab_until(page, page.get_by_text("Figures of the chart").first)
    page.keyboard.press("Enter")
    expect(page.locator("#figures")).to_be_visible()
    page.keyboard.press("Home")
    page.goto("/console")
    press_tab_until(page, page.get_by_role("link", name="Phone"))
    page.keyboard.press("Enter")
    press_tab_until(page, page.get_by_label("Phone number or e-mail address"))
    page.keyboard.type(NUMBER)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name=MASKED)).to_be_visible()
    press_tab_until(page, page.get_by_label("The number or address again"))
    page.keyboard.type(NUMBER)
    page.keyboard.press("Tab")
    page.keyboard.press("Space")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_have_text(f"The data of {MASKED} is deleted.")
    press_tab_until(page, page.get_by_role("button", name="Sign out"))
    page.keyboard.press("Enter")
    expect(page.get_by_label("Your key")).to_be_visible()


def test_wrong_key_is_announced(open_page):
    page = open_page("/console")

    page.get_by_label("Your key").fill("wrong")
    page.keyboard.press("Enter")

    expect(page.get_by_role("alert")).to_have_text(
        "This is not the key of an operator."
    )
    expect(page.get_by_label("Your key")).to_be_focused()
    expect(page).to_have_title(re.compile("^Error: "))


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 768, 1280])
def test_pages_fit_the_screen_and_are_accessible(open_console, send, width, scheme):
    page = open_console(viewport={"width": width, "height": 900}, color_scheme=scheme)
    send(page, 3)
    found = []
    for path in PAGES[:2]:
        page.goto(path)
        expect(page.get_by_role("heading", level=1)).to_be_visible()
        found += serious_violations(page)
        found += [path] if page.evaluate(TOO_WIDE) else []
    page.goto("/console/phone")
    page.get_by_label("Phone number or e-mail address").fill(NUMBER)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name=MASKED)).to_be_visible()
    found += serious_violations(page)
    found += ["/console/phone"] if page.evaluate(TOO_WIDE) else []

    assert found == []


@pytest.mark.usefixtures("history")
def test_tables_and_filter_have_room_on_each_screen(open_console):
    page = open_console(viewport={"width": 1280, "height": 900})

    assert page.evaluate(CUT) == []
    page.set_viewport_size({"width": 768, "height": 900})
    assert page.evaluate(CUT) == []
    page.set_viewport_size({"width": 320, "height": 900})
    box = page.get_by_role("form", name="Filter").bounding_box()
    assert box
    assert box["height"] < 900 / 4
    page.goto("/console/events")
    assert page.evaluate(TALLEST_ROW) < 150
    # The longest choice, last 24 hours, needs 130 pixels.
    period = page.get_by_label("Period").bounding_box()
    assert period
    assert period["width"] > 130


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_sign_in_is_accessible_on_a_phone(open_page, scheme):
    page = open_page(
        "/console", viewport={"width": 320, "height": 640}, color_scheme=scheme
    )

    assert serious_violations(page) == []
    assert not page.evaluate(TOO_WIDE)


@pytest.fixture
def history(stack, shared_redis):
    """Store the events of an hour, more of them in the middle."""
    now = time.time()
    with redis.Redis.from_url(shared_redis) as client:
        for minute in range(59, 0, -1):
            milliseconds = int((now - 60 * minute) * 1000)
            for number in range(4 + round(12 * math.sin(minute / 19) ** 2)):
                for event in verification(number, minute):
                    entry: dict[Any, Any] = codec.encode(event)
                    client.xadd(keys.EVENTS, entry, f"{milliseconds}-*")


def verification(number, minute):
    """Yield the events of a verification that succeeds in most cases."""
    places = [("IN", "+91944"), ("KE", "+254771"), ("FR", "+33612")]
    country, prefix = places[number % 3]
    recipient = PseudonymousRecipient(
        phone_hash="a1b2" * 8, prefix=prefix, country=country
    )
    channel = Channel.WHATSAPP if number % 4 == 0 else Channel.SMS
    yield CodeSent(
        recipient=recipient,
        verification_id=bytes(16),
        send_id=bytes(8),
        service="",
        channel=channel,
        code_length=6,
        locale="en",
        provider="console",
    )
    if number % 6:
        yield MessageDelivered(recipient=recipient, channel=channel)
    if (number + minute) % 3:
        yield VerificationApproved(
            recipient=recipient, verification_id=bytes(16), channel=channel
        )


@pytest.mark.picture
@pytest.mark.usefixtures("history")
def test_chart_shows_the_figures_of_its_table(open_console, send):
    page = open_console(viewport={"width": 1280, "height": 1000})
    send(page, 5)
    page.goto("/console?period=1h")
    chart = page.get_by_role("img", name=re.compile("^A chart of the messages"))

    expect(chart.locator("canvas")).to_be_visible()
    pictures.take(page, "console")
    box = chart.bounding_box()
    assert box
    page.mouse.move(box["x"] + box["width"] - 22, box["y"] + box["height"] / 2)
    expect(page.locator(".values")).to_have_text(
        re.compile(r"UTC: sent \d+, delivered \d+, approved \d+")
    )
    figures = page.locator("#figures tbody td:nth-child(2)").all_text_contents()
    total = page.locator(".figures dd").first.inner_text()
    assert sum(map(int, figures)) == int(total) > 5


def test_chart_follows_the_width_of_the_screen(open_console):
    page = open_console(viewport={"width": 1280, "height": 900})
    expect(page.locator(".plot canvas")).to_be_visible()

    page.set_viewport_size({"width": 400, "height": 900})

    expect(page.locator(".plot canvas")).to_have_css("width", re.compile(r"^3\d\d"))


# Each chart of uPlot has such a listener until it is destroyed.
COUNT_LISTENERS = """
    window.listeners = 0;
    for (const [name, step] of [["addEventListener", 1], ["removeEventListener", -1]]) {
      const original = window[name];
      window[name] = function (type, ...rest) {
        if (type === "dppxchange") window.listeners += step;
        return original.call(this, type, ...rest);
      };
    }"""


def test_chart_that_is_drawn_again_replaces_the_one_before(open_console):
    page = open_console(viewport={"width": 1280, "height": 900})
    page.add_init_script(COUNT_LISTENERS)
    page.reload()
    canvas = page.locator(".plot canvas")
    expect(canvas).to_be_visible()
    width = canvas.evaluate("(canvas) => canvas.clientWidth")
    listeners = page.evaluate("listeners")

    page.set_viewport_size({"width": 400, "height": 900})
    expect(canvas).not_to_have_css("width", f"{width}px")
    page.emulate_media(color_scheme="dark")
    page.set_viewport_size({"width": 1280, "height": 900})
    expect(canvas).to_have_css("width", f"{width}px")

    assert page.evaluate("listeners") == listeners > 0


def test_new_events_arrive_without_a_reload(open_console, send):
    page = open_console("/console/events?kind=failed_check")
    expect(page.get_by_text("No event matches.")).to_be_visible()

    send(page)

    expect(page.locator("#events tbody tr")).to_have_count(1)
    expect(page.get_by_role("status")).to_have_text("1 new")
    expect(page.get_by_text("No event matches.")).to_be_hidden()


def test_paused_page_gets_no_event_until_it_continues(open_events, send):
    page = open_events()
    page.get_by_role("button", name="Pause").click()
    expect(page.get_by_role("button", name="Pause")).to_have_attribute(
        "aria-pressed", "true"
    )
    send(page)

    refreshes = refreshes_of_two_intervals(page)

    assert refreshes == []
    page.get_by_role("button", name="Pause").click()
    assert refreshes_of_two_intervals(page) != []
    expect(page.locator("#events tbody tr")).to_have_count(1)


def test_pause_aborts_a_request_that_the_next_one_would_repeat(open_events, send):
    page = open_events()
    held: list[Route] = []
    page.route(
        "**/events/new?*",
        lambda route: route.continue_() if held else held.append(route),
    )
    send(page)
    refreshes_of_two_intervals(page)
    pause = page.get_by_role("button", name="Pause")

    with page.expect_event("requestfailed", timeout=TIMEOUT) as aborted:
        pause.click()

    assert aborted.value.url == held[0].request.url
    pause.click()
    refreshes_of_two_intervals(page)
    expect(page.locator("#events tbody tr")).to_have_count(1)


def test_hidden_page_gets_no_event_until_it_is_visible(open_events):
    page = open_events()
    hide = """isHidden => {
      Object.defineProperty(document, "hidden", {value: isHidden, configurable: true});
      document.dispatchEvent(new Event("visibilitychange"));
    }"""
    page.evaluate(hide, True)  # noqa: FBT003 - an argument of the script

    refreshes = refreshes_of_two_intervals(page)

    assert refreshes == []
    page.evaluate(hide, False)  # noqa: FBT003 - an argument of the script
    assert refreshes_of_two_intervals(page) != []


@pytest.fixture
def overview(open_console):
    """Return the overview of an operator, with the clock of the test."""
    page = open_console()
    page.clock.install()
    page.reload()
    return page


def sent_count(page):
    return page.locator("#totals dd").first.inner_text()


def test_overview_refreshes_its_figures_and_its_chart(overview, send):
    before = int(sent_count(overview))
    overview.get_by_text("Figures of the chart").first.click()
    send(overview, 2)

    overview.clock.fast_forward("00:15")

    expect(overview.locator("#totals dd").first).to_have_text(f"{before + 2}")
    expect(overview.locator("#figures")).to_be_visible()
    expect(overview.locator(".plot canvas")).to_have_count(1)


def test_paused_overview_keeps_its_figures_until_it_continues(overview, send):
    before = int(sent_count(overview))
    overview.get_by_role("button", name="Pause").click()
    send(overview)
    refreshes = []
    overview.on("request", lambda request: refreshes.append(request.url))

    overview.clock.fast_forward("01:00")

    assert (refreshes, sent_count(overview)) == ([], f"{before}")
    overview.get_by_role("button", name="Pause").click()
    overview.clock.fast_forward("00:15")
    expect(overview.locator("#totals dd").first).to_have_text(f"{before + 1}")


def test_ended_session_is_shown_on_the_overview(overview):
    overview.context.clear_cookies()

    overview.clock.fast_forward("00:15")

    expect(overview.get_by_role("link", name="Sign in again")).to_be_visible()


def test_ended_session_is_shown_on_the_events_page(open_console):
    page = open_console("/console/events")
    page.context.clear_cookies()

    expect(page.get_by_role("link", name="Sign in again")).to_be_visible()


def test_pages_work_without_scripts(open_console, send):
    page = open_console("/console", java_script_enabled=False)
    send(page)
    page.goto("/console/events")

    expect(page.locator("#events tbody tr").first).to_be_visible()
    send(page)
    page.get_by_role("link", name="Load again").click()
    expect(page.get_by_text("failed_check").nth(2)).to_be_visible()
    page.goto("/console")
    page.get_by_text("Figures of the chart").first.click()
    expect(page.locator("#figures")).to_be_visible()


def test_link_of_another_site_keeps_the_session(open_console, stack):
    page = open_console()
    other = page.context.new_page()
    other.route(
        "https://app.example.com/",
        lambda route: route.fulfill(
            body=f'<a href="{stack}/console/events">console</a>',
            content_type="text/html",
        ),
    )
    other.goto("https://app.example.com/")

    other.get_by_role("link", name="console").click()

    expect(other.get_by_role("heading", level=1)).to_have_text("Events")
    other.close()


def test_reduced_motion_has_no_animation(open_console, send):
    page = open_console("/console/events?kind=failed_check", reduced_motion="reduce")
    send(page)

    expect(page.locator("#events tr.new")).to_have_css("animation-name", "none")
