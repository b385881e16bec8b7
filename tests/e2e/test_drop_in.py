"""The drop-in in Chromium: an application opens the page in a dialog."""

from __future__ import annotations

import base64
import json
import re
import subprocess
import time
from pathlib import Path

import jwt
import pyotp
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from tests.support import (
    certificates,
    embedding_app,
    pictures,
    redis_server,
    server_process,
    tls_relay,
)
from tests.support.browser_pages import SERIOUS, TIMEOUT, WIDE

pytestmark = pytest.mark.browser

ROOT = Path(__file__).parents[2]
PHONE = "9445012345"
KEY = base64.b64encode(bytes(range(32))).decode()
FACTOR_KEY = base64.b64encode(bytes(range(1, 33))).decode()
SETTINGS = {"OTP_PROOF_KEY": KEY, "OTP_RESEND_COOLDOWN": "1s"}


@pytest.fixture(scope="module")
def shared_app():
    """Run a service, and an application of the same site."""
    service_port, app_port = redis_server.free_port(), redis_server.free_port()
    environ = SETTINGS | {
        "OTP_FACTOR_KEY": FACTOR_KEY,
        "OTP_SENDS_PER_PHONE": "off",
        "OTP_SENDS_PER_IP": "off",
        "OTP_RETURN_ORIGINS": ",".join(
            f"http://{host}:{app_port}" for host in ("127.0.0.1", "localhost")
        ),
    }
    with (
        server_process.running_server(
            "--dev", "--workers", "1", "--port", str(service_port), **environ
        ) as server,
        embedding_app.running(
            f"http://127.0.0.1:{service_port}", port=app_port
        ) as application,
    ):
        application.server = server
        yield application


@pytest.fixture
def app(shared_app):
    """Return the application, as it was at its start."""
    shared_app.forms.clear()
    shared_app.script = shared_app.integrity = ""
    shared_app.server.post_form("/dev/inbox/clear", {})
    return shared_app


@pytest.fixture
def open_app(chromium: Browser, app):
    """Open the page of the application in a browser session of its own."""
    contexts = []

    def open_in_new_context(url=None, **options) -> Page:
        context = chromium.new_context(**options)
        context.set_default_timeout(TIMEOUT)
        contexts.append(context)
        page = context.new_page()
        page.goto(url or app.origin)
        return page

    yield open_in_new_context
    for context in contexts:
        context.close()


def open_dialog(page):
    """Click on the link, and return the frame of the dialog."""
    page.get_by_role("link", name="Verify your number").click()
    frame = page.frame_locator("iframe")
    expect(frame.get_by_label("Phone number")).to_be_focused()
    return frame


def newest_code(app):
    [newest, *_] = app.server.get("/dev/inbox.json").body["messages"]
    return newest["code"]


def enter_number_and_code(frame, app):
    """Enter a number and its code with the keyboard."""
    number = frame.get_by_label("Phone number")
    number.press_sequentially(PHONE)
    number.press("Enter")
    code = frame.get_by_label("Code", exact=True)
    expect(code).to_be_focused()
    code.press_sequentially(newest_code(app))


def verified(app, proof, audience):
    """Verify the proof token as an application does, and return its claims."""
    [key] = app.server.get("/.well-known/jwks.json").body["keys"]
    return jwt.decode(proof, jwt.PyJWK(key), algorithms=["EdDSA"], audience=audience)


def test_person_verifies_a_number_with_the_keyboard(app, open_app):
    page = open_app()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    frame = page.frame_locator("iframe")
    expect(frame.get_by_label("Phone number")).to_be_focused()
    page.keyboard.type(PHONE)
    page.keyboard.press("Enter")
    expect(frame.get_by_label("Code", exact=True)).to_be_focused()

    page.keyboard.type(newest_code(app))

    expect(page.get_by_role("heading", name="Welcome")).to_be_visible()
    [(form, state_of_session)] = app.forms
    claims = verified(app, form["otp_proof"][0], app.origin)
    assert claims["sub"] == f"+91{PHONE}"
    assert form["state"] == [state_of_session] == [claims["nonce"]]


