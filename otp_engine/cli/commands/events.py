"""`otp-engine events`: show the stored events, and follow new ones."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import click

from otp_engine.cli.commands.options import Integer, RedisCommand, json_option
from otp_engine.domain.limits import durations

KINDS = (
    "approved",
    "budget",
    "canceled",
    "challenge_approved",
    "delivered",
    "factor_approved",
    "factor_check_failed",
    "factor_check_refused",
    "factor_created",
    "factor_deleted",
    "factor_unavailable",
    "factor_verified",
    "failed_check",
    "limit_near",
    "max_attempts_reached",
    "not_found",
    "policy",
    "pressure",
    "provider_weight",
    "operator_signed_in",
    "phone_data_deleted",
    "phone_inspected",
    "read",
    "refused",
    "rejected",
    "sent",
    "suspended",
    "unavailable",
    "undelivered",
)
"""The kinds of events, without an import of the store."""

COUNTED_BY = (
    "country",
    "prefix",
    "limit",
    "kind",
    "ip",
    "phone",
    "key",
    "channel",
    "provider",
    "error",
    "hour",
)
"""What events can be counted by."""

_SYNONYMS = {"address": "ip", "network": "prefix", "rule": "limit"}

_RETENTION = timedelta(days=31)
_PHONE_HASH = re.compile(r"[A-Za-z0-9_-]{6,16}", re.ASCII)
_NUMBER = re.compile(r"[0-9-]*", re.ASCII)
_RULE = re.compile(r"[A-Za-z]\w*", re.ASCII)


def parse_time(
    _: click.Context, __: click.Parameter, text: str | None
) -> datetime | None:
    """Parse an age, such as `30m`, or a time in ISO 8601."""
    if text is None:
        return None
    now = datetime.now(UTC)
    try:
        time = now - durations.parse(text)
    except ValueError:
        time = _parse_iso_time(text)
    if now - time > _RETENTION:
        raise click.BadParameter("events are stored for a month: 31d at most")
    return time


def _parse_iso_time(text: str) -> datetime:
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        raise click.BadParameter(
            f"must be an age, such as 30m or 7d, or a time: {text!r}"
        ) from None
    return time if time.tzinfo else time.replace(tzinfo=UTC)


def _parse_phone(_: click.Context, __: click.Parameter, text: str | None) -> str | None:
    """Reject a number, which every user of the machine can see in the process list."""
    if text in {None, "-"}:
        return text
    if not _PHONE_HASH.fullmatch(text) or _NUMBER.fullmatch(text):
        raise click.BadParameter(
            "must be -, which reads a number from the standard input, or a hash"
        )
    return text


def parse_countries(
    _: click.Context, __: click.Parameter, texts: tuple[str, ...]
) -> tuple[str, ...]:
    """Parse ISO 3166 codes of countries that numbers count under."""
    if not texts:
        return ()
    # It imports the numbering plans.
    from otp_engine.domain.phones import countries

    try:
        return tuple(countries.parse_counted(text.strip()) for text in texts)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


def _parse_prefixes(
    _: click.Context, __: click.Parameter, texts: tuple[str, ...]
) -> tuple[str, ...]:
    if not texts:
        return ()
    # It imports the numbering plans.
    from otp_engine.domain.phones.prefixes import Prefix

    try:
        return tuple(Prefix.parse(text.strip()).text for text in texts)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


def _parse_rules(
    _: click.Context, __: click.Parameter, texts: tuple[str, ...]
) -> tuple[str, ...]:
    names = tuple(text.strip() for text in texts)
    if wrong := [name for name in names if not _RULE.fullmatch(name)]:
        raise click.BadParameter(
            f"must be the name of a rule, such as sends_per_ip: {wrong[0]!r}."
            " For the number of events use -n"
        )
    return names


def _parse_by(
    _: click.Context, __: click.Parameter, texts: tuple[str, ...]
) -> tuple[str, ...]:
    words = [word.strip().lower() for text in texts for word in text.split(",")]
    names = [_SYNONYMS.get(word, word) for word in words]
    if unknown := [name for name in names if name not in COUNTED_BY]:
        raise click.BadParameter(
            f"{unknown[0]!r} is not one of {', '.join(COUNTED_BY)}"
        )
    return tuple(dict.fromkeys(names))


def _complete_by(_: click.Context, __: click.Parameter, incomplete: str) -> list[str]:
    """List what can follow the fields before the last comma."""
    before, comma, start = incomplete.rpartition(",")
    chosen = before.split(",")
    return [
        f"{before}{comma}{name}"
        for name in COUNTED_BY
        if name.startswith(start) and name not in chosen
    ]


@click.command(cls=RedisCommand)
@click.option("-f", "--follow", is_flag=True, help="Continue with new events.")
@click.option(
    "--since",
    callback=parse_time,
    metavar="AGE|TIME",
    help="The oldest event: 30m, or 2026-11-22T22:30.  [default: 1h; with --phone or"
    " --identity 31d]",
)
@click.option(
    "--until", callback=parse_time, metavar="AGE|TIME", help="The newest event."
)
@click.option("-n", "--count", type=Integer(1), help="Only the newest events.")
@click.option(
    "--kind",
    "kinds",
    multiple=True,
    type=click.Choice(KINDS),
    metavar="KIND",
    help=f"Show only this kind; can be repeated. One of {', '.join(KINDS)}.",
)
@click.option(
    "--country",
    "countries",
    multiple=True,
    callback=parse_countries,
    metavar="CODE",
    help="Show only this country, such as SN; can be repeated.",
)
@click.option(
    "--prefix",
    "prefixes",
    multiple=True,
    callback=_parse_prefixes,
    metavar="DIGITS",
    help="Show only numbers that start so, such as +22177; can be repeated.",
)
@click.option(
    "--limit",
    "limits",
    multiple=True,
    callback=_parse_rules,
    metavar="NAME",
    help="Show only what this rule refused, such as sends_per_ip; can be repeated.",
)
@click.option(
    "--phone",
    callback=_parse_phone,
    metavar="-|HASH",
    help="Show only one phone: - reads its number from the standard input.",
)
@click.option(
    "--identity",
    help="Show only one identity of authenticator apps, in all services; - reads it.",
)
@click.option(
    "--by",
    multiple=True,
    callback=_parse_by,
    shell_complete=_complete_by,
    metavar="FIELD",
    help=f"Count events by fields, most frequent first: {', '.join(COUNTED_BY)}.",
)
@json_option
def events(**query: Any) -> None:  # noqa: ANN401 - as the options
    """Show the events of the service, oldest first.

    Events are sends, delivery reports, checks, approvals, refused requests with the
    limit that refused them, and changes of the policy. A phone number is shown as its
    prefix and a keyed hash. A line has the first characters of hashes and ids; --json
    has all of them, one event a line.
    """
    if query["follow"] and (query["until"] or query["by"]):
        raise click.UsageError("--follow has no end: use it without --until and --by")
    from otp_engine.cli import events as work

    work.events(work.EventQuery(**query))
