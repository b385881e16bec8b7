"""`otp-engine budget`: show what messages cost, and the budget."""

from __future__ import annotations

import click

from otp_engine.cli.commands.options import RedisCommand, json_option


@click.command(cls=RedisCommand)
@json_option
def budget(*, as_json: bool) -> None:
    """Show what messages cost by country, and the budget.

    SPENT is the money of the running hour and of the 24 hours before it, TODAY that of
    the day in UTC, and USUAL that of a usual day of the last week. SHARE is the most
    that messages to the country may cost.
    """
    from otp_engine.cli import budget as work

    work.budget(as_json=as_json)
