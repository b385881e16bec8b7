"""Events as text: one line of at most 100 columns, or JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import click

from otp_engine.cli.terminal import printable
from otp_engine.domain.events import Event, RecordedEvent
from otp_engine.domain.money import amounts
from otp_engine.store.events.codec import EVENT_KINDS, flatten, kind_of

SHORT_HASH = 8
"""Characters of a hash or an id in text; `--json` has all of them."""

_MAX_WIDTH = 100
_KIND_WIDTH = max(map(len, EVENT_KINDS))
_PREFIX_WIDTH = 7
_COLORS = {
    "approved": "green",
    "delivered": "green",
    "read": "green",
    "failed_check": "yellow",
    "not_found": "yellow",
    "refused": "yellow",
    "max_attempts_reached": "red",
    "rejected": "red",
    "unavailable": "red",
    "undelivered": "red",
    "policy": "cyan",
    "limit_near": "yellow",
    "budget": "yellow",
    "suspended": "red",
    "pressure": "yellow",
    "provider_weight": "yellow",
    "factor_verified": "green",
    "factor_check_failed": "yellow",
    "factor_approved": "green",
    "challenge_approved": "green",
    "factor_check_refused": "yellow",
    "factor_unavailable": "red",
}
_MAX_RULE_NAME = 24

HEADER = (
    f"{'TIME (UTC)':14}   {'KIND':{_KIND_WIDTH}}  CC {'PREFIX':{_PREFIX_WIDTH}} "
    f"{'HASH':{SHORT_HASH}}  {'IP':{SHORT_HASH}}  DETAILS"
)
"""The names of the columns of `to_text`."""


def to_text(recorded: RecordedEvent) -> str:
    """Return an event as one line, with a color for its kind.

    A hash, an id or a text that is too long for the line is cut.
    """
    fields = to_dict(recorded.event)
    kind = kind_of(recorded.event)
    label = f"{kind} (shadow)" if fields.get("shadow") else kind
    prefix = f"{recorded.occurred_at:%m-%d %H:%M:%SZ}  "
    if kind == "policy":
        text = _policy_text(fields)
    elif kind == "limit_near":
        text = _limit_text(fields)
    elif kind == "budget":
        text = _budget_text(fields)
    elif kind == "provider_weight":
        text = _weight_text(fields)
    elif kind in {"suspended", "pressure"}:
        text = _place_text(fields)
    elif "identity_hash" in fields:
        text = _factor_text(fields)
    else:
        text = f"{_recipient_text(fields)}  {_details(kind, fields)}"
    text = printable(text).rstrip()
    room = _MAX_WIDTH - len(prefix) - _KIND_WIDTH - 2
    if len(text) > room:
        text = f"{text[: room - 1]}…"
    label = f"{label:{_KIND_WIDTH}}"
    if color := color_of(recorded.event):
        label = click.style(label, fg=color)
    return f"{prefix}{label}  {text}"


def color_of(event: Event) -> str | None:
    """Return the color of the kind of an event, if it has one."""
    return _COLORS.get(kind_of(event))


def to_json(recorded: RecordedEvent) -> str:
    """Return an event as one line of JSON."""
    return json.dumps(to_json_object(recorded))


def to_json_object(recorded: RecordedEvent) -> dict[str, Any]:
    """Return an event as it is documented: `at`, `kind` and its fields."""
    kind, fields = kind_of(recorded.event), to_dict(recorded.event)
    return {"at": recorded.occurred_at.isoformat(), "kind": kind, **fields}


def to_dict(event: Event) -> dict[str, Any]:
    """Return the fields of an event, with ids in hexadecimal digits."""
    return {name: _to_json_value(value) for name, value in flatten(event).items()}


def _to_json_value(value: Any) -> Any:  # noqa: ANN401 - any field of an event
    match value:
        case bytes():
            return value.hex()
        case datetime():
            return value.isoformat()
        case _:
            return value


def _recipient_text(fields: Mapping[str, Any]) -> str:
    prefix = fields["prefix"] or "e-mail"
    phone_hash = fields["phone_hash"][:SHORT_HASH]
    ip_hash = (fields["ip_hash"] or "-")[:SHORT_HASH]
    country = f"{fields['country'][:2]:2}"
    return f"{country} {prefix:{_PREFIX_WIDTH}} {phone_hash}  {ip_hash:{SHORT_HASH}}"


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


def _details(kind: str, fields: Mapping[str, Any]) -> str:
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
