"""`otp-engine keys`: what calling programs hold."""

from __future__ import annotations

import base64
import secrets
import sys

import click

from otp_engine.cli.saying import fail, good, warn
from otp_engine.config import validators
from otp_engine.crypto import api_keys


@click.group()
def keys() -> None:
    """Make and check API keys."""


@keys.command()
@click.argument("name")
def new(name: str) -> None:
    """Print a new key for the program NAME, once, and the line for OTP_API_KEYS.

    The line knows the key by its SHA-256 only. A name may have two keys, so that one
    can be replaced without a gap: add the new line, change the program, remove the old.
    """
    secret = api_keys.generate()
    line = api_keys.env_entry(name, secret)
    try:
        validators.api_keys(line)
    except ValueError:
        fail("a name has up to 64 letters, digits, dots, dashes and underscores")
    click.echo(secret)
    click.echo(f"OTP_API_KEYS={line}")
    warn(
        "the key is not shown again; what is behind the = goes into OTP_API_KEYS,"
        " after a comma if there is a key already"
    )


@keys.command()
def metrics() -> None:
    """Print a new key for a Prometheus, once, and the line that knows it."""
    secret = api_keys.generate()
    click.echo(secret)
    click.echo(f"OTP_METRICS_KEY={api_keys.hashed_form(secret)}")
    warn("the key is not shown again; it is what the Prometheus brings")


@keys.command()
def proof() -> None:
    """Print a new key that approvals are signed with, as a line for the environment."""
    seed = base64.b64encode(secrets.token_bytes(validators.PROOF_KEY_BYTES)).decode()
    click.echo(f"OTP_PROOF_KEY={seed}")


@keys.command()
@click.argument("key", default="-")
def check(key: str) -> None:
    """Say whether KEY is whole; with - it is read from the standard input."""
    secret = sys.stdin.readline().strip() if key == "-" else key
    if not api_keys.checksum_valid(secret):
        fail("this is not a key that `otp-engine keys new` made, or not all of it")
    good("the key is whole; whether the service knows it, only a call can tell")
