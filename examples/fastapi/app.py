"""Login by phone with FastAPI and plain HTML forms.

The handle of the verification is in the signed session cookie: only this browser can
check the code. A number that is known and one that is not get the same answers.
"""

import logging
import math
import os
import secrets
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Annotated

from fastapi import Depends, FastAPI, Form, HTTPException, Request, Response
from fastapi.responses import RedirectResponse
from fastapi.staticfiles import StaticFiles
from fastapi.templating import Jinja2Templates
from starlette.middleware.sessions import SessionMiddleware

from otp_engine_client import (
    AsyncClient,
    DeliveryFailed,
    DeliveryUnconfirmed,
    InvalidCode,
    InvalidPhone,
    NotAllowed,
    OTPEngineError,
    TooManyRequests,
    VerificationNotFound,
)

PUBLIC_URL = os.environ.get("PUBLIC_URL", "http://localhost:8000")
DEBUG = os.environ.get("DEBUG") == "1"
KEY_NAME = os.environ.get("ENGINE_KEY_NAME", "anonymous")
# The service states its OTP_PUBLIC_URL in proofs; in dev mode it has none.
ISSUER = os.environ.get("ENGINE_PUBLIC_URL")
FOLDER = Path(__file__).parent

log = logging.getLogger(__name__)
templates = Jinja2Templates(FOLDER / "templates")
otp = AsyncClient(
    os.environ.get("ENGINE_URL", "http://127.0.0.1:3000"),
    api_key=os.environ.get("ENGINE_API_KEY") or None,
)
# In place of a table: the number of each person, by a random id.
people: dict[str, str] = {}


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[None]:
    """Close the connections at the end."""
    async with otp:
        yield


async def require_own_page(request: Request) -> None:
    """Reject forms of other sites (CSRF); the cookie is SameSite=Lax as well."""
    if request.method == "POST" and request.headers.get("Origin") != PUBLIC_URL:
        raise HTTPException(403, "The form is not of this site.")


app = FastAPI(
    lifespan=lifespan, dependencies=[Depends(require_own_page)], openapi_url=None
)
app.add_middleware(
    SessionMiddleware,
    secret_key=os.environ["SECRET_KEY"],
    max_age=3600,
    same_site="lax",
    https_only=PUBLIC_URL.startswith("https://"),
)
app.mount("/static", StaticFiles(directory=FOLDER / "static"))


@app.get("/")
async def home(request: Request) -> Response:
    """Show a page for people who are logged in."""
    number = people.get(request.session.get("person", ""))
    return _page(request, "home.html", number=number) if number else _to("/login")


@app.post("/logout")
async def leave(request: Request) -> Response:
    """Log out."""
    request.session.clear()
    return _to("/login")


@app.get("/login")
async def phone_form(request: Request) -> Response:
    """Request a number."""
    return _page(request, "phone.html", error=request.session.pop("error", None))


@app.post("/login")
async def phone(request: Request, phone: Annotated[str, Form()] = "") -> Response:
    """Send a code to the number."""
    try:
        await _send(request, ending=phone[-2:], phone=phone)
    except OTPEngineError as error:
        return _page(request, "phone.html", error=explain(error), phone=phone)
    return _to("/login/code")


@app.get("/login/code")
async def code_form(request: Request) -> Response:
    """Request the code."""
    if "pending" not in request.session:
        return _to("/login")
    return _code_page(request, request.session.pop("error", None))


@app.post("/login/code")
async def code(request: Request, code: Annotated[str, Form()] = "") -> Response:
    """Check the code."""
    pending = request.session.get("pending")
    if pending is None:
        return _to("/login")
    try:
        check = await otp.verify_otp(
            code, verification=pending["handle"], client_ip=_client_ip(request)
        )
        if not check:
            left = check.attempts_left
            return _code_page(request, f"The code is wrong. Attempts left: {left}.")
        # The proof has the number in its one canonical form.
        proof = await otp.check_proof(
            check.proof, audience=KEY_NAME, issuer=ISSUER, accept_test=DEBUG
        )
    except VerificationNotFound as error:
        return _start_again(request, error)
    except OTPEngineError as error:
        return _code_page(request, explain(error))
    known = (person for person, number in people.items() if number == proof.phone)
    person = next(known, secrets.token_urlsafe(16))
    people[person] = proof.phone or ""
    request.session.clear()
    request.session["person"] = person
    return _to("/")


@app.post("/login/resend")
async def resend(request: Request) -> Response:
    """Send a new code to the same number."""
    pending = request.session.get("pending")
    if pending is None:
        return _to("/login")
    try:
        await _send(request, ending=pending["ending"], verification=pending["handle"])
    except VerificationNotFound as error:
        return _start_again(request, error)
    except OTPEngineError as error:
        request.session["error"] = explain(error)
    return _to("/login/code")


def explain(error: OTPEngineError) -> str:
    """Return a text for the person. It has no number, no code, and no account."""
    match error:
        case TooManyRequests(retry_after=timedelta() as wait):
            seconds = math.ceil(wait.total_seconds())
            return f"Too many attempts. Try again in {seconds} seconds."
        case InvalidPhone() | InvalidCode() | NotAllowed() | VerificationNotFound():
            return error.message
        case DeliveryFailed():
            return "The message could not be sent. Check the number."
    # The errors of the client have no number and no code, so they can be logged.
    log.error("a code could not be sent or checked: %s", error)
    return "This does not work at the moment. Try again in a minute."


async def _send(
    request: Request,
    *,
    ending: str,
    phone: str | None = None,
    verification: str | None = None,
) -> None:
    try:
        sent = await otp.send_otp(
            phone,
            verification=verification,
            bind=phone is not None,
            client_ip=_client_ip(request),
        )
    except DeliveryUnconfirmed as error:
        # The code can still arrive, and works then.
        sent = error.send
    wait = sent.resend_after or timedelta()
    request.session["pending"] = {
        "handle": sent.handle,
        "ending": ending,
        "resend_at": time.time() + wait.total_seconds(),
    }


def _client_ip(request: Request) -> str | None:
    """Return the network address of the person, which the limits count."""
    return request.client.host if request.client else None


def _start_again(request: Request, error: VerificationNotFound) -> Response:
    """Request the number again: the code has expired or was used."""
    del request.session["pending"]
    request.session["error"] = explain(error)
    return _to("/login")


def _code_page(request: Request, error: str | None) -> Response:
    pending = request.session["pending"]
    wait = max(0, round(pending["resend_at"] - time.time()))
    return _page(request, "code.html", error=error, ending=pending["ending"], wait=wait)


def _page(request: Request, name: str, **context: object) -> Response:
    headers = {"Cache-Control": "no-store"}
    return templates.TemplateResponse(request, name, context, headers=headers)


def _to(path: str) -> Response:
    return RedirectResponse(path, 303)
