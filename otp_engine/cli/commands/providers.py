"""`otp-engine providers`: show the health of providers, and set one to rest."""

from __future__ import annotations

import click

from otp_engine.cli.commands.options import RedisGroup, json_option


@click.group(cls=RedisGroup, invoke_without_command=True)
@json_option
@click.pass_context
def providers(context: click.Context, *, as_json: bool) -> None:
    """Show the weight of each provider by channel, and why it has it.

    MESSAGES and ERRORS are those of the last ten minutes. LATE is the share of the
    messages that did not arrive in time, of providers with delivery reports: REPORTS
    is yes once one has arrived.
    """
    if context.invoked_subcommand:
        return
    from otp_engine.cli import providers as work

    work.show(as_json=as_json)


@providers.command()
@click.argument("provider")
def rest(*, provider: str) -> None:
    """Set the weights of PROVIDER to 100, after its cause is corrected.

    Without this command a weight rises by 10 each ten minutes.
    """
    from otp_engine.cli import providers as work

    work.rest(provider)