def test_application_gets_the_proof_in_an_event(app, open_app):
    app.script = """
        document.addEventListener("otp-verify", (event) => {
          event.preventDefault();
          document.querySelector("h1").textContent = JSON.stringify(event.detail);
        });"""
    page = open_app()

    enter_number_and_code(open_dialog(page), app)

    expect(page.get_by_role("heading", name="proof")).to_be_visible()
    result = json.loads(page.get_by_role("heading").inner_text())
    assert verified(app, result["proof"], app.origin)["nonce"] == result["state"]
    assert result["returnUrl"] == f"{app.origin}/verified"
    assert app.forms == []
    assert page.locator("iframe").count() == 0
    expect(page.get_by_role("link", name="Verify your number")).to_be_focused()


@pytest.mark.parametrize("focused", ["frame", "button"])
def test_escape_closes_the_dialog_and_returns_the_focus(app, open_app, focused):
    page = open_app()
    page.evaluate("addEventListener('otp-verify', (event) => window.result = event)")
    frame = open_dialog(page)
    if focused == "button":
        page.get_by_role("button", name="Close").focus()

    page.keyboard.press("Escape")

    expect(page.locator("iframe")).to_have_count(0)
    expect(page.get_by_role("link", name="Verify your number")).to_be_focused()
    assert page.evaluate("result.detail") == {"reason": "closed"}
    assert app.forms == []
    assert frame.owner.count() == 0


def test_close_button_resolves_the_promise(app, open_app):
    page = open_app()
    page.evaluate(
        "window.opened = OTPVerify.open(document.getElementById('verify').href);"
        " undefined"
    )
    frame = page.frame_locator("iframe")
    expect(frame.get_by_label("Phone number")).to_be_focused()

    page.get_by_role("button", name="Close").click()

    assert page.evaluate("opened") == {"reason": "closed"}


def test_dialog_has_the_name_and_the_language_of_its_page(app, open_app):
    page = open_app(locale="de-DE")

    page.get_by_role("link", name="Verify your number").click()

    dialog = page.get_by_role("dialog", name="Bestätigen Sie Ihre Nummer – OTP Engine")
    expect(dialog).to_be_visible()
    expect(dialog.get_by_role("button", name="Schließen")).to_be_visible()
    assert page.locator("iframe").get_attribute("title").startswith("Bestätigen")


def test_link_without_scripts_leads_to_the_page_in_the_window(app, open_app):
    page = open_app(java_script_enabled=False)
    page.get_by_role("link", name="Verify your number").click()
    page.get_by_label("Phone number").fill(PHONE)
    page.get_by_role("button", name="Send code").click()
    page.get_by_label("Code", exact=True).fill(newest_code(app))
    page.get_by_role("button", name="Verify").click()

    page.get_by_role("button", name="Continue").click()

    expect(page.get_by_role("heading", name="Welcome")).to_be_visible()
    [(form, _)] = app.forms
    assert verified(app, form["otp_proof"][0], app.origin)["nonce"] == form["state"][0]


