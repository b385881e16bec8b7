"""`/verify/link` and `/verify/enroll`: the pages that only a page link opens.

An application requests the link, and sends the person there. The link opens once: its
token is in the history of the browser and in the logs of proxies.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from http import HTTPStatus
from typing import TypeAlias

from flask import Blueprint, Response, redirect, request, session, url_for
from flask.typing import ResponseReturnValue

from otp_engine.api import context
from otp_engine.api.page_links import PATH
from otp_engine.api.return_target import ReturnTarget
from otp_engine.domain import page_links
from otp_engine.domain.page_links import LinkedPage
from otp_engine.domain.pending_verifications import IDEMPOTENCY_KEY_BYTES
from otp_engine.errors import PageLinkExpired
from otp_engine.web import embedding, grants, page_language, security_headers
from otp_engine.web.enrollments import EnrollmentPage
from otp_engine.web.factor_checks import FACTOR
from otp_engine.web.render import VerifyPage
from otp_engine.web.session import VerifySession
from otp_engine.web.translations import Translations

_ENROLL = "/verify/enroll"
_CODES = f"{_ENROLL}/recovery-codes.txt"
PATHS = (PATH, _ENROLL, _CODES)
"""The paths of the pages."""

_Show: TypeAlias = Callable[[VerifySession, Translations], ResponseReturnValue]


def blueprint(verify_page: VerifyPage, enrollments: EnrollmentPage) -> Blueprint:
    """Build the pages.

    Args:
        verify_page: Renders errors.
        enrollments: The page of enrollments.

    Returns:
        The blueprint `linked_pages`.
    """
    bp = security_headers.blueprint("linked_pages", forms_to=enrollments.origins)
    embedding.init_blueprint(bp, verify_page, enrollments.origins)

    @bp.get(PATH)
    def open_link() -> ResponseReturnValue:
        return _respond(_open, verify_page)

    @bp.get(_ENROLL)
    def enroll() -> ResponseReturnValue:
        return _respond(enrollments.show, verify_page)

    @bp.post(_ENROLL)
    def activate() -> ResponseReturnValue:
        return _respond(enrollments.act, verify_page)

    @bp.get(_CODES)
    def recovery_codes() -> ResponseReturnValue:
        return _respond(enrollments.download, verify_page)

    return bp


def _respond(show: _Show, verify_page: VerifyPage) -> ResponseReturnValue:
    requested = request.form.get("locale") or request.args.get("locale")
    translations = page_language.choose(requested)
    return verify_page.guard(show, VerifySession(session), translations)


def _open(state: VerifySession, _: Translations) -> ResponseReturnValue:
    """Put what the link grants into the session, and show its page without the token.

    Raises:
        PageLinkExpired: The link has expired, or was opened before.
        InvalidReturnTarget: Another application embeds the page.
    """
    if request.method == "HEAD" or "prefetch" in request.headers.get("Sec-Purpose", ""):
        # A preview must not use up the link.
        return Response(status=HTTPStatus.FORBIDDEN)
    app = context.get_dependencies()
    now = app.utcnow()
    key = app.factors.data_keys.get()
    if key is None:
        raise PageLinkExpired
    link = page_links.parse(request.args.get("token", ""), key, now=now)
    target = ReturnTarget(link.return_url, link.state) if link.return_url else None
    embedding.require_target(target)
    grant = grants.find(state.session)
    if grant is None or grant.link.id != link.id:
        if link.service != app.auth_service.sid or not app.page_links.open(
            link.id,
            idempotency_key=os.urandom(IDEMPOTENCY_KEY_BYTES),
            ttl=link.remaining(now),
        ):
            raise PageLinkExpired
        state.clear()
        if target:
            state.start_for(target)
        grants.store(state.session, grants.start(link))
    if link.page is LinkedPage.ENROLL:
        return redirect(url_for(".enroll"), HTTPStatus.SEE_OTHER)
    return redirect(url_for("verify.page", factor=FACTOR), HTTPStatus.SEE_OTHER)
