"""HTML pages: the verify page, the inbox of dev mode, and the API documentation."""

from __future__ import annotations

from datetime import UTC, datetime

from flask import Flask

from otp_engine.api.error_handlers import ErrorHandler
from otp_engine.config import Settings
from otp_engine.domain.messages.inbox import InboxStore
from otp_engine.web import (
    api_docs,
    assets,
    dev_links,
    drop_in,
    home,
    inbox,
    linked_pages,
    verify,
)
from otp_engine.web.actions import VerifyActions
from otp_engine.web.enrollments import EnrollmentPage
from otp_engine.web.factor_checks import FactorChecks
from otp_engine.web.render import VerifyPage


def error_handlers(settings: Settings) -> dict[str, ErrorHandler]:
    """Return the error handlers of the pages, by their paths."""
    own: dict[str, ErrorHandler] = {"/": home.handle_error}
    if settings.verify_page.enabled:
        of_page = verify.error_handler(*_factor_pages(settings))
        own = dict.fromkeys(["/verify", *linked_pages.PATHS], of_page) | own
    return own


def init_app(app: Flask, settings: Settings, messages: InboxStore) -> None:
    """Register the pages that *settings* enable.

    Args:
        app: The application.
        settings: The settings of the service.
        messages: The messages of the inbox.
    """
    hosted = settings.verify_page
    app.register_blueprint(assets.blueprint(hosted))
    app.register_blueprint(api_docs.blueprint(settings.public_url, dev=settings.dev))
    has_links = hosted.enabled and settings.dev and bool(settings.factor_keys)
    pages = home.Pages(
        dev=settings.dev,
        verify=hosted.enabled,
        inbox=settings.inbox,
        authenticator=has_links,
        console=settings.has_console,
    )
    app.register_blueprint(
        home.blueprint(pages, settings.public_url, redirect_to=settings.home_url)
    )
    if settings.inbox:
        page = inbox.blueprint(
            messages, _now, public_url=settings.public_url, verify=hosted.enabled
        )
        app.register_blueprint(page)
    if hosted.enabled:
        _configure_session(app, settings)
        checks, enrollments = _factor_pages(settings)
        verify_page = checks.verify_page
        app.register_blueprint(drop_in.blueprint())
        app.register_blueprint(verify.blueprint(hosted, checks))
        app.register_blueprint(linked_pages.blueprint(verify_page, enrollments))
        if has_links:
            app.register_blueprint(dev_links.blueprint(verify_page))


def _factor_pages(settings: Settings) -> tuple[FactorChecks, EnrollmentPage]:
    page, origins = _verify_page(settings), settings.verify_page.return_origins
    checks = FactorChecks(page, VerifyActions(origins), origins)
    return checks, EnrollmentPage(page, origins)


def _verify_page(settings: Settings) -> VerifyPage:
    return VerifyPage(
        brand=settings.brand,
        logo=settings.verify_page.logo is not None,
        links=settings.verify_page.links,
        default_region=settings.default_region,
        inbox=settings.inbox,
        dev=settings.dev,
    )


def _now() -> datetime:
    return datetime.now(UTC)


def _configure_session(app: Flask, settings: Settings) -> None:
    """Configure the session cookie, signed with keys derived from the peppers."""
    current, *previous = (pepper.derive_key("cookie") for pepper in settings.peppers)
    app.secret_key = current
    app.config.update(
        SECRET_KEY_FALLBACKS=previous,
        SESSION_COOKIE_NAME="otp_verify",
        SESSION_COOKIE_PATH=f"{settings.public_path}/verify",
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_SECURE=(settings.public_url or "").startswith("https://"),
    )
