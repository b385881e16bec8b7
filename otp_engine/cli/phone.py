"""Show or delete the data of one phone, or of one e-mail address.

The full address is only an input: the output is masked, and nothing is logged.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from datetime import timedelta
from typing import Any

import click

from otp_engine.cli import phone_timeline
from otp_engine.cli.author import default_author
from otp_engine.cli.common import load_with_redis
from otp_engine.cli.terminal import fail, read_input, success, warn
from otp_engine.config import Settings
from otp_engine.domain.addresses import Address
from otp_engine.domain.events import RecordedEvent
from otp_engine.domain.inspection import InspectedVerification, NextSend
from otp_engine.domain.limits.limits import WindowUsage
from otp_engine.domain.pumping_guard.listing import ListedPlace
from otp_engine.errors import InvalidRequest
from otp_engine.operations import event_fields, phones
from otp_engine.operations.context import OperatorContext
from otp_engine.operations.phones import InspectedPhone, Source
from otp_engine.operations.timeline import with_times
from otp_engine.operations.times import format_time


def read_address(text: str, settings: Settings) -> Address:
    """Parse a phone number or an e-mail address; a problem ends the process with 1.

    Args:
        text: The address; `-` reads it from the standard input.
        settings: The settings, with the country of national numbers.
    """
    typed = read_input("Phone number or e-mail address") if text == "-" else text
    try:
        return phones.parse_address(typed, settings)
    except InvalidRequest as error:
        fail(error.message)


def inspect(address: str, *, as_json: bool) -> None:
    """Print the pending verifications and the limits of a phone or e-mail address.

    Args:
        address: The address; `-` reads it from the standard input.
        as_json: Whether to print JSON.
    """
    context = OperatorContext.build(*load_with_redis())
    phone = phones.inspect(
        context,
        read_address(address, context.settings),
        operator=context.settings.operator or default_author(),
        source=Source.COMMAND,
    )
    if phone.policy_problem:
        warn(phone.policy_problem)
    if as_json:
        click.echo(json.dumps(_to_dict(phone), indent=2))
        return
    click.echo(phone.masked)
    if phone.exclusion:
        click.echo(f"  sends are refused: {phone.exclusion}")
    for line in _report_lines(phone):
        click.echo(f"  {line}")
    click.echo(f"  in events: {', '.join(phone.phone_hashes)}")
    if phone.events:
        click.echo("  events of the last day, with the time since the last message:")
    for line in phone_timeline.lines(phone.events):
        click.echo(f"  {line}")


def forget(address: str) -> None:
    """Delete the data of a phone or e-mail address.

    Args:
        address: The address; `-` reads it from the standard input.
    """
    context = OperatorContext.build(*load_with_redis())
    parsed = read_address(address, context.settings)
    is_deleted = phones.delete(
        context,
        parsed,
        operator=context.settings.operator or default_author(),
        source=Source.COMMAND,
    )
    if not is_deleted:
        fail(f"there is no data of {parsed.masked}")
    success(f"the data of {parsed.masked} is deleted")


def _events_to_dicts(events: Iterable[RecordedEvent]) -> Iterator[dict[str, Any]]:
    for recorded, since_send in with_times(events):
        seconds = None if since_send is None else round(since_send.total_seconds(), 3)
        yield event_fields.to_json_object(recorded) | {"since_send": seconds}


def _report_lines(phone: InspectedPhone) -> Iterator[str]:
    report = phone.report
    for verification in report.pending:
        yield _verification_line(verification, phone)
        remaining, allowed = phone.sends_remaining(verification), phone.policy.max_sends
        next_send = _next_send_text(phone.next_send(verification))
        yield f"  {remaining} of {allowed} sends remaining, {next_send}"
    if not report.pending:
        yield f"no pending verification, {_next_send_text(phone.next_send())}"
    yield from map(_usage_line, report.limit_usage)
    for channel, wait in report.unreachable.items():
        yield f"{channel} does not reach the phone, stored for {_format_duration(wait)}"
    yield from _guard_lines(phone)


def _guard_lines(phone: InspectedPhone) -> Iterator[str]:
    report = phone.report
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
        if suspension and phone.is_shadow(listed):
            until += " (shadow)"
        yield (
            f"guard {listed.level} {listed.prefix}: {place.unproven:.1f} unproven,"
            f" {place.approvals:.1f} approved{until}"
        )


def _verification_line(
    verification: InspectedVerification, phone: InspectedPhone
) -> str:
    remaining, allowed = phone.attempts(verification)
    return (
        f"pending verification{_namespace_note(verification.namespace)}:"
        f" expires in {_format_duration(verification.pending.expires_in)},"
        f" {remaining} of {allowed} attempts remaining,"
        f" last code by {verification.pending.channel}"
    )


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


def _to_dict(phone: InspectedPhone) -> dict[str, Any]:
    report = phone.report
    return {
        "phone": phone.masked,
        "pending": [
            _verification_to_dict(verification, phone)
            for verification in report.pending
        ],
        **_next_send_to_dict(phone.next_send()),
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
        "excluded_by": phone.exclusion and asdict(phone.exclusion),
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
        "phone_hashes": list(phone.phone_hashes),
        "events": list(_events_to_dicts(phone.events)),
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
    verification: InspectedVerification, phone: InspectedPhone
) -> dict[str, Any]:
    return {
        "service": verification.namespace.partition("+")[0] or None,
        "bound": verification.is_bound,
        "channel": verification.pending.channel,
        "attempts_remaining": phone.attempts(verification)[0],
        "expires_in": round(verification.pending.expires_in.total_seconds()),
        "sends_remaining": phone.sends_remaining(verification),
        **_next_send_to_dict(phone.next_send(verification)),
    }


def _next_send_to_dict(next_send: NextSend) -> dict[str, Any]:
    return {
        "next_send_in": round(next_send.wait.total_seconds()),
        "next_send_rule": next_send.rule,
    }
