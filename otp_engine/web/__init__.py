"""Pages for people: an inbox, a verification, and the reference of the API."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from flask import Flask

from otp_engine.api.responses import Answer
from otp_engine.config import Settings
from otp_engine.crypto.pepper import Pepper
from otp_engine.domain.inbox import Letter
from otp_engine.web import assets, inbox, reference, verify


def faces(settings: Settings) -> dict[str, Answer]:
    """What answers the errors of the pages, by how a path begins."""
    return {"/verify": verify.answer} if settings.hosted.verify else {}


def install(
    app: Flask, settings: Settings, letters: Callable[[], list[Letter]]
) -> None:
    """Give *app* the pages that *settings* ask for.

    Args:
        app: Whose.
        settings: What the operator decided.
        letters: What is in the inbox, newest first.
    """
    hosted = settings.hosted
    app.register_blueprint(assets.blueprint(hosted))
    app.register_blueprint(reference.blueprint())
    if settings.inbox:
        page = inbox.blueprint(letters, _now, verify=hosted.verify)
        app.register_blueprint(page)
    if hosted.verify:
        _remember(app, settings.peppers, settings.public_url)
        page = verify.blueprint(hosted, brand=settings.brand)
        app.register_blueprint(page)


def _now() -> datetime:
    return datetime.now(UTC)


def _remember(app: Flask, peppers: Sequence[Pepper], public_url: str | None) -> None:
    """Let browsers keep a person's way, in a cookie that only *peppers* can sign."""
    current, *previous = (pepper.derive_key("cookie") for pepper in peppers)
    app.secret_key = current
    app.config.update(
        SECRET_KEY_FALLBACKS=previous,
        SESSION_COOKIE_NAME="otp_verify",
        SESSION_COOKIE_PATH="/verify",
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_SECURE=(public_url or "").startswith("https://"),
    )
