"""`/console/sign-in` and `/console/sign-out`."""

from __future__ import annotations

from http import HTTPStatus

from flask import Blueprint, g, redirect, request, url_for
from flask.typing import ResponseReturnValue

from otp_engine.console.console import NAVIGATION, Console

_START = "overview"
_MAX_SECRET_LENGTH = 512


def add_to(bp: Blueprint, console: Console) -> None:
    """Add the views to the blueprint of the console."""

    @bp.get("/sign-in")
    def sign_in() -> ResponseReturnValue:
        if g.get("console_operator"):
            return redirect(_next_page(request.args.get("next")))
        return console.render("sign_in.html", next=request.args.get("next", _START))

    @bp.post("/sign-in")
    def submit_key() -> ResponseReturnValue:
        secret, page = request.form.get("key", ""), request.form.get("next")
        if console.access.sign_in(secret.strip()[:_MAX_SECRET_LENGTH]):
            return redirect(_next_page(page), HTTPStatus.SEE_OTHER)
        body = console.render("sign_in.html", next=page, failed=True)
        return body, HTTPStatus.UNAUTHORIZED

    @bp.post("/sign-out")
    def sign_out() -> ResponseReturnValue:
        console.access.sign_out()
        return redirect(url_for(".sign_in"), HTTPStatus.SEE_OTHER)


def _next_page(name: str | None) -> str:
    """Return the URL of a page of the navigation: a form can lead nowhere else."""
    pages = {endpoint.partition(".")[2] for endpoint, _ in NAVIGATION}
    return url_for(f".{name if name in pages else _START}")
