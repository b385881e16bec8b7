"""`otp-engine keys`: create secrets, and check API keys."""

from __future__ import annotations

import base64
import secrets
import sys

import click

from otp_engine.cli.common import fail, success, warn
from otp_engine.config import setting_parsers
from otp_engine.crypto import api_keys
from otp_engine.crypto.pepper import MIN_BYTES


@click.group()
def keys() -> None:
    """Create secrets, and check API keys."""


@keys.command()
def pepper() -> None:
    """Print a new pepper as a line for the environment."""
    _print_base64("OTP_PEPPER", MIN_BYTES)


@keys.command()
def proof() -> None:
    """Print a new signing key of proof tokens as a line for the environment."""
    _print_base64("OTP_PROOF_KEY", setting_parsers.PROOF_KEY_BYTES)


@keys.command()
@click.argument("name")
def new(name: str) -> None:
    """Print a new API key for the client NAME, and its line for OTP_API_KEYS.

    The key is shown once. The line contains only its SHA-256. A name may have two keys,
    so that a key can be replaced without downtime: add the new line, change the client,
    then remove the old line.
    """
    secret = api_keys.generate()
    line = api_keys.env_entry(name, secret)
    try:
        setting_parsers.api_keys(line)
    except ValueError:
        fail("a name has up to 64 letters, digits, dots, dashes and underscores")
    click.echo(secret)
    click.echo(f"OTP_API_KEYS={line}")
    warn(
        "the key is not shown again; append the value of OTP_API_KEYS to an existing"
        " one after a comma"
    )


@keys.command()
def metrics() -> None:
    """Print a new key for /metrics, and its line for OTP_METRICS_KEY.

    The key is shown once. The line contains only its SHA-256.
    """
    secret = api_keys.generate()
    click.echo(secret)
    click.echo(f"OTP_METRICS_KEY={api_keys.hashed_form(secret)}")
    warn("the key is not shown again; configure it in Prometheus as the bearer token")


@keys.command()
@click.argument("key", default="-")
def check(key: str) -> None:
    """Check whether KEY is complete, by its checksum.

    With - as KEY, the key is read from the standard input.
    """
    secret = sys.stdin.readline().strip() if key == "-" else key
    if not api_keys.checksum_valid(secret):
        fail("this is not a complete key of `otp-engine keys new`")
    success("the key is complete; only a request shows whether the service accepts it")


def _print_base64(variable: str, size: int) -> None:
    click.echo(f"{variable}={base64.b64encode(secrets.token_bytes(size)).decode()}")
