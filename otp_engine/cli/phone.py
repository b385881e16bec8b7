"""Show or delete the data of one phone, or of one e-mail address.

The full address is only an input: the output is masked, and nothing is logged.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import click

from otp_engine.cli import event_text, phone_timeline
from otp_engine.cli.common import load_with_redis
from otp_engine.cli.policy_context import warned
from otp_engine.cli.terminal import fail, format_time, read_input, success
from otp_engine.composition.engine import build_sandbox_numbers
from otp_engine.config import Settings
from otp_engine.domain import addresses
from otp_engine.domain.addresses import Address
from otp_engine.domain.events import RecordedEvent
from otp_engine.domain.inspection import (
    InspectedVerification,
    NextSend,
    PhoneInspector,
    PhoneReport,
)
from otp_engine.domain.limits.limits import WindowUsage
from otp_engine.domain.models import Channel
from otp_engine.domain.policy.policy import Policy
from otp_engine.domain.policy.signed_versions import SignedPolicyVersions
from otp_engine.domain.pumping_guard.listing import ListedPlace
from otp_engine.domain.recipients import PseudonymousRecipient
from otp_engine.errors import InvalidRequest
from otp_engine.operations.context import readable_policy
from otp_engine.store.events.event_filter import EventFilter
from otp_engine.store.redis_store import RedisStore

_RECENT = timedelta(days=1)
_MAX_EVENTS = 20


@dataclass(frozen=True, slots=True)
class _CliContext:
    settings: Settings
    store: RedisStore
    policy: Policy

    @property
    def inspector(self) -> PhoneInspector:
        return PhoneInspector(
            self.store,
            self.store.limit_usage,
            self.store.guard,
            self.settings.peppers,
            self.policy,
            self.settings.offered_channels,
        )

    @property
    def namespaces(self) -> list[str]:
        """The namespaces of all services; that of the default service is empty."""
        return ["", *(service.sid for service in self.store.services.list_services())]


def read_address(text: str, settings: Settings) -> Address:
    """Parse a phone number or an e-mail address; a problem ends the process with 1.

    Args:
        text: The address; `-` reads it from the standard input.
        settings: The settings, with the country of national numbers.
    """
    typed = read_input("Phone number or e-mail address") if text == "-" else text
    sandbox = build_sandbox_numbers(settings)
    try:
        return addresses.parse(
            typed, partial(sandbox.parse, region=settings.default_region)
        )
    except InvalidRequest as error:
        fail(error.message)


def phone_hashes(address: Address, settings: Settings) -> list[str]:
    """Return the `phone_hash` of an address in events, under each pepper."""
    return [
        PseudonymousRecipient.from_address(address, pepper).phone_hash
        for pepper in settings.peppers
    ]


def inspect(address: str, *, as_json: bool) -> None:
    """Print the pending verifications and the limits of a phone or e-mail address.

    Args:
        address: The address; `-` reads it from the standard input.
        as_json: Whether to print JSON.
    """
    context = _load_context()
    parsed = read_address(address, context.settings)
    hashes = phone_hashes(parsed, context.settings)
    report = context.inspector.inspect(parsed, context.namespaces)
    events = _recent_events(context.store, hashes)
    if as_json:
        shown = _to_dict(
            parsed, report, context.policy, context.settings.offered_channels
        ) | {
            "phone_hashes": hashes,
            "events": list(_events_to_dicts(events)),
        }
        click.echo(json.dumps(shown, indent=2))
        return
    click.echo(parsed.masked)
    if exclusion := report.find_exclusion(
        parsed, context.policy, context.settings.offered_channels
    ):
        click.echo(f"  sends are refused: {exclusion}")
    for line in _report_lines(report, context.policy):
        click.echo(f"  {line}")
    click.echo(f"  in events: {', '.join(hashes)}")
    if events:
        click.echo("  events of the last day, with the time since the last message:")
    for line in phone_timeline.lines(events):
        click.echo(f"  {line}")


def forget(address: str) -> None:
    """Delete the data of a phone or e-mail address.

    Args:
        address: The address; `-` reads it from the standard input.
    """
    context = _load_context()
    parsed = read_address(address, context.settings)
    if not context.inspector.delete(parsed, context.namespaces):
        fail(f"there is no data of {parsed.masked}")
    success(f"the data of {parsed.masked} is deleted")


def _load_context() -> _CliContext:
    settings, store = load_with_redis()
    versions = SignedPolicyVersions(store.policy_versions, settings.peppers)
    policy = warned(readable_policy(settings.policy, versions.live_state()))
    return _CliContext(settings, store, policy)


def _recent_events(store: RedisStore, hashes: Sequence[str]) -> list[RecordedEvent]:
    """Return the newest events of a phone, oldest first."""
    tail = store.events.tail(
        datetime.now(UTC) - _RECENT, event_filter=EventFilter(phone_hashes=hashes)
    )
    newest: deque[RecordedEvent] = deque(maxlen=_MAX_EVENTS)
    while recorded := tail.read_next():
        newest += recorded
    return list(newest)


def _events_to_dicts(events: Iterable[RecordedEvent]) -> Iterator[dict[str, Any]]:
    for recorded, since_send in phone_timeline.with_times(events):
        seconds = None if since_send is None else round(since_send.total_seconds(), 3)
        yield event_text.to_json_object(recorded) | {"since_send": seconds}


def _report_lines(report: PhoneReport, policy: Policy) -> Iterator[str]:
    for verification in report.pending:
        yield _verification_line(verification, policy)
        remaining = max(0, policy.max_sends - verification.sends.count)
        next_send = _next_send_text(report.next_send(policy, verification))
        yield f"  {remaining} of {policy.max_sends} sends remaining, {next_send}"
    if not report.pending:
        yield f"no pending verification, {_next_send_text(report.next_send(policy))}"
    yield from map(_usage_line, report.limit_usage)
    for channel, wait in report.unreachable.items():
        yield f"{channel} does not reach the phone, stored for {_format_duration(wait)}"
    yield from _guard_lines(report)


def _guard_lines(report: PhoneReport) -> Iterator[str]:
    if report.proven:
        yield (
            f"proven for {report.proven.expires_in.days} days:"
            f" {report.proven.messages} messages pass the guard"
        )
    for listed in report.places:
        place, suspension = listed.place, listed.suspension
        until = (
            f", suspended until {format_time(suspension.until)}" if suspension else ""
        )
        yield (
            f"guard {listed.level} {listed.prefix}: {place.unproven:.1f} unproven,"
            f" {place.approvals:.1f} approved{until}"
        )


def _verification_line(verification: InspectedVerification, policy: Policy) -> str:
    remaining, allowed = _attempts(verification, policy)
    return (
        f"pending verification{_namespace_note(verification.namespace)}:"
        f" expires in {_format_duration(verification.pending.expires_in)},"
        f" {remaining} of {allowed} attempts remaining,"
        f" last code by {verification.pending.channel}"
    )


def _attempts(verification: InspectedVerification, policy: Policy) -> tuple[int, int]:
    """Return the checks that a verification still accepts, and all that it does."""
    allowed = policy.checks_allowed(bound=verification.is_bound)
    return max(0, allowed - verification.pending.attempts_used), allowed


def _next_send_text(next_send: NextSend) -> str:
    if not next_send.wait:
        return "the next one now"
    return f"the next one in {_format_duration(next_send.wait)} ({next_send.rule})"


def _namespace_note(namespace: str) -> str:
    """Return the service of a verification, and whether it is bound."""
    service, plus, _ = namespace.partition("+")
    return (f" in {service}" if service else "") + (" (bound)" if plus else "")


def _usage_line(usage: WindowUsage) -> str:
    resets_in = _format_duration(usage.resets_in)
    full = f", next one in {resets_in}" if usage.resets_in else ""
    name = f"{usage.limit_name} {usage.identifier}".rstrip()
    return f"{name} {usage.window}: {usage.used} used{full}"


def _format_duration(duration: timedelta) -> str:
    return str(timedelta(seconds=round(duration.total_seconds())))


def _to_dict(
    address: Address,
    report: PhoneReport,
    policy: Policy,
    channels: Sequence[Channel],
) -> dict[str, Any]:
    exclusion = report.find_exclusion(address, policy, channels)
    return {
        "phone": address.masked,
        "pending": [
            _verification_to_dict(verification, report, policy)
            for verification in report.pending
        ],
        **_next_send_to_dict(report.next_send(policy)),
        "proven": report.proven
        and {
            "messages": report.proven.messages,
            "expires_in": round(report.proven.expires_in.total_seconds()),
        },
        "unreachable": {
            channel: round(wait.total_seconds())
            for channel, wait in report.unreachable.items()
        },
        "guard": [_place_to_dict(listed) for listed in report.places],
        "excluded_by": exclusion and asdict(exclusion),
        "limits": [
            {
                "limit": usage.limit_name,
                "identifier": usage.identifier or None,
                "window": str(usage.window),
                "used": usage.used,
                "resets_in": round(usage.resets_in.total_seconds()),
            }
            for usage in report.limit_usage
        ],
    }


def _place_to_dict(listed: ListedPlace) -> dict[str, Any]:
    suspension = listed.suspension
    return {
        "place": listed.prefix,
        "level": listed.level,
        "unproven": round(listed.place.unproven, 2),
        "approved": round(listed.place.approvals, 2),
        "until": suspension and suspension.until.isoformat(),
    }


def _verification_to_dict(
    verification: InspectedVerification, report: PhoneReport, policy: Policy
) -> dict[str, Any]:
    return {
        "service": verification.namespace.partition("+")[0] or None,
        "bound": verification.is_bound,
        "channel": verification.pending.channel,
        "attempts_remaining": _attempts(verification, policy)[0],
        "expires_in": round(verification.pending.expires_in.total_seconds()),
        "sends_remaining": max(0, policy.max_sends - verification.sends.count),
        **_next_send_to_dict(report.next_send(policy, verification)),
    }


def _next_send_to_dict(next_send: NextSend) -> dict[str, Any]:
    return {
        "next_send_in": round(next_send.wait.total_seconds()),
        "next_send_rule": next_send.rule,
    }
