"""`/verify`: a number, then its code, for a person with any browser.

Plain forms, so that it works without scripts; `verify.js` only saves round trips and
typing. What is asked here is asked as anybody asks `/auth`: the same limits hold, and a
person counts by their own address.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from http import HTTPStatus

from flask import (
    Blueprint,
    g,
    make_response,
    redirect,
    request,
    session,
    url_for,
)
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import HTTPException

from otp_engine.api import responses
from otp_engine.config.verify_page import VerifyPageSettings
from otp_engine.errors import (
    OTPError,
    RateLimited,
    Refused,
    Unavailable,
    VerificationNotFound,
)
from otp_engine.web import pages, texts
from otp_engine.web.sheet import Said, Sheet, origin_of
from otp_engine.web.steps import Steps
from otp_engine.web.texts import Texts
from otp_engine.web.visit import Approval, Back, Visit

log = logging.getLogger(__name__)

_MINUTE, _HOUR = 60, 3600
_LONGEST_URL, _LONGEST_STATE = 1024, 512


def blueprint(hosted: VerifyPageSettings, *, brand: str) -> Blueprint:
    """Build the page that *hosted* describes, with the name *brand* on it."""
    bp = pages.blueprint("verify", forms_to=hosted.return_origins)
    sheet = Sheet(brand=brand, logo=hosted.logo is not None)
    steps = Steps(hosted.return_origins)

    @bp.get("/verify")
    def page() -> ResponseReturnValue:
        visit, words = Visit(session), _words()
        if "return_url" in request.args:
            back = Back(request.args["return_url"], request.args.get("state", ""))
            if not _is_allowed(back, hosted.return_origins):
                visit.end()
                return sheet.draw(visit, words, _wrong("bad_return", words))
            visit.came_from(back)
        return sheet.draw(visit, words, Said())

    @bp.post("/verify")
    def step() -> ResponseReturnValue:
        visit, words = Visit(session), _words()
        if not visit.brings(request.form.get("token", "")):
            return sheet.draw(visit, words, _wrong("old_form", words))
        try:
            found = steps.take(request.form.get("step", ""), visit, words)
        except OTPError as error:
            if isinstance(error, VerificationNotFound):
                visit.begin_again()
            return sheet.draw(visit, words, _explain(error, words))
        match found:
            case Approval():
                return sheet.draw(visit, words, Said(), found)
            case Said():
                return sheet.draw(visit, words, found)
            case _:
                return redirect(url_for(".page"), 303)

    return bp


def answer(error: Exception) -> ResponseReturnValue:
    """Say to a person that something went wrong; see `responses.install`."""
    known = isinstance(error, HTTPException) and error.code
    status = HTTPStatus(known or HTTPStatus.INTERNAL_SERVER_ERROR)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        log.error("unexpected error", exc_info=error)
    g.error = "internal_error" if status >= HTTPStatus.INTERNAL_SERVER_ERROR else None
    response = make_response(Sheet(brand="", logo=False).apologize(_words()), status)
    return pages.guard(response)


def _is_allowed(back: Back, origins: Sequence[str]) -> bool:
    """Whether a person may go back there, with a *state* to be known again by."""
    short = len(back.url) <= _LONGEST_URL and 0 < len(back.state) <= _LONGEST_STATE
    plain = back.url.isascii() and back.url.isprintable() and " " not in back.url
    return short and plain and origin_of(back.url) in origins


def _wrong(key: str, words: Texts) -> Said:
    g.error = key
    return Said(words.say(key), HTTPStatus.BAD_REQUEST)


def _words() -> Texts:
    if (locale := request.args.get("locale")) in texts.ALL:
        session["locale"] = locale
    return texts.choose(session.get("locale"), request.accept_languages)


def _explain(error: OTPError, words: Texts) -> Said:
    key = error.name if error.name in words.words else "unavailable"
    g.error = error.name
    if isinstance(error, RateLimited):
        g.limit = error.limit
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
