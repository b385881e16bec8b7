"""The 41 languages of the verify page in Chromium."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from otp_engine.domain.messages.plural_rules import plural_category
from otp_engine.web.translations import TRANSLATIONS
from tests.support.browser_pages import PHONE, WIDE, code_of, serious_violations
from tests.support.fakes import different_code

pytestmark = pytest.mark.browser

NARROW = {"viewport": {"width": 320, "height": 640}}
LARGEST = 201
# Enough messages for a verification in each language.
UNLIMITED = {"OTP_SENDS_PER_IP": "off"}


@pytest.fixture(scope="module")
def cooldown():
    """Return a cooldown that lasts longer than a test on a busy machine."""
    return "5m"


# The digits of the code in a text of the inbox, as they stand on the screen.
DIGITS = """(each) => {
  const text = each.firstChild;
  const range = document.createRange();
  const digits = [...text.data].map((char, at) => {
    range.setStart(text, at);
    range.setEnd(text, at + 1);
    return [range.getBoundingClientRect().left, char];
  });
  return digits.filter(([, char]) => /[0-9]/.test(char))
    .slice(0, 6).sort(([a], [b]) => a - b).map(([, char]) => char).join("");
}"""


@pytest.fixture(scope="module")
def stack_environ():
    """Return a client IP without a limit."""
    return UNLIMITED


def start_verification(page: Page, phone: str = PHONE) -> None:
    page.locator("#phone").fill(phone)
    page.locator("button").first.click()
    expect(page.locator("#otp")).to_be_focused()


def find_wide(page: Page) -> list[str]:
    """Return what does not fit the screen, in every language of the page."""
    wide: list[str] = []
    for locale in TRANSLATIONS:
        page.goto(f"/verify?locale={locale}")
        wide += page.evaluate(WIDE)
    return wide


def test_number_form_and_its_error_fit_a_narrow_screen_in_every_language(open_page):
    page = open_page("/verify", **NARROW)
    wide: list[str] = []
    for locale in TRANSLATIONS:
        page.goto(f"/verify?locale={locale}")
        wide += page.evaluate(WIDE)
        page.locator("#phone").fill("12")
        page.locator("button").first.click()
        expect(page.locator("#phone-error")).to_be_visible()
        wide += page.evaluate(WIDE)

    assert wide == []


def test_code_form_fits_a_narrow_screen_in_every_language(open_page):
    page = open_page("/verify", **NARROW)
    start_verification(page)

    wide = find_wide(page)

    assert wide == []
    expect(page.locator(".other button")).to_have_count(3)


def test_closed_form_fits_a_narrow_screen_in_every_language(open_page):
    page = open_page("/verify", **NARROW)
    start_verification(page)
    code = code_of(page)
    for left in reversed(range(5)):
        page.locator("#otp").fill(different_code(code))
        text = f"{left} attempt" if left else "Too many"
        expect(page.get_by_role("alert")).to_contain_text(text)

    wide = find_wide(page)

    assert wide == []
    expect(page.locator("#otp")).to_have_count(0)


def test_result_fits_a_narrow_screen_in_every_language(open_page):
    page = open_page("/verify", **NARROW)
    wide: list[str] = []
    for number, (locale, translations) in enumerate(TRANSLATIONS.items()):
        page.goto(f"/verify?locale={locale}")
        start_verification(page, f"94450 123{number:02}")
        page.locator("#otp").press_sequentially(code_of(page))
        expect(page.locator("h1")).to_have_text(translations.get("done_title"))
        wide += page.evaluate(WIDE)

    assert wide == []
    expect(page.locator("summary")).to_be_hidden()


def test_open_menu_fits_a_narrow_screen_in_every_language(open_page):
    page = open_page("/verify", **NARROW)
    wide: list[str] = []
    for locale in TRANSLATIONS:
        page.goto(f"/verify?locale={locale}")
        page.locator("summary").click()
        wide += page.evaluate(WIDE)

    assert wide == []
    expect(page.locator(".languages li")).to_have_count(41)


def test_language_is_chosen_with_the_keyboard(open_page):
    page = open_page("/verify", **NARROW)
    menu = page.locator("summary")
    menu.focus()

    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Afrikaans")).to_be_focused()
    page.get_by_role("link", name="Suomi").press("Enter")

    expect(page.locator("html")).to_have_attribute("lang", "fi")
    expect(menu).to_contain_text("Suomi")
    expect(page.get_by_role("link", name="English")).to_be_hidden()


@pytest.mark.parametrize("locale", ["he", "ar"])
def test_right_to_left_page_is_mirrored_and_accessible(open_page, locale):
    page = open_page(f"/verify?locale={locale}", bypass_csp=True, **NARROW)
    violations = serious_violations(page)
    start_verification(page)
    page.locator("summary").click()

    violations += serious_violations(page)

    icon, name = page.locator("summary .icon"), page.locator("h1")
    assert icon.bounding_box()["x"] > 160
    assert name.evaluate("(each) => getComputedStyle(each).direction") == "rtl"
    number = page.locator(".number")
    assert number.evaluate("(each) => getComputedStyle(each).direction") == "ltr"
    assert violations == []


@pytest.mark.parametrize("channel", ["sms", "call", "email"])
@pytest.mark.parametrize("locale", ["he", "ar"])
def test_code_in_a_text_from_right_to_left_is_read_from_left_to_right(
    open_page, locale, channel
):
    page = open_page("/dev/inbox", **NARROW)
    recipient = {"email": "a@example.com"} if channel == "email" else {"phone": PHONE}
    page.request.post(
        "/auth/send_otp", data={**recipient, "channel": channel, "locale": locale}
    )
    text = page.locator(".bubble p")
    expect(text).to_have_count(1)

    shown = text.evaluate(DIGITS)

    assert shown == page.locator(".message code").inner_text()


@pytest.mark.parametrize("locale", ["ja", "zh-HK", "ko"])
def test_page_in_chinese_characters_is_accessible_and_verifies(open_page, locale):
    page = open_page(f"/verify?locale={locale}", bypass_csp=True, **NARROW)
    start_verification(page)

    violations = serious_violations(page)
    page.locator("#otp").press_sequentially(code_of(page))

    expect(page.locator("#step")).to_have_attribute("data-step", "done")
    expect(page.locator("h1")).to_have_text(TRANSLATIONS[locale].get("done_title"))
    assert violations == []


def test_browser_has_the_plural_categories_of_the_service(open_page):
    page = open_page("/verify")

    categories = page.evaluate(
        """([locales, largest]) => Object.fromEntries(locales.map((locale) => {
          const rules = new Intl.PluralRules(locale);
          return [locale, [...Array(largest).keys()].map((n) => rules.select(n))];
        }))""",
        [list(TRANSLATIONS), LARGEST],
    )

    assert categories == {
        locale: [plural_category(locale, n) for n in range(LARGEST)]
        for locale in TRANSLATIONS
    }
