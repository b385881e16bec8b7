"""The language of a page: what the person selected, else that of the browser."""

from __future__ import annotations

from flask import request, session

from otp_engine.domain.messages import languages
from otp_engine.web.translations import Translations, negotiate


def choose(requested: str | None) -> Translations:
    """Return the texts of this request, and store a selected language.

    Args:
        requested: The BCP 47 tag that the person selected with this request, if any.
    """
    if locale := languages.match(requested or ""):
        session["locale"] = locale
    return negotiate(session.get("locale"), request.accept_languages)
