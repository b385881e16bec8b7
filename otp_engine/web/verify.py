"""`/verify`: verify a phone number in a browser.

The page consists of plain forms and works without scripts. `verify.js` only saves page
loads and typing.
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

from otp_engine.api import error_handlers, response_headers
from otp_engine.config.verify_page import VerifyPageSettings
from otp_engine.errors import (
    InvalidPhone,
    LimitExceeded,
    NumberTypeNotAllowed,
    OTPError,
    RateLimited,
    Unavailable,
    VerificationNotFound,
)
from otp_engine.web import security_headers
from otp_engine.web.actions import VerifyActions
from otp_engine.web.render import Notice, VerifyPage, origin_of
from otp_engine.web.session import Completed, ReturnTarget, VerifySession
from otp_engine.web.translations import TRANSLATIONS, Translations, negotiate

log = logging.getLogger(__name__)

_MINUTE, _HOUR = 60, 3600
_MAX_URL, _MAX_STATE = 1024, 512  # characters


def blueprint(hosted: VerifyPageSettings, *, brand: str) -> Blueprint:
    """Build the page.

    Args:
        hosted: The settings of the page.
        brand: The name on the page.

    Returns:
        The blueprint `verify`.
    """
    bp = security_headers.blueprint("verify", forms_to=hosted.return_origins)
    verify_page = VerifyPage(brand=brand, logo=hosted.logo is not None)
    actions = VerifyActions(hosted.return_origins)

    @bp.get("/verify")
    def page() -> ResponseReturnValue:
        state, translations = VerifySession(session), _translations()
        if "return_url" in request.args:
            args = request.args
            target = ReturnTarget(args["return_url"], args.get("state", ""))
            if not _is_allowed(target, hosted.return_origins):
                state.clear()
                notice = _bad_request("invalid_return_url", translations)
                return verify_page.render(state, translations, notice)
            state.start_for(target)
        return verify_page.render(state, translations, Notice())

    @bp.post("/verify")
    def act() -> ResponseReturnValue:
        state, translations = VerifySession(session), _translations()
        if not state.csrf_valid(request.form.get("csrf_token", "")):
            notice = _bad_request("expired_form", translations)
            return verify_page.render(state, translations, notice)
        try:
            name = request.form.get("step", "")
            result = actions.dispatch(name, state, translations)
        except OTPError as error:
            if isinstance(error, VerificationNotFound):
                state.reset_number()
            notice = _notice_for(error, translations)
            return verify_page.render(state, translations, notice)
        match result:
            case Completed():
                return verify_page.render(state, translations, Notice(), result)
            case Notice():
                return verify_page.render(state, translations, result)
            case _:
                return redirect(url_for(".page"), 303)

    return bp


def handle_error(error: Exception) -> ResponseReturnValue:
    """Render an error page for an exception that no view handled.

    Args:
        error: The exception, an `HTTPException` or a bug.

    Returns:
        The response, with the status of an `HTTPException`, otherwise 500.
    """
    code = isinstance(error, HTTPException) and error.code
    status = HTTPStatus(code or HTTPStatus.INTERNAL_SERVER_ERROR)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        log.error("unexpected error", exc_info=error)
    g.error = "internal_error" if status >= HTTPStatus.INTERNAL_SERVER_ERROR else None
    html = VerifyPage(brand="", logo=False).render_error(_translations())
    return security_headers.apply(make_response(html, status))


def _is_allowed(target: ReturnTarget, origins: Sequence[str]) -> bool:
    """Return whether *target* has an allowed origin, and a state of a valid length."""
    url, state = target.url, target.state
    short = len(url) <= _MAX_URL and 0 < len(state) <= _MAX_STATE
    plain = url.isascii() and url.isprintable() and " " not in url
    return short and plain and origin_of(url) in origins


def _bad_request(key: str, translations: Translations) -> Notice:
    g.error = key
    return Notice(translations.get(key), HTTPStatus.BAD_REQUEST)


def _translations() -> Translations:
    if (locale := request.args.get("locale")) in TRANSLATIONS:
        session["locale"] = locale
    return negotiate(session.get("locale"), request.accept_languages)


def _notice_for(error: OTPError, translations: Translations) -> Notice:
    key = (
        error.error_code if error.error_code in translations.strings else "unavailable"
    )
    g.error = error.error_code
    if isinstance(error, RateLimited):
        g.limit = error.limit
    wait, headers = "", {}
    if isinstance(error, LimitExceeded | Unavailable):
        rule = isinstance(error, LimitExceeded)
        seconds = response_headers.retry_after(error.retry_after, rule=rule)
        wait = _format_wait(int(seconds), translations)
        headers = {"Retry-After": seconds}
    text = translations.get(key, wait=wait)
    if isinstance(error, InvalidPhone | NumberTypeNotAllowed) and error.example:
        text += " " + translations.get("number_example", example=error.example)
    return Notice(text, error_handlers.status_of(error), headers=headers)


def _format_wait(seconds: int, translations: Translations) -> str:
    if seconds > _HOUR:
        return translations.get("hours", n=-(-seconds // _HOUR))
    if seconds > _MINUTE:
        return translations.get("minutes", n=-(-seconds // _MINUTE))
    return translations.get("seconds", n=seconds)
