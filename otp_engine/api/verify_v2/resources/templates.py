"""`/v2/Templates`: the two message templates, in every language."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from flask import Blueprint, g, request
from flask.typing import ResponseReturnValue

from otp_engine.api.verify_v2 import wire
from otp_engine.api.verify_v2.pagination import paginate
from otp_engine.domain.messages import sms
from otp_engine.domain.messages.languages import LOCALES

bp = Blueprint("templates", __name__)

_DEFAULT_LANGUAGE = "en"


@dataclass(frozen=True, slots=True)
class _Template:
    sid: str
    name: str
    do_not_share_warning: bool
    created_at: datetime = datetime(2026, 1, 1, tzinfo=UTC)


_TEMPLATES = {
    template.sid: template
    for template in (
        _Template(f"HJ{1:032}", "Code", do_not_share_warning=False),
        _Template(f"HJ{2:032}", "Code, do not share", do_not_share_warning=True),
    )
}


@bp.get("/Templates")
def list_() -> ResponseReturnValue:
    """Return the templates, or those with the `FriendlyName` of the query."""
    name = request.args.get("FriendlyName")
    templates = [
        template
        for template in _TEMPLATES.values()
        if not name or name == template.name
    ]
    return paginate(
        templates, "templates", serialize=serialize, name=lambda item: item.sid
    )


def parse_sid(text: str) -> str:
    """Parse the SID of a template.

    Raises:
        ValueError: There is no such template.
    """
    has_warning(text)
    return text


def has_warning(sid: str) -> bool:
    """Return whether a template warns against sharing the code.

    Raises:
        ValueError: There is no such template.
    """
    if (template := _TEMPLATES.get(sid)) is None:
        raise ValueError(f"must be the SID of a template: {sid!r}")
    return template.do_not_share_warning


def serialize(template: _Template) -> dict[str, Any]:
    """Return the body of a template."""
    created = wire.format_seconds(template.created_at)
    return {
        "sid": template.sid,
        "account_sid": g.account,
        "friendly_name": template.name,
        "channels": ["sms"],
        "translations": {
            language: {
                "is_default_translation": language == _DEFAULT_LANGUAGE,
                "status": "approved",
                "locale": language,
                "text": sms.render_placeholder(
                    language, do_not_share_warning=template.do_not_share_warning
                ),
                "date_created": created,
                "date_updated": created,
            }
            for language in sorted(LOCALES)
        },
    }
