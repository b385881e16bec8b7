"""Show the health of providers, and set one to rest."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import click

from otp_engine.cli import policy_context
from otp_engine.cli.common import load_with_redis
from otp_engine.cli.terminal import fail, success, table, warn
from otp_engine.domain.routing.health import REST, StepHealth
from otp_engine.store import lua_codec

_HEADER = (
    *("CHANNEL", "PROVIDER", "WEIGHT", "REASON", "CHANGED (UTC)"),
    *("MESSAGES", "LATE", "ERRORS", "REPORTS"),
)


def show(*, as_json: bool) -> None:
    """Print the health of each step with messages or a weight.

    Args:
        as_json: Whether to print JSON.
    """
    context = policy_context.load()
    slow_after = policy_context.live_policy(context).slow_after
    reading = context.store.provider_health.read()
    healths = [reading.healths[step] for step in sorted(reading.healths)]
    entries = [_to_dict(health, reading.at, slow_after) for health in healths]
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
    _, store = load_with_redis()
    reading = store.provider_health.read()
    known = sorted({step.provider for step in reading.healths})
    if provider not in known:
        fail(
            f"{provider} got no message in the last hours: its weights are at rest"
            + (f" (known: {', '.join(known)})" if known else "")
        )
    changed = store.provider_health.rest(provider)
    for event in changed:
        store.events.add(event)
        success(f"{event.channel}:{provider} has weight {REST}, after {event.previous}")
    store.events.flush()
    if not changed:
        warn(f"the weights of {provider} are at rest already")


def _to_dict(health: StepHealth, now: int, slow_after: timedelta) -> dict[str, Any]:
    counts, weight = health.recent(now), health.weight
    changed = weight.changed and lua_codec.from_epoch_ms(weight.changed)
    has_reports = health.has_reports
    return {
        "channel": str(health.step.channel),
        "provider": health.step.provider,
        "weight": weight.value,
        "reason": str(weight.reason) if weight.reason else None,
        "changed_at": changed.isoformat() if changed else None,
        "messages": counts.messages,
        "late_share": health.slow_share(now, slow_after) if has_reports else None,
        "errors": counts.errors,
        "has_reports": has_reports,
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
