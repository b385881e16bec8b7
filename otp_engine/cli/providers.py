"""Show the health of providers, and set one to rest."""

from __future__ import annotations

import json
from typing import Any

import click

from otp_engine.cli import policy_context
from otp_engine.cli.common import load_with_redis
from otp_engine.cli.terminal import fail, success, table, warn
from otp_engine.domain.routing.health import REST
from otp_engine.operations import providers as operations
from otp_engine.operations.context import OperatorContext
from otp_engine.operations.providers import ProviderHealth, read_health

_HEADER = (
    *("CHANNEL", "PROVIDER", "WEIGHT", "REASON", "CHANGED (UTC)"),
    *("MESSAGES", "LATE", "ERRORS", "REPORTS"),
)


def show(*, as_json: bool) -> None:
    """Print the health of each step with messages or a weight.

    Args:
        as_json: Whether to print JSON.
    """
    report = read_health(policy_context.load())
    if report.policy_problem:
        warn(report.policy_problem)
    entries = list(map(_to_dict, report.steps))
    if as_json:
        click.echo(json.dumps(entries, indent=2))
    elif entries:
        click.echo("\n".join(table(_HEADER, list(map(_row, entries)))))
    else:
        click.echo("No provider got a message in the last hours; all are at rest.")


def rest(provider: str) -> None:
    """Set the weights of a provider to rest.

    Args:
        provider: Name of the provider.
    """
    context = OperatorContext.build(*load_with_redis())
    known = operations.known_providers(context)
    if provider not in known:
        fail(
            f"{provider} got no message in the last hours: its weights are at rest"
            + (f" (known: {', '.join(known)})" if known else "")
        )
    changed = operations.rest(context, provider)
    for event in changed:
        success(f"{event.channel}:{provider} has weight {REST}, after {event.previous}")
    if not changed:
        warn(f"the weights of {provider} are at rest already")


def _to_dict(health: ProviderHealth) -> dict[str, Any]:
    return {
        "channel": str(health.step.channel),
        "provider": health.step.provider,
        "weight": health.weight,
        "reason": health.reason,
        "changed_at": health.changed_at.isoformat() if health.changed_at else None,
        "messages": health.messages,
        "late_share": health.late_share,
        "errors": health.errors,
        "has_reports": health.has_reports,
    }


def _row(entry: dict[str, Any]) -> tuple[str, ...]:
    changed = entry["changed_at"]
    late = entry["late_share"]
    return (
        entry["channel"],
        entry["provider"],
        f"{entry['weight']} %",
        entry["reason"] or "-",
        f"{changed[5:10]} {changed[11:16]}" if changed else "-",
        str(entry["messages"]),
        "-" if late is None else f"{late:.0%}",
        str(entry["errors"]),
        "yes" if entry["has_reports"] else "no",
    )
