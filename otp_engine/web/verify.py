"""`/verify`: verify a phone number in a browser.

The page consists of plain forms and works without scripts. `verify.js` only saves page
loads and typing.
"""

from __future__ import annotations

import logging
from http import HTTPStatus

from flask import (
    Blueprint,
    Response,
    g,
    make_response,
    redirect,
    request,
    session,
    url_for,
)
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import BadHost, HTTPException

from otp_engine.api import error_handlers, return_target
from otp_engine.api.error_handlers import ErrorHandler
from otp_engine.config.verify_page import VerifyPageSettings
from otp_engine.errors import InvalidReturnTarget, Unavailable
from otp_engine.web import notices, page_channels, page_language, security_headers
from otp_engine.web.actions import VerifyActions
from otp_engine.web.factor_checks import FACTOR, FactorChecks
from otp_engine.web.notices import Notice
from otp_engine.web.render import VerifyPage, split_sentences
from otp_engine.web.session import Completed, VerifySession
from otp_engine.web.translations import Translations

log = logging.getLogger(__name__)


def blueprint(hosted: VerifyPageSettings, verify_page: VerifyPage) -> Blueprint:
    """Build the page.

    Args:
        hosted: The settings of the page.
        verify_page: Renders the page.

    Returns:
        The blueprint `verify`.
    """
    bp = security_headers.blueprint("verify", forms_to=hosted.return_origins)
    bp.add_app_template_filter(split_sentences)
    bp.add_app_template_filter(page_channels.send_by)
    actions = VerifyActions(hosted.return_origins)
    factor_checks = FactorChecks(verify_page, actions, hosted.return_origins)

    @bp.get("/verify", strict_slashes=False)
    def page() -> ResponseReturnValue:
        state = VerifySession(session)
        translations = page_language.choose(request.args.get("locale"))
        try:
            target = return_target.parse(request.args, hosted.return_origins)
        except InvalidReturnTarget as error:
            state.clear()
            log.warning("a link to /verify is rejected: %s", error.message)
            return verify_page.render_refusal(error, translations)
        if target:
            state.start_for(target)
        if _is_of_factor():
            return verify_page.guard(factor_checks.show, state, translations)
        return verify_page.render(state, translations, Notice())

    @bp.post("/verify")
    def act() -> ResponseReturnValue:
        # A session that has expired has no language any more.
        form, state = request.form, VerifySession(session)
        translations = page_language.choose(form.get("locale"))
        if _is_of_factor():
            return verify_page.guard(factor_checks.act, state, translations)
        if expired := notices.for_expired_form(state, translations):
            return verify_page.render(state, translations, expired, typed=form)
        match actions.dispatch(form.get("step", ""), state, translations):
            case Completed() as completed:
                return verify_page.render(state, translations, Notice(), completed)
            case Notice() as notice:
                return verify_page.render(state, translations, notice, typed=form)
            case _:
                return redirect(url_for(".page"), 303)

    return bp


def error_handler(verify_page: VerifyPage) -> ErrorHandler:
    """Return the handler of exceptions that no view of the page handled.

    Args:
        verify_page: Renders the page.
    """

    def handle(error: Exception) -> ResponseReturnValue:
        """Render a page with the status of an `HTTPException`, otherwise 500."""
        if isinstance(error, BadHost):
            # Flask builds no URL for such a request, and the page contains several.
            return error_handlers.handle(error)
        code = isinstance(error, HTTPException) and error.code
        status = HTTPStatus(code or HTTPStatus.INTERNAL_SERVER_ERROR)
        translations = page_language.choose(request.args.get("locale"))
        notice = Notice(translations.get(Unavailable.error_code), status)
        response = make_response(verify_page.render_error(translations, notice), status)
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            log.error("unexpected error", exc_info=error)
            g.error = "internal_error"
            response = _form_again(verify_page, translations, notice) or response
        return security_headers.apply(response)

    return handle


def _form_again(
    verify_page: VerifyPage, translations: Translations, notice: Notice
) -> Response | None:
    """Return the form with what the person typed; None if it cannot be rendered."""
    if request.endpoint != "verify.act" or _is_of_factor():
        return None
    try:
        return make_response(
            verify_page.render(
                VerifySession(session), translations, notice, typed=request.form
            )
        )
    except Exception:
        log.exception("the form of an error page failed")
        return None


def _is_of_factor() -> bool:
    return request.args.get("factor") == FACTOR
