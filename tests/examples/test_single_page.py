"""The example of a single page with the drop-in, in Chromium."""

from __future__ import annotations

import base64
import sys
from datetime import UTC, datetime
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from playwright.sync_api import expect

from otp_engine.crypto.proof_tokens import ProofTokenIssuer
from tests.support import (
    browser_pages,
    example_apps,
    readme_commands,
    redis_server,
    server_process,
)

SEED = bytes(range(32))


@pytest.fixture(scope="module")
def ports():
    return redis_server.free_port(), redis_server.free_port()


@pytest.fixture(scope="module")
def engine(ports):
    """Run the service as the README starts it; yield its URL for browsers."""
    service, application = ports
    environ = {
        "OTP_PROOF_KEY": base64.b64encode(SEED).decode(),
        "OTP_PUBLIC_URL": f"http://localhost:{service}",
        "OTP_RETURN_ORIGINS": f"http://localhost:{application}",
        "OTP_RESEND_COOLDOWN": "0s",
    }
    arguments = ("--dev", "--workers", "1", "--port", str(service))
    with server_process.running_server(*arguments, **environ):
        yield environ["OTP_PUBLIC_URL"]


@pytest.fixture(scope="module")
def app(engine, ports):
    port = ports[1]
    environ = {
        "SECRET_KEY": "a secret of the tests",
        "PUBLIC_URL": f"http://localhost:{port}",
        "ENGINE_URL": engine,
    }
    command = [sys.executable, "-m", "flask", "run", "--port", str(port)]
    with example_apps.running("single-page", command, port, environ) as running:
        yield running


def newest_code(engine):
    [newest, *_] = httpx.get(f"{engine}/dev/inbox.json").json()["messages"]
    return newest["code"]


@pytest.fixture
def visitor(app):
    with httpx.Client(base_url=app.url, follow_redirects=True) as client:
        yield client


@pytest.fixture
def state(visitor):
    """Return the state of the visitor's session."""
    link = visitor.get("/session").json()["link"]
    return parse_qs(urlsplit(link).query)["state"][0]


@pytest.fixture
def issue(app, engine):
    """Return a function that issues a proof as the service does."""

    def build(state, *, audience=app.url, issuer=engine, seed=SEED):
        return ProofTokenIssuer([seed], issuer=issuer).issue(
            "+919445012345",
            approved_at=datetime.now(UTC),
            audience=audience,
            nonce=state,
        )

    return build


@pytest.mark.browser
def test_person_logs_in_without_leaving_the_page(app, engine, new_page):
    page = new_page(app.url)
    page.goto("/")
    page.get_by_role("link", name="Log in with your phone").click()
    frame = page.frame_locator("iframe")
    frame.get_by_label("Phone number").fill("94450 12345")
    frame.get_by_role("button", name="Send code").click()
    code = frame.get_by_label("Code", exact=True)
    expect(code).to_be_focused()

    code.press_sequentially(newest_code(engine))

    expect(page.get_by_text("You are logged in as +919445012345.")).to_be_visible()
    assert page.url == f"{app.url}/"
    assert browser_pages.serious_violations(page) == []


@pytest.mark.browser
def test_person_logs_in_by_the_redirect(app, engine, new_page):
    page = new_page(app.url)
    page.goto("/")
    link = page.locator("#verify[href]")
    page.goto(link.get_attribute("href"))
    page.get_by_label("Phone number").fill("94450 12345")
    page.get_by_role("button", name="Send code").click()
    code = page.get_by_label("Code", exact=True)
    expect(code).to_be_focused()

    code.press_sequentially(newest_code(engine))

    expect(page.get_by_text("You are logged in as +919445012345.")).to_be_visible()


def test_proof_of_this_session_logs_in(visitor, state, issue):
    response = visitor.post("/verified", data={"otp_proof": issue(state)})

    assert response.status_code == 200
    assert visitor.get("/session").json() == {"number": "+919445012345"}


def test_proof_works_once(app, visitor, state, issue):
    proof, cookies = issue(state), dict(visitor.cookies)
    visitor.post("/verified", data={"otp_proof": proof})

    with httpx.Client(
        base_url=app.url, cookies=cookies, follow_redirects=True
    ) as replayed:
        response = replayed.post("/verified", data={"otp_proof": proof})

    assert response.status_code == 403


@pytest.mark.parametrize(
    "different",
    [
        {"audience": "https://other.example.com"},
        {"issuer": "https://otp.example.com"},
        {"seed": bytes(32)},
    ],
    ids=["audience", "issuer", "key"],
)
def test_proof_for_other_party_is_rejected(visitor, state, issue, different):
    response = visitor.post("/verified", data={"otp_proof": issue(state, **different)})

    assert response.status_code == 403
    assert "link" in visitor.get("/session").json()


@pytest.mark.parametrize("proof", ["", "x", "a.b.c"])
def test_text_that_is_no_proof_is_rejected(visitor, state, proof):
    response = visitor.post("/verified", data={"otp_proof": proof})

    assert response.status_code == 403


def test_proof_of_other_session_is_rejected(visitor, state, issue):
    response = visitor.post("/verified", data={"otp_proof": issue("of an attacker")})

    assert response.status_code == 403


def test_proof_without_a_session_is_rejected(app, issue):
    response = httpx.post(
        f"{app.url}/verified",
        data={"otp_proof": issue("s")},
        follow_redirects=True,
    )

    assert response.status_code == 403


def test_commands_of_the_readme_start_the_application(tmp_path):
    with readme_commands.started("single-page", tmp_path) as urls:
        link = httpx.get(f"{urls.app}/session").json()["link"]
        response = httpx.get(link)

        assert link.startswith(f"{urls.service}/verify?")
        assert response.status_code == 200
