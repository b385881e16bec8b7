"""`/verify`: a number, then its code, for a person with any browser.

Plain forms, so that it works without scripts; `verify.js` only saves round trips and
typing. What is asked here is asked as anybody asks `/auth`: the same limits hold, and a
person counts by their own address.
"""

from __future__ import annotations

import logging
from urllib.parse import urlsplit

from flask import Blueprint, redirect, request, session, url_for
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import HTTPException

from otp_engine.api import responses
from otp_engine.api.proofs import Proofs
from otp_engine.config.hosted import Hosted
from otp_engine.errors import OTPError, Refused, Unavailable, VerificationNotFound
from otp_engine.web import pages, texts
from otp_engine.web.sheet import Said, Sheet
from otp_engine.web.steps import Steps
from otp_engine.web.texts import Texts
from otp_engine.web.visit import Visit

log = logging.getLogger(__name__)

_MINUTE, _HOUR = 60, 3600
_LONGEST = 512


def blueprint(hosted: Hosted, proofs: Proofs, *, brand: str) -> Blueprint:
    """Build the page that *hosted* describes; *proofs* are for who sent the person."""
    bp = pages.blueprint("verify", forms_to=hosted.return_origins)
    sheet = Sheet(brand=brand, logo=hosted.logo is not None)
    steps = Steps(proofs)

    @bp.get("/verify")
    def page() -> ResponseReturnValue:
        visit, words = Visit(session), _words()
        if url := request.args.get("return_url"):
            if _origin(url) not in hosted.return_origins:
                return sheet.draw(visit, words, Said(words.say("bad_return"), 400))
            visit.came_from(url, request.args.get("state", "")[:_LONGEST] or None)
        return sheet.draw(visit, words, Said())

    @bp.post("/verify")
    def step() -> ResponseReturnValue:
        visit, words = Visit(session), _words()
        if not visit.brings(request.form.get("token", "")):
            return sheet.draw(visit, words, Said(words.say("old_form"), 400))
        try:
            said = steps.take(request.form.get("step", ""), visit, words)
        except OTPError as error:
            if isinstance(error, VerificationNotFound):
                visit.begin_again()
            return sheet.draw(visit, words, _explain(error, words))
        if said:
            return sheet.draw(visit, words, said)
        return redirect(url_for(".page"), 303)

    return bp


def answer(error: Exception) -> ResponseReturnValue:
    """Say to a person that something went wrong; see `responses.install`."""
    status = error.code if isinstance(error, HTTPException) and error.code else 500
    if status >= 500:  # noqa: PLR2004 - a status
        log.error("unexpected error", exc_info=error)
    words = _words()
    sheet = Sheet(brand="", logo=False)
    return sheet.draw(Visit({}), words, Said(words.say("unavailable"), status))


def _words() -> Texts:
    if (locale := request.args.get("locale")) in texts.ALL:
        session["locale"] = locale
    return texts.choose(session.get("locale"), request.accept_languages)


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}".lower()


def _explain(error: OTPError, words: Texts) -> Said:
    key = error.name if error.name in words.words else "unavailable"
    wait, headers = "", {}
    if isinstance(error, Refused | Unavailable):
        rule = isinstance(error, Refused)
        seconds = responses.retry_after(error.retry_after, rule=rule)
        wait, headers = _wait(int(seconds), words), {"Retry-After": seconds}
    return Said(words.say(key, wait=wait), responses.status_of(error), headers=headers)


def _wait(seconds: int, words: Texts) -> str:
    if seconds > _HOUR:
        return words.say("hours", n=-(-seconds // _HOUR))
    if seconds > _MINUTE:
        return words.say("minutes", n=-(-seconds // _MINUTE))
    return words.say("seconds", n=seconds)