def test_pinned_script_opens_the_dialog(app, open_app):
    document = (ROOT / "docs" / "drop-in.md").read_text()
    [command] = re.findall(r"^\$ (curl .*)$", document, re.MULTILINE)
    digest = subprocess.run(
        ["/bin/sh", "-c", command.replace("https://otp.example.com", app.service)],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    app.integrity = f'integrity="sha384-{digest}" crossorigin'

    open_dialog(open_app())


def test_link_with_a_script_that_changed_leads_to_the_window(app, open_app):
    app.integrity = f'integrity="sha384-{"A" * 64}" crossorigin'
    page = open_app()

    page.get_by_role("link", name="Verify your number").click()

    page.wait_for_url(f"{app.service}/verify?*")
    expect(page.get_by_label("Phone number")).to_be_visible()


@pytest.mark.parametrize(
    "missing", ["HTMLDialogElement", "HTMLDialogElement.prototype.showModal"]
)
def test_link_in_a_browser_without_dialogs_leads_to_the_window(app, open_app, missing):
    page = open_app()
    page.evaluate(f"delete window.{missing}; undefined")

    page.get_by_role("link", name="Verify your number").click()

    page.wait_for_url(f"{app.service}/verify?*")
    expect(page.get_by_label("Phone number")).to_be_visible()


def test_link_with_a_modifier_opens_a_tab(app, open_app):
    page = open_app()

    with page.context.expect_page() as opened:
        page.get_by_role("link", name="Verify your number").click(modifiers=["Control"])

    expect(opened.value.get_by_label("Phone number")).to_be_visible()
    assert page.locator("iframe").count() == 0


def test_frame_of_origin_that_is_not_listed_leads_to_the_window(app, open_app):
    with embedding_app.running(app.service) as foreign:
        page = open_app(foreign.origin)

        page.get_by_role("link", name="Verify your number").click()

        # The page in the window refuses the origin as well.
        expect(page).to_have_title("There is a problem – OTP Engine")
        assert page.url.startswith(f"{app.service}/verify?return_url=")


def test_listed_origin_as_parameter_does_not_help_another_page(app, open_app):
    query = app.link(app.origin.removeprefix("http://"), "s").partition("?")[2]
    framed = f"{app.service}/verify?embed={app.origin}&{query}"
    with embedding_app.running(app.service) as foreign:
        page = open_app(foreign.origin)

        with page.expect_console_message(
            lambda message: "frame-ancestors" in message.text
        ):
            page.evaluate(
                "(url) => document.body.append(Object.assign("
                "document.createElement('iframe'), {src: url}))",
                framed,
            )


FORGED = {"otpVerify": "approved", "proof": "forged", "state": "forged"}


def test_message_of_another_window_is_ignored(app, open_app):
    page = open_app()
    frame = open_dialog(page)
    state = page.locator("#verify").get_attribute("href").rpartition("=")[2]

    page.evaluate(
        "(message) => new Promise((heard) => {"
        " addEventListener('message', heard, {once: true});"
        " postMessage(message, '*') })",
        FORGED | {"state": state},
    )

    expect(frame.get_by_label("Phone number")).to_be_visible()
    assert app.forms == []


def test_proof_of_another_verification_is_ignored(app, open_app):
    page = open_app()
    frame = open_dialog(page)

    page.evaluate(
        "window.heard = new Promise((heard) => addEventListener('message', (event) =>"
        " event.data.proof && heard(event.data))); undefined"
    )
    page.frames[1].evaluate("(message) => parent.postMessage(message, '*')", FORGED)

    assert page.evaluate("heard") == FORGED
    expect(frame.get_by_label("Phone number")).to_be_visible()
    assert app.forms == []


def test_messages_contain_no_number_and_no_code(app, open_app):
    app.script = """
        window.heard = [];
        addEventListener("message", ({ data }) => heard.push(data));
        addEventListener("otp-verify", (event) => event.preventDefault());"""
    page = open_app()
    enter_number_and_code(open_dialog(page), app)
    expect(page.locator("iframe")).to_have_count(0)

    messages = page.evaluate("heard")

    assert {message["otpVerify"] for message in messages} == {
        *("page", "size", "approved")
    }
    [approved] = [each for each in messages if each["otpVerify"] == "approved"]
    rest = json.dumps([each for each in messages if each is not approved])
    assert newest_code(app) not in rest
    assert PHONE not in rest
    assert approved.keys() == {"otpVerify", "proof", "state", "returnUrl"}


def test_page_accepts_no_message_of_the_application(app, open_app):
    page = open_app()
    frame = open_dialog(page)

    page.evaluate(
        "(message) => document.querySelector('div').shadowRoot.querySelector('iframe')"
        ".contentWindow.postMessage(message, '*')",
        FORGED,
    )

    enter_number_and_code(frame, app)
    expect(page.get_by_role("heading", name="Welcome")).to_be_visible()


def test_browser_that_blocks_the_cookie_offers_the_window(app, open_app):
    # The application and the service are of two sites, and without TLS.
    page = open_app(app.origin.replace("127.0.0.1", "localhost"))
    page.get_by_role("link", name="Verify your number").click()
    frame = page.frame_locator("iframe")
    expect(frame.get_by_text("blocks cookies")).to_be_visible()

    frame.get_by_role("link", name="Continue").click()

    expect(page.get_by_label("Phone number")).to_be_visible()
    assert "embed=" not in page.url


def test_person_enters_the_code_of_an_authenticator_in_the_dialog(app, open_app):
    enrolled = app.server.post("/auth/totp/enroll", {"identity": "user-4711"})
    totp = pyotp.TOTP(enrolled.body["secret"])
    active = app.server.post(
        "/auth/totp/activate", {"identity": "user-4711", "otp": totp.now()}
    )
    link = app.server.post(
        "/auth/totp/link",
        {
            "identity": "user-4711",
            "page": "verify",
            "return_url": f"{app.origin}/verified",
            "state": "s-1",
        },
    )
    page = open_app()
    page.evaluate(
        "(url) => { window.opened = OTPVerify.open(url) }",
        f"{app.service}/verify/link{link.body['url'].partition('/verify/link')[2]}",
    )
    code = page.frame_locator("iframe").get_by_label("Code", exact=True)
    expect(code).to_be_focused()

    # The code of the activation is used up.
    code.press_sequentially(totp.at(int(time.time()) + totp.interval))

    result = page.evaluate("opened")
    claims = verified(app, result["proof"], app.origin)
    assert active.body == {"VerificationStatus": "approved"}
    assert (claims["sub"], claims["factor"], claims["nonce"]) == (
        *("user-4711", "totp", "s-1"),
    )


@pytest.mark.picture
def test_dialog_is_as_in_the_documents(app, open_app):
    page = open_app(viewport={"width": 768, "height": 700})
    frame = open_dialog(page)
    # The height follows the page.
    expect(frame.locator(".languages")).to_be_in_viewport()

    pictures.take(page, "drop-in")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 768, 1280])
