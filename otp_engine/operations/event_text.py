"""Events in words, for lines of text and rows of a page."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from otp_engine.domain.events import Event
from otp_engine.domain.money import amounts
from otp_engine.operations.event_fields import SHORT_HASH, to_dict
from otp_engine.store.events.codec import kind_of

_MAX_RULE_NAME = 24


class Severity(StrEnum):
    """How an event differs from the usual ones."""

    GOOD = "good"
    WARNING = "warning"
    BAD = "bad"
    CHANGE = "change"


_SEVERITIES = {
    "approved": Severity.GOOD,
    "delivered": Severity.GOOD,
    "read": Severity.GOOD,
    "failed_check": Severity.WARNING,
    "not_found": Severity.WARNING,
    "refused": Severity.WARNING,
    "max_attempts_reached": Severity.BAD,
    "rejected": Severity.BAD,
    "unavailable": Severity.BAD,
    "undelivered": Severity.BAD,
    "policy": Severity.CHANGE,
    "limit_near": Severity.WARNING,
    "budget": Severity.WARNING,
    "suspended": Severity.BAD,
    "pressure": Severity.WARNING,
    "provider_weight": Severity.WARNING,
    "operator_signed_in": Severity.CHANGE,
    "phone_inspected": Severity.CHANGE,
    "phone_data_deleted": Severity.CHANGE,
    "factor_verified": Severity.GOOD,
    "factor_check_failed": Severity.WARNING,
    "factor_approved": Severity.GOOD,
    "challenge_approved": Severity.GOOD,
    "factor_check_refused": Severity.WARNING,
    "factor_unavailable": Severity.BAD,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class RecipientText:
    """The recipient of an event, as operators see it.

    Attributes:
        country: ISO 3166 code; empty for an e-mail address.
        prefix: The first digits of the number; `e-mail` for an e-mail address.
        phone_hash: The first characters of its hash.
        ip_hash: The first characters of the hash of the client IP; `-` without one.
    """

    country: str
    prefix: str
    phone_hash: str
    ip_hash: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EventDescription:
    """An event in words.

    Attributes:
        kind: Its kind.
        is_shadow: Whether a rule in shadow mode caused it, which refused nothing.
        severity: How it differs from the usual events, if it does.
        recipient: Its recipient, if it has one.
        details: The rest in words.
    """

    kind: str
    is_shadow: bool
    severity: Severity | None
    recipient: RecipientText | None
    details: str


def describe(event: Event) -> EventDescription:
    """Return *event* in words."""
    fields, kind = to_dict(event), kind_of(event)
    has_recipient = "phone_hash" in fields
    return EventDescription(
        kind=kind,
        is_shadow=bool(fields.get("shadow")),
        severity=_SEVERITIES.get(kind),
        recipient=_recipient(fields) if has_recipient else None,
        details=_details(kind, fields),
    )


def _details(kind: str, fields: Mapping[str, Any]) -> str:
    if to_text := _TEXTS.get(kind):
        return to_text(fields)
    if "identity_hash" in fields:
        return _factor_text(fields)
    return _recipient_details(kind, fields)


def _recipient(fields: Mapping[str, Any]) -> RecipientText:
    return RecipientText(
        country=fields["country"][:2],
        prefix=fields["prefix"] or "e-mail",
        phone_hash=fields["phone_hash"][:SHORT_HASH],
        ip_hash=(fields["ip_hash"] or "-")[:SHORT_HASH],
    )


def _policy_text(fields: Mapping[str, Any]) -> str:
    reason = f" ({fields['reason']})" if fields["reason"] else ""
    head = f"version {fields['version']} by {fields['author']}"
    return f"{head}: {fields['change']}{reason}"


def _limit_text(fields: Mapping[str, Any]) -> str:
    name = f"{fields['limit']} {fields['identifier']}".rstrip()
    return f"{name}: {fields['used']} of {fields['count']}/{fields['period']}"


def _budget_text(fields: Mapping[str, Any]) -> str:
    subject = f"the share of {fields['country']}" if fields["country"] else "the budget"
    spent, amount = map(amounts.format_amount, (fields["spent"], fields["amount"]))
    return f"{fields['level']} % of {subject}: {spent} of {amount} {fields['currency']}"


def _weight_text(fields: Mapping[str, Any]) -> str:
    step = f"{fields['channel']}:{fields['provider']}"
    evidence = {
        "slow": f", {fields['slow_share']:.0%} of {fields['messages']} late",
        "errors": f", {fields['errors']} in a minute",
    }.get(fields["reason"], "")
    change = f"{fields['previous']} % to {fields['weight']} %"
    return f"{step}: {change}: {fields['reason']}{evidence}"


def _sign_in_text(fields: Mapping[str, Any]) -> str:
    ip_hash = (fields["ip_hash"] or "-")[:SHORT_HASH]
    return f"{fields['operator']} by {fields['method']} from {ip_hash}"


def _place_text(fields: Mapping[str, Any]) -> str:
    text = f"{fields['level']} {fields['prefix']}: {fields['unproven']:.1f} unproven"
    if "until" not in fields:
        return text
    until = datetime.fromisoformat(fields["until"])
    return f"{text}, until {until:%m-%d %H:%MZ}, trip {fields['trips']}"


def _factor_text(fields: Mapping[str, Any]) -> str:
    """Return the text of an event of a factor: its identity, its SID and the rest."""
    left = fields.get("attempts_remaining")
    words = [
        f"identity {fields['identity_hash'][:SHORT_HASH]}",
        (fields.get("factor_sid") or "")[: SHORT_HASH + 2],
        fields["client_name"],
        fields.get("method") or fields.get("limit") or fields.get("reason"),
        None if left is None else f"attempts left: {left}",
    ]
    return "  ".join(word for word in words if word)


def _recipient_details(kind: str, fields: Mapping[str, Any]) -> str:
    verification = (fields.get("verification_id") or "")[:SHORT_HASH]
    match kind:
        case "sent" if not fields["confirmed"]:
            words = ["unconfirmed", fields["channel"]]
        case "sent":
            words = [
                _step(fields),
                "fallback" if fields["is_fallback"] else fields["locale"],
            ]
        case "failed_check":
            words = [f"attempts left: {fields['attempts_remaining']}"]
        case "rejected":
            words = [fields["provider_error"], fields["error"]]
        case "undelivered":
            words = [_step(fields), fields["provider_error"]]
        case "delivered" | "read":
            words = [_step(fields)]
        case "refused":
            words = [fields["action"], _cut(fields["limit"])]
        case "phone_inspected" | "phone_data_deleted":
            words = [f"by {fields['operator']}", fields["source"]]
        case "unavailable":
            words = [fields["action"], fields["reason"]]
        case _:
            words = [fields.get("channel")]
    text = " ".join(str(word) for word in words if word)
    return f"{verification}  {text}" if verification else text


def _step(fields: Mapping[str, Any]) -> str:
    """Return the step of a message; only its channel in events of older releases."""
    channel, provider = fields["channel"], fields["provider"]
    return f"{channel}:{provider}" if provider else str(channel)


def _cut(rule: str) -> str:
    """Return the name of a rule; the SID of a bucket is longer than the others."""
    return rule if len(rule) <= _MAX_RULE_NAME else f"{rule[: SHORT_HASH + 2]}…"


_TEXTS: dict[str, Callable[[Mapping[str, Any]], str]] = {
    "policy": _policy_text,
    "limit_near": _limit_text,
    "budget": _budget_text,
    "provider_weight": _weight_text,
    "operator_signed_in": _sign_in_text,
    "suspended": _place_text,
    "pressure": _place_text,
}
"""The words of the kinds without a recipient and an identity."""
