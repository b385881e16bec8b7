"""The embedded page: the pages of `/verify` in a frame of an application.

The drop-in opens them with the parameter `embed`, which names the origin of the
application. Only pages of that origin can show the response, and only they get the
proof token. The session of an embedded page is in a cookie of its own: a browser has
one for each site that embeds the page, beside the one of the page in a window.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode

from flask import Blueprint, g, redirect, request, session
from flask.typing import ResponseReturnValue
from werkzeug.wrappers import Request

from otp_engine.api.return_target import ReturnTarget, origin_of
from otp_engine.errors import InvalidReturnTarget
from otp_engine.web import page_language
from otp_engine.web.render import VerifyPage
from otp_engine.web.security_headers import EMBEDDER
from otp_engine.web.session import VerifySession

log = logging.getLogger(__name__)

PARAMETER = "embed"
COOKIE_SUFFIX = "_embedded"
_PROBE = "probe"
_KEPT = (PARAMETER, "return_url", "state")


def is_requested(request: Request) -> bool:
    """Return whether *request* is for an embedded page."""
    return PARAMETER in request.args


def origin() -> str | None:
    """Return the origin that may embed the response; None if no page may."""
    embedder: str | None = g.get(EMBEDDER)
    return embedder


def require_target(target: ReturnTarget | None) -> None:
    """Require that an embedded page returns to the application that embeds it.

    Args:
        target: The return target, if the link has one.

    Raises:
        InvalidReturnTarget: It is of another origin.
    """
    if target and origin() and origin_of(target.url) != origin():
        raise InvalidReturnTarget("The origins of return_url and embed differ.")


def init_blueprint(
    bp: Blueprint, verify_page: VerifyPage, origins: Sequence[str]
) -> None:
    """Let applications embed the pages of *bp*.

    Args:
        bp: The blueprint.
        verify_page: Renders the page.
        origins: The origins of the applications.
    """

    @bp.before_request
    def read_embedder() -> ResponseReturnValue | None:
        if not is_requested(request):
            return None
        try:
            setattr(g, EMBEDDER, _parse(request.args.getlist(PARAMETER), origins))
        except InvalidReturnTarget as error:
            log.warning("a link to an embedded page is rejected: %s", error.message)
            translations = page_language.choose(request.args.get("locale"))
            return verify_page.render_refusal(error, translations)
        state = VerifySession(session)
        if state.return_origin not in {None, origin()}:
            # Two applications of one site share the cookie.
            state.clear()
        return _require_cookie(verify_page)

    @bp.url_defaults
    def keep_parameters(_: str, values: dict[str, Any]) -> None:
        if origin():
            for name in _KEPT:
                if name in request.args:
                    values.setdefault(name, request.args[name])


def _parse(values: Sequence[str], origins: Sequence[str]) -> str:
    [embedder, *others] = values
    if others:
        raise InvalidReturnTarget("The parameter embed occurs more than once.")
    if embedder not in origins:
        raise InvalidReturnTarget(
            "The parameter embed is not an origin in OTP_RETURN_ORIGINS: scheme, host"
            " and port must be equal."
        )
    return embedder


def _require_cookie(verify_page: VerifyPage) -> ResponseReturnValue | None:
    """Find out whether the browser keeps the cookie, before the person types anything.

    Returns:
        A redirect to the same page with the cookie, or without a cookie after that a
        link to the page in a window; None if the request has the cookie.
    """
    if request.method != "GET" or session.get("embedded"):
        return None
    if _PROBE in request.args:
        translations = page_language.choose(request.args.get("locale"))
        return verify_page.render_blocked(translations, _window_link())
    session["embedded"] = True
    query = request.query_string.decode("latin-1")
    return redirect(f"{_path()}?{query}&{_PROBE}=1", 303)


def _path() -> str:
    return f"{request.script_root}{request.path}"


def _window_link() -> str:
    """Return the link to the same page in a window."""
    items = request.args.items(multi=True)
    left_out = {PARAMETER, _PROBE}
    query = urlencode([each for each in items if each[0] not in left_out])
    return f"{_path()}?{query}"
