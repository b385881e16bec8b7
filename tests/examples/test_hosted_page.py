"""The Django example with the hosted page, and with proofs of other sessions."""

from __future__ import annotations

from datetime import UTC, datetime
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from playwright.sync_api import expect

from otp_engine.crypto.proof_tokens import ProofTokenIssuer
from otp_engine_client import Client
from tests.examples.conftest import KEY, PROOF_SEED
from tests.support.browser_pages import PHONE

pytestmark = pytest.mark.browser


@pytest.fixture
def app(django_app, service):
    return django_app


@pytest.fixture
def visitor(app):
    """Return a browser session that has opened the login page."""
    with httpx.Client(base_url=app.url) as client:
        client.get("/login")
        yield client


@pytest.fixture
def proof_of(app, service):
    """Return a function that issues a proof of the hosted page, for a state."""

    def issue(state: str, issuer: str = service) -> str:
        token = ProofTokenIssuer([PROOF_SEED], issuer=issuer).issue(
            "+919445012345",
            approved_at=datetime.now(UTC),
            audience=app.url,
            nonce=state,
        )
        assert token
        return token

    return issue


def start(visitor: httpx.Client) -> dict[str, str]:
    """Request the hosted page; return the query of its URL."""
    response = visitor.post(
        "/hosted",
        data={"csrfmiddlewaretoken": visitor.cookies["csrftoken"]},
        headers={"Origin": str(visitor.base_url)},
    )
    query = parse_qs(urlsplit(response.headers["Location"]).query)
    return {name: value for name, [value] in query.items()}


def finish(visitor: httpx.Client, proof: str) -> str:
    """Return from the hosted page with a proof; return where that leads."""
    visitor.post("/hosted/return", data={"otp_proof": proof})
    return visitor.get("/hosted/done").headers["Location"]


def test_person_returns_from_the_hosted_page(app, new_page, newest_code):
    page = new_page(app.url)
    page.goto("/login")
    page.get_by_role("button", name="Verify on the page of the service").click()
    page.get_by_label("Phone number").fill(PHONE)
    page.get_by_role("button", name="Send code").click()
    expect(page.get_by_label("Code", exact=True)).to_be_focused()
    page.get_by_label("Code", exact=True).fill(newest_code())

    expect(page.get_by_role("heading")).to_have_text("You are logged in")
    expect(page.get_by_text("+919445012345")).to_be_visible()
    assert page.url == f"{app.url}/"
    assert "proof" not in {cookie.get("name") for cookie in page.context.cookies()}


def test_state_is_new_for_each_visit(visitor, app):
    first, second = start(visitor), start(visitor)

    assert first["state"] != second["state"]
    assert first["return_url"] == f"{app.url}/hosted/return"


def test_proof_without_a_state_in_the_session_is_rejected(visitor, proof_of):
    proof = proof_of("s-1")

    assert finish(visitor, proof) == "/login"


def test_proof_of_another_session_is_rejected(visitor, proof_of):
    start(visitor)

    assert finish(visitor, proof_of("of-the-attacker")) == "/login"


def test_proof_of_another_service_is_rejected(visitor, proof_of):
    state = start(visitor)["state"]

    assert finish(visitor, proof_of(state, "https://other.example.com")) == "/login"


def test_proof_for_the_api_is_rejected(visitor, service, newest_code):
    with Client(service, api_key=KEY) as client:
        sent = client.send_otp(PHONE, bind=True)
        check = client.verify_otp(newest_code(), verification=sent.handle)
    start(visitor)

    assert finish(visitor, check.proof or "") == "/login"


def test_proof_of_the_session_works_once(visitor, proof_of):
    state = start(visitor)["state"]
    proof = proof_of(state)
    targets = [finish(visitor, proof)]
    start(visitor)
    targets.append(finish(visitor, proof))

    assert targets == ["/", "/login"]
