"""`/v2/Templates`: the two texts there are, in every language."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from flask import Blueprint, g, request
from flask.typing import ResponseReturnValue

from otp_engine.api.verify_v2 import dates, pages
from otp_engine.domain import messages

bp = Blueprint("templates", __name__)

_ORDINARY = "en"


@dataclass(frozen=True, slots=True)
class _Template:
    sid: str
    name: str
    warned: bool
    created: datetime = datetime(2026, 1, 1, tzinfo=UTC)


_TEMPLATES = [
    _Template("HJ00000000000000000000000000000001", "Code", warned=False),
    _Template("HJ00000000000000000000000000000002", "Code, do not share", warned=True),
]


@bp.get("/Templates")
def page() -> ResponseReturnValue:
    """List the texts, or those of a name."""
    wanted = request.args.get("FriendlyName")
    found = [one for one in _TEMPLATES if wanted in {None, one.name}]
    return pages.of(found, "templates", shape=_shape, name=lambda one: one.sid)


def known(sid: str) -> str:
    """Read the sid of a text that there is.

    Raises:
        ValueError: There is none of that sid.
    """
    warned(sid)
    return sid


def warned(sid: str) -> bool:
    """Whether the text of that sid asks not to share the code.

    Raises:
        ValueError: There is none of that sid.
    """
    for one in _TEMPLATES:
        if one.sid == sid:
            return one.warned
    raise ValueError(sid)


def _shape(template: _Template) -> dict[str, Any]:
    return {
        "sid": template.sid,
        "account_sid": g.account,
        "friendly_name": template.name,
        "channels": ["sms"],
        "translations": {
            language: {
                "is_default_translation": language == _ORDINARY,
                "status": "approved",
                "locale": language,
                "text": messages.template(language, warned=template.warned),
                "date_created": dates.seconds(template.created),
                "date_updated": dates.seconds(template.created),
            }
            for language in sorted(messages.LOCALES)
        },
    }
