"""The check of the WhatsApp templates: whether Twilio has them, and Meta approves them.

Without it, the first message to a recipient finds the problem.
"""

from __future__ import annotations

from http import HTTPStatus

from otp_engine.config import TwilioSettings
from otp_engine.senders.http_client import PooledHttpClient
from otp_engine.senders.twilio_account import TwilioAccount

_APPROVED = "approved"
_CATEGORY = "AUTHENTICATION"


def find_problems(
    settings: TwilioSettings, http: PooledHttpClient | None = None
) -> list[str]:
    """Return a sentence for each template that delivers no codes.

    Args:
        settings: The account, and its templates.
        http: Transports the requests; a new pool by default.
    """
    if not settings.whatsapp:
        return []
    client = http or PooledHttpClient(proxy=settings.proxy)
    account = TwilioAccount(settings, client)
    problems = []
    for locale, sid in settings.whatsapp.content.items():
        path = f"/v1/Content/{sid}/ApprovalRequests"
        request = account.prepare_api("GET", "content", path)
        try:
            response = client.send(request)
        except Exception:  # noqa: BLE001 - whatever the error is, nothing is known
            problem: str | None = "could not be read"
        else:
            problem = _find_problem(response.status, response.json_object())
        if problem:
            problems.append(f"the WhatsApp template of {locale} {problem}")
    return problems


def _find_problem(status: int, document: dict[str, object]) -> str | None:
    """Return the predicate of a sentence about a template; None if it is approved."""
    if status == HTTPStatus.NOT_FOUND:
        return "does not exist in this account of Twilio"
    approval = document.get("whatsapp")
    if status != HTTPStatus.OK or not isinstance(approval, dict):
        return f"could not be read (status {status})"
    if approval.get("status") != _APPROVED:
        return f"is not approved: its status is {approval.get('status')!r}"
    if approval.get("category") != _CATEGORY:
        return f"is of the category {approval.get('category')!r}, not {_CATEGORY}"
    return None
