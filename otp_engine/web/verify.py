"""`/verify`: verify a phone number in a browser.

The page consists of plain forms and works without scripts. `page.js` only saves page
loads and typing.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from functools import partial
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
from otp_engine.web import (
    embedding,
    notices,
    page_channels,
    page_language,
    security_headers,
)
from otp_engine.web.enrollments import EnrollmentPage
from otp_engine.web.factor_checks import FACTOR, FactorChecks
from otp_engine.web.notices import Notice
from otp_engine.web.render import VerifyPage, split_sentences
from otp_engine.web.session import Completed, VerifySession
from otp_engine.web.translations import Translations

log = logging.getLogger(__name__)


def blueprint(hosted: VerifyPageSettings, factor_checks: FactorChecks) -> Blueprint:
    """Build the page.

    Args:
        hosted: The settings of the page.
        factor_checks: The page that checks an authenticator.

    Returns:
        The blueprint `verify`.
    """
    bp = security_headers.blueprint("verify", forms_to=hosted.return_origins)
    verify_page, actions = factor_checks.verify_page, factor_checks.actions
    embedding.init_blueprint(bp, verify_page, hosted.return_origins)
    bp.add_app_template_filter(split_sentences)
    bp.add_app_template_filter(page_channels.send_by)

    refuse_or_start = partial(_refuse_or_start, verify_page, hosted.return_origins)

    @bp.get("/verify", strict_slashes=False)
    def page() -> ResponseReturnValue:
        state = VerifySession(session)
        translations = page_language.choose(request.args.get("locale"))
        if refusal := refuse_or_start(state, translations):
            return refusal
        if _is_of_factor():
            return verify_page.guard(factor_checks.show, state, translations)
        return verify_page.render(state, translations, Notice())

    @bp.post("/verify")
    def act() -> ResponseReturnValue:
        # A session that has expired has no language any more.
        form, state = request.form, VerifySession(session)
        translations = page_language.choose(form.get("locale"))
        # Another window of the application can have started a verification since.
        if embedding.origin() and (refusal := refuse_or_start(state, translations)):
            return refusal
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


def _refuse_or_start(
    verify_page: VerifyPage,
    origins: Sequence[str],
    state: VerifySession,
    translations: Translations,
) -> ResponseReturnValue | None:
    """Start the verification of the link; return the page of its error, if it has one.

    Args:
        verify_page: Renders the page.
        origins: The origins that the page may return to.
        state: The state of the person.
        translations: The texts.
    """
    try:
        target = return_target.parse(request.args, origins)
        embedding.require_target(target)
    except InvalidReturnTarget as error:
        state.clear()
        log.warning("a link to /verify is rejected: %s", error.message)
        return verify_page.render_refusal(error, translations)
    if target:
        state.start_for(target)
    return None


def error_handler(
    factor_checks: FactorChecks, enrollments: EnrollmentPage
) -> ErrorHandler:
    """Return the handler of exceptions that no view of the page handled.

    Args:
        factor_checks: The page that checks an authenticator.
        enrollments: The page that enrolls one.
    """
    verify_page = factor_checks.verify_page

    def show_form(translations: Translations, notice: Notice) -> Response | None:
        """Return the form with what the person typed, if a form was submitted."""
        state = VerifySession(session)
        match request.endpoint:
            case "verify.act" if _is_of_factor():
                return make_response(factor_checks.show(state, translations, notice))
            case "verify.act":
                return make_response(
                    verify_page.render(state, translations, notice, typed=request.form)
                )
            case "linked_pages.activate":
                return make_response(enrollments.show(state, translations, notice))
            case _:
                return None

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
            try:
                response = show_form(translations, notice) or response
            except Exception:
                log.exception("the form of an error page failed")
        return security_headers.apply(response)

    return handle


def _is_of_factor() -> bool:
    return request.args.get("factor") == FACTOR
