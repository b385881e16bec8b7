"""Page links of dev mode, which the start page leads to: no client has to run."""

from __future__ import annotations

import secrets

from flask import Blueprint, redirect, session
from flask.typing import ResponseReturnValue

from otp_engine.api import context, page_links
from otp_engine.domain.page_links import LINK_TTL, LinkedPage, PageLink
from otp_engine.web import page_language
from otp_engine.web.render import VerifyPage
from otp_engine.web.session import VerifySession
from otp_engine.web.translations import Translations

IDENTITY = "dev-person"
"""The identity of the links."""


def blueprint(verify_page: VerifyPage) -> Blueprint:
    """Build the views below `/dev/authenticator`.

    Args:
        verify_page: Renders errors.

    Returns:
        The blueprint `dev_links`.
    """
    bp = Blueprint("dev_links", __name__)

    @bp.get("/dev/authenticator/<any(enroll, verify):page>")
    def open_page(page: str) -> ResponseReturnValue:
        def show(_state: VerifySession, _texts: Translations) -> ResponseReturnValue:
            api = context.get_dependencies()
            link = PageLink(
                id=secrets.token_hex(16),
                page=LinkedPage(page),
                service=api.auth_service.sid,
                identity=IDENTITY,
                expires_at=int((api.utcnow() + LINK_TTL).timestamp()),
            )
            return redirect(page_links.url_of(api, link), 303)

        return verify_page.guard(
            show, VerifySession(session), page_language.choose(None)
        )

    return bp
