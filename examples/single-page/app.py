"""A single page with the drop-in, and the backend that decides who has proven what."""

from __future__ import annotations

import os
import secrets
import time
from typing import Any
from urllib.parse import urlencode

import jwt
from flask import Flask, Response, jsonify, redirect, request, session
from flask.typing import ResponseReturnValue

PUBLIC_URL = os.environ.get("PUBLIC_URL", "http://localhost:8000")
ENGINE_URL = os.environ.get("ENGINE_URL", "http://localhost:3000")
DEBUG = os.environ.get("DEBUG") == "1"
PROOF = "proof"

app = Flask(__name__, static_url_path="/static")
app.secret_key = os.environ["SECRET_KEY"]
app.config.update(
    SESSION_COOKIE_SAMESITE="Lax",
    SESSION_COOKIE_SECURE=PUBLIC_URL.startswith("https:"),
)
keys = jwt.PyJWKClient(f"{ENGINE_URL}/.well-known/jwks.json")
# The end of each used proof by its id: put your table in its place.
used: dict[str, int] = {}


@app.get("/")
def page() -> ResponseReturnValue:
    """Show the page."""
    return app.send_static_file("index.html")


@app.get("/session")
def show_session() -> ResponseReturnValue:
    """Return who is logged in, or the link that verifies a number."""
    if "number" in session:
        return jsonify(number=session["number"])
    state = session.setdefault("state", secrets.token_urlsafe(32))
    query = urlencode({"return_url": f"{PUBLIC_URL}/verified", "state": state})
    return jsonify(link=f"{ENGINE_URL}/verify?{query}")


@app.post("/verified")
def keep_proof() -> ResponseReturnValue:
    """Keep the proof, and continue with a request that has the session.

    The form is of this page after the dialog, and of the service after a redirect. The
    second one is a cross-site request, which has no session cookie.
    """
    response = redirect("/finish", 303)
    response.set_cookie(
        PROOF,
        request.form.get("otp_proof", ""),
        max_age=120,
        path="/finish",
        httponly=True,
        samesite="Lax",
        secure=app.config["SESSION_COOKIE_SECURE"],
    )
    return response


@app.get("/finish")
def log_in() -> ResponseReturnValue:
    """Log the person in, if the proof is of this session."""
    number = check(request.cookies.get(PROOF, ""), session.get("state"))
    if number is None:
        response = app.make_response(("The number is not verified.", 403))
    else:
        session.clear()
        session["number"] = number
        response = redirect("/", 303)
    response.delete_cookie(PROOF, path="/finish")
    return response


def check(proof: str, state: str | None) -> str | None:
    """Return the number that the person of this session has proven, or None."""
    try:
        claims = jwt.decode(
            proof,
            keys.get_signing_key_from_jwt(proof),
            algorithms=["EdDSA"],
            audience=PUBLIC_URL,
            issuer=ENGINE_URL,
            options={"require": ["sub", "exp", "jti", "nonce"]},
        )
    except jwt.PyJWTError:
        return None
    # The secret of this session, or an attacker's number could be logged in here.
    is_of_session = state and secrets.compare_digest(claims["nonce"], state)
    is_number = "factor" not in claims and claims["sub"].startswith("+")
    is_real = DEBUG or not claims.get("test")
    if is_of_session and is_number and is_real and use_once(claims):
        return claims["sub"]
    return None


def use_once(claims: dict[str, Any]) -> bool:
    """Return whether the proof is new, and store that it is used until its end."""
    now = time.time()
    for jti in [jti for jti, end in used.items() if end < now]:
        del used[jti]
    is_new = claims["jti"] not in used
    used[claims["jti"]] = claims["exp"]
    return is_new


@app.post("/log-out")
def log_out() -> ResponseReturnValue:
    """End the session."""
    session.clear()
    return "", 204


@app.after_request
def add_headers(response: Response) -> Response:
    """Allow the drop-in, and nothing else of other origins."""
    response.headers["Content-Security-Policy"] = (
        f"default-src 'self'; script-src 'self' {ENGINE_URL};"
        f" frame-src {ENGINE_URL}; form-action 'self'; frame-ancestors 'none'"
    )
    response.headers["Referrer-Policy"] = "same-origin"
    response.headers["Cache-Control"] = "no-store"
    return response