def test_dialog_fits_and_is_accessible(app, open_app, width, scheme):
    page = open_app(
        viewport={"width": width, "height": 800},
        color_scheme=scheme,
        reduced_motion="reduce",
    )
    frame = open_dialog(page)
    framed = page.frames[1]

    box = page.get_by_role("dialog").bounding_box()
    violations = [
        violation
        for each in (page, framed)
        for violation in Axe().run(each).response["violations"]
        if violation["impact"] in SERIOUS
    ]

    assert box["x"] >= 0
    assert box["x"] + box["width"] <= width
    assert box["y"] + box["height"] <= 800
    assert (box["height"] == 800) == (width == 320)
    assert framed.evaluate(WIDE) == []
    assert [each["id"] for each in violations] == []
    expect(frame.get_by_role("button", name="Send code")).to_be_in_viewport()


@pytest.fixture
def strict_chromium(chromium):
    """Start a Chromium that blocks third-party cookies."""
    browser = chromium.browser_type.launch(
        executable_path=redis_server.program(
            "chromium", required_by="OTP_REQUIRE_CHROMIUM"
        ),
        args=["--no-sandbox", "--test-third-party-cookie-phaseout"],
    )
    yield browser
    browser.close()


def test_dialog_works_on_another_site_without_third_party_cookies(
    strict_chromium, tmp_path
):
    authority = certificates.authority(tmp_path, "authority")
    app_port = redis_server.free_port()
    with (
        tls_relay.running(authority.issue("localhost")) as relay,
        embedding_app.running(
            f"https://localhost:{relay.server_address[1]}",
            authority.issue("127.0.0.1"),
            port=app_port,
        ) as app,
        server_process.running_server(
            "--dev",
            *("--workers", "1"),
            **SETTINGS,
            OTP_PUBLIC_URL=app.service,
            OTP_RETURN_ORIGINS=app.origin,
        ) as server,
        strict_chromium.new_context(ignore_https_errors=True) as context,
    ):
        relay.target, app.server = server.port, server
        context.set_default_timeout(TIMEOUT)
        page = context.new_page()
        page.goto(app.origin)

        enter_number_and_code(open_dialog(page), app)

        expect(page.get_by_role("heading", name="Welcome")).to_be_visible()
        [(form, state)] = app.forms
        claims = verified(app, form["otp_proof"][0], app.origin)
        cookies = {each["name"]: each for each in context.cookies()}
        assert (claims["nonce"], claims["iss"]) == (state, app.service)
        assert cookies["otp_verify_embedded"]["sameSite"] == "None"
        assert "otp_verify" not in cookies
