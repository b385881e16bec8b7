"""`otp-engine factors`: the authenticator apps of all entities."""

from __future__ import annotations

import click

from otp_engine.cli.commands.options import RedisGroup, json_option


@click.group(cls=RedisGroup)
def factors() -> None:
    """List authenticator apps, and rotate their key."""


@factors.command("list")
@json_option
def list_factors(*, as_json: bool) -> None:
    """Show the number of authenticator apps of each service."""
    from otp_engine.cli import factors as work

    work.list_services(as_json=as_json)


@factors.command("rotate-key")
def rotate_key() -> None:
    """Encrypt the data key with OTP_FACTOR_KEY.

    Run it after a new OTP_FACTOR_KEY is set on every instance, and before
    OTP_FACTOR_KEY_PREVIOUS is removed.
    """
    from otp_engine.cli import factors as work

    work.rotate_key()
