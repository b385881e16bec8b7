"""`otp-engine inspect` and `forget`: show or delete the data of one person.

That is one phone, one e-mail address, or one identity of authenticator apps.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from otp_engine.cli.commands.options import RedisCommand, json_option


def _recipient(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the address, and what takes its place."""
    for option in (
        click.option("--service", metavar="SID", help="Service of the identity."),
        click.option(
            "--identity",
            metavar="IDENTITY",
            help="An identity of authenticator apps instead; - reads it.",
        ),
        click.argument("address", metavar="[PHONE|EMAIL]", required=False),
    ):
        command = option(command)
    return command


def _require_one(
    address: str | None, identity: str | None, service: str | None
) -> None:
    if address is not None and identity is not None:
        raise click.UsageError("an address or --identity, not both")
    if service is not None and identity is None:
        raise click.UsageError("--service needs --identity")


@click.command(cls=RedisCommand)
@_recipient
@json_option
def inspect(
    *, address: str | None, identity: str | None, service: str | None, as_json: bool
) -> None:
    """Show the verifications, limits and events of PHONE or EMAIL.

    Without an address, or with -, it is read from the standard input; a terminal shows
    a prompt. An argument is visible in the process list.
    With --identity, show its authenticator apps, when they were used and until when
    they are locked, and its events. No secret is ever shown.
    """
    _require_one(address, identity, service)
    if identity is not None:
        from otp_engine.cli import identity as work_on_identity

        work_on_identity.inspect(identity, service, as_json=as_json)
        return
    from otp_engine.cli import phone as work

    work.inspect(address or "-", as_json=as_json)


@click.command(cls=RedisCommand)
@_recipient
def forget(*, address: str | None, identity: str | None, service: str | None) -> None:
    """Delete the data and verifications of PHONE or EMAIL.

    The data is the sends, their delivery statuses and due fallbacks, the failed checks,
    the provider rejections and the channels that do not reach it. The counts by IP
    address, by country and in total stay.
    Without an address, or with -, it is read from the standard input.
    With --identity, delete its authenticator apps, recovery codes, failed checks and
    challenges.
    """
    _require_one(address, identity, service)
    if identity is not None:
        from otp_engine.cli import identity as work_on_identity

        work_on_identity.forget(identity, service)
        return
    from otp_engine.cli import phone as work

    work.forget(address or "-")
