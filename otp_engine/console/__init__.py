"""The console: the operators' web pages at `/console`.

It is imported only where it is enabled, so that other services start without it.
"""

from __future__ import annotations

from collections.abc import Callable

from flask import Blueprint, Flask, Response

from otp_engine.config import Settings
from otp_engine.console import events, guard, overview, phone, policy, sign_in
from otp_engine.console.access import Access
from otp_engine.console.console import Console
from otp_engine.console.cookies import TokenCookie
from otp_engine.domain.events import EventListener
from otp_engine.domain.policy.policy import Policy
from otp_engine.operations.context import OperatorContext
from otp_engine.operations.times import format_time
from otp_engine.store.redis_store import RedisStore
from otp_engine.web import security_headers

PATH = "/console"
_PAGES = (overview, policy, guard, events, phone, sign_in)


def build(
    settings: Settings,
    store: RedisStore,
    *,
    emit: EventListener,
    current_policy: Callable[[], Policy],
    count_failure: Callable[[str], None],
) -> Console:
    """Build what the pages have in common.

    Args:
        settings: The settings of the service.
        store: The store of the service.
        emit: Receives the events of operators.
        current_policy: Returns the live policy.
        count_failure: As for `Access`.
    """
    public_url = settings.public_url
    access = Access(
        settings=settings.console,
        sessions=store.console_sessions,
        cookie=TokenCookie(
            public_path=settings.public_path,
            path=PATH,
            is_public_https=(public_url or "").startswith("https:"),
        ),
        emit=emit,
        count_failure=count_failure,
        peppers=settings.peppers,
        public_url=public_url,
    )
    return Console(
        context=OperatorContext.build(settings, store),
        access=access,
        current_policy=current_policy,
    )


def init_app(app: Flask, console: Console) -> None:
    """Register the pages and their assets.

    Args:
        app: The application.
        console: What the pages have in common.
    """
    bp = Blueprint("console", __name__, url_prefix=PATH, template_folder="templates")
    bp.before_request(console.access.guard)
    bp.after_request(console.access.store_cookie)
    bp.after_request(_add_headers)
    bp.add_app_template_filter(format_time, "utc_time")
    for page in _PAGES:
        page.add_to(bp, console)
    app.register_blueprint(bp)
    app.register_blueprint(_assets(console.access))


def _assets(access: Access) -> Blueprint:
    """Return the stylesheets and scripts, which the sign-in needs too."""
    bp = Blueprint(
        *("console_assets", __name__),
        url_prefix=f"{PATH}/assets",
        static_folder="static",
        static_url_path="",
    )
    bp.before_request(access.require_own_host)

    @bp.after_request
    def forbid_sniffing(response: Response) -> Response:
        response.headers["X-Content-Type-Options"] = "nosniff"
        return response

    return bp


def _add_headers(response: Response) -> Response:
    security_headers.apply(response)
    # Own forms need their origin; no other site learns of the console.
    response.headers["Referrer-Policy"] = "same-origin"
    response.headers["Cross-Origin-Opener-Policy"] = "same-origin"
    response.headers["Cross-Origin-Resource-Policy"] = "same-origin"
    return response
