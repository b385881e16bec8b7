"""Rendering of the verify page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from flask import render_template
from flask.typing import ResponseReturnValue

from otp_engine.api import context
from otp_engine.errors import VerificationNotFound
from otp_engine.web.session import Completed, VerifySession
from otp_engine.web.translations import TRANSLATIONS, Translations


@dataclass(frozen=True, slots=True)
class Notice:
    """The message at the top of the page, and the response's status and headers.

    Attributes:
        text: The message; empty for none.
        status: The HTTP status.
        success: Whether the message is a confirmation instead of an error.
        headers: More headers of the response.
    """

    text: str = ""
    status: int = 200
    success: bool = False
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifyPage:
    """The page.

    Attributes:
        brand: The name on the page.
        logo: Whether a logo is shown beside the name.
    """

    brand: str
    logo: bool

    def render(
        self,
        session: VerifySession,
        translations: Translations,
        notice: Notice,
        completed: Completed | None = None,
    ) -> ResponseReturnValue:
        """Render the step of *session*, or its completion.

        Args:
            session: The state of the person.
            translations: The texts.
            notice: The message about the last request.
            completed: The verification that was just approved, if one was.

        Returns:
            The response.
        """
        masked = _masked_number(session.handle)
        step = "done" if completed else "code" if masked else "number"
        target = session.return_target
        html = render_template(
            "verify.html",
            step=step,
            brand=self.brand,
            logo=self.logo,
            translations=translations,
            languages=TRANSLATIONS.values(),
            notice=notice,
            csrf_token=session.csrf_token,
            masked=masked,
            code_length=context.get_dependencies().policy.code_length,
            resend_after=session.resend_after,
            completed=completed,
            return_origin=origin_of(target.url) if target else None,
        )
        headers = dict(notice.headers)
        if step == "code":
            headers["OTP-Resend-After"] = str(session.resend_after)
        return html, notice.status, headers

    def render_error(self, translations: Translations) -> str:
        """Render the page without a form, after an unexpected error.

        Args:
            translations: The texts.

        Returns:
            The HTML.
        """
        notice = Notice(translations.get("unavailable"))
        return render_template(
            "verify.html",
            step="none",
            brand=self.brand,
            translations=translations,
            notice=notice,
        )


def origin_of(url: str) -> str | None:
    """Return the origin of *url* (RFC 6454), or None if it is malformed."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    return f"{parts.scheme}://{parts.netloc}".lower()


def _masked_number(handle: str | None) -> str | None:
    """Return the masked number of *handle*, or None if it is not valid."""
    try:
        return context.get_dependencies().parse_handle(handle or "").number.masked
    except VerificationNotFound:
        return None
