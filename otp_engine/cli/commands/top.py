"""`otp-engine top`: a screen with the last minutes, which refreshes itself."""

from __future__ import annotations

from datetime import timedelta

import click

from otp_engine.cli.commands.options import Decimal, RedisCommand, json_option
from otp_engine.domain.limits import durations

_MAX_PERIOD = timedelta(hours=24)
_MIN_PERIOD = timedelta(minutes=1)


def _parse_period(_: click.Context, __: click.Parameter, text: str) -> timedelta:
    try:
        period = durations.parse(text)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None
    if not _MIN_PERIOD <= period <= _MAX_PERIOD:
        raise click.BadParameter(f"must be from 1m to 24h: {text!r}")
    return period


@click.command(cls=RedisCommand)
@click.option(
    "--period",
    default="10m",
    show_default=True,
    callback=_parse_period,
    metavar="AGE",
    help="How long an event is counted, from 1m to 24h.",
)
@click.option(
    "--interval",
    type=Decimal(0.2, 3600),
    default=2,
    show_default=True,
    help="Seconds between two refreshes.",
)
@click.option("--once", is_flag=True, help="Print one frame and end.")
@json_option
def top(*, period: timedelta, interval: float, once: bool, as_json: bool) -> None:
    """Show the last minutes by country and by limit, live.

    Messages, delivery reports, approvals, conversion and refused requests come from the
    events; the usage of the limits that all requests share is read from Redis. --json
    prints one object a refresh, on one line. Ctrl-C ends.
    """
    from otp_engine.cli import top as work

    work.top(period, interval=interval, once=once, as_json=as_json)
