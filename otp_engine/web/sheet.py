"""How the page looks at each step of a person's way."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from flask import render_template
from flask.typing import ResponseReturnValue

from otp_engine.api import context
from otp_engine.errors import VerificationNotFound
from otp_engine.web import texts
from otp_engine.web.texts import Texts
from otp_engine.web.visit import Approval, Visit


@dataclass(frozen=True, slots=True)
class Said:
    """What the page has to say about what was just asked of it."""

    words: str = ""
    status: int = 200
    good: bool = False
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """The page.

    Attributes:
        brand: The name on it.
        logo: Whether there is a picture beside that.
    """

    brand: str
    logo: bool

    def draw(
        self, visit: Visit, words: Texts, said: Said, approval: Approval | None = None
    ) -> ResponseReturnValue:
        """Draw the step that *visit* is at, or its *approval*, and what is *said*."""
        masked = _masked(visit.handle)
        step = "done" if approval else "code" if masked else "number"
        html = render_template(
            "verify.html",
            step=step,
            brand=self.brand,
            logo=self.logo,
            words=words,
            languages=texts.ALL.values(),
            said=said,
            token=visit.token,
            masked=masked,
            length=context.current().policy.code_length,
            resend_after=visit.resend_after,
            approval=approval,
            back=origin_of(visit.back.url) if visit.back else None,
        )
        headers = dict(said.headers)
        if step == "code":
            headers["OTP-Resend-After"] = str(visit.resend_after)
        return html, said.status, headers

    def apologize(self, words: Texts) -> str:
        """Draw no step at all: something went wrong."""
        said = Said(words.say("unavailable"))
        return render_template(
            "verify.html", step="none", brand=self.brand, words=words, said=said
        )


def origin_of(url: str) -> str | None:
    """The origin of *url*; none, if it is no URL."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    return f"{parts.scheme}://{parts.netloc}".lower()


def _masked(handle: str | None) -> str | None:
    """Mask the number of the verification that a visit is at."""
    try:
        return context.current().handle(handle or "").number.masked
    except VerificationNotFound:
        return None
