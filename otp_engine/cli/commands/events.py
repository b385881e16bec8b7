"""`otp-engine events`: show the stored events, and follow new ones."""

from __future__ import annotations

from datetime import timedelta

import click

from otp_engine.cli.commands.options import RedisCommand, json_option
from otp_engine.domain.limits import durations

KINDS = (
    "approved",
    "canceled",
    "delivered",
    "failed_check",
    "max_attempts_reached",
    "not_found",
    "policy",
    "refused",
    "rejected",
    "sent",
    "unavailable",
    "undelivered",
)
"""The kinds of events, without an import of the store."""

_RETENTION = timedelta(days=31)


def _parse_since(_: click.Context, __: click.Parameter, text: str) -> timedelta:
    try:
        since = durations.parse(text)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None
    if since > _RETENTION:
        raise click.BadParameter("events are stored for a month: 31d at most")
    return since


@click.command(cls=RedisCommand)
@click.option("-f", "--follow", is_flag=True, help="Continue with new events.")
@click.option(
    "--since",
    callback=_parse_since,
    metavar="DURATION",
    default="1h",
    show_default=True,
    help="Age of the oldest event; at most 31d.",
)
@click.option(
    "--kind",
    "kinds",
    multiple=True,
    type=click.Choice(KINDS),
    metavar="KIND",
    help=f"Show only this kind; can be repeated. One of {', '.join(KINDS)}.",
)
@json_option
def events(
    *, follow: bool, since: timedelta, kinds: tuple[str, ...], as_json: bool
) -> None:
    """Show the events of the service, oldest first.

    Events are sends, delivery reports, checks, approvals, refused requests with the
    limit that refused them, and changes of the policy. A phone number is shown as its
    prefix and a keyed hash. With --json each event is one line.
    """
    from otp_engine.cli import events as work

    work.events(follow=follow, since=since, kinds=kinds, as_json=as_json)
