"""Create secrets, and check API keys."""

from __future__ import annotations

import base64
import secrets

import click

from otp_engine.cli.terminal import fail, read_input, success, warn
from otp_engine.crypto import api_keys
from otp_engine.crypto.webhook_signatures import WebhookSecret

# The least length of a pepper and of a factor key, and the length of an Ed25519 seed
# (RFC 8032).
_SECRET_BYTES = 32


def pepper() -> None:
    """Print a new pepper as a line for the environment."""
    _print_base64("OTP_PEPPER")


def factor() -> None:
    """Print a new factor key as a line for the environment."""
    _print_base64("OTP_FACTOR_KEY")


def proof() -> None:
    """Print a new signing key of proof tokens as a line for the environment."""
    _print_base64("OTP_PROOF_KEY")


def webhook() -> None:
    """Print a new secret of webhooks, without the name of a variable.

    The event webhook and each webhook provider have a secret of their own.
    """
    click.echo(WebhookSecret.generate().to_text())


def new(name: str) -> None:
    """Print a new API key, and its line for OTP_API_KEYS.

    Args:
        name: The name of the client.
    """
    if not api_keys.is_valid_name(name):
        fail(
            "a name has up to 64 letters, digits, dots, dashes and underscores, and is"
            f" not {api_keys.ANONYMOUS_NAME}"
        )
    secret = api_keys.generate()
    click.echo(secret)
    click.echo(f"OTP_API_KEYS={api_keys.env_entry(name, secret)}")
    warn(
        "the key is not shown again; append the value of OTP_API_KEYS to an existing"
        " one after a comma"
    )


def metrics() -> None:
    """Print a new key for /metrics, and its line for OTP_METRICS_KEY."""
    secret = api_keys.generate()
    click.echo(secret)
    click.echo(f"OTP_METRICS_KEY={api_keys.hashed_form(secret)}")
    warn("the key is not shown again; configure it in Prometheus as the bearer token")


def console(name: str) -> None:
    """Print a new key of an operator, and its line for OTP_CONSOLE_KEY.

    Args:
        name: The name of the operator.
    """
    # The other commands of this module start faster without it.
    from otp_engine.config import console_settings  # noqa: PLC0415 - see above

    if not console_settings.is_key_name(name):
        fail(
            "a name has up to 64 letters, digits, dots, dashes and underscores, words"
            f" of at most 31 characters, and is not {api_keys.ANONYMOUS_NAME}"
        )
    secret = api_keys.generate()
    click.echo(secret)
    click.echo(f"OTP_CONSOLE_KEY={api_keys.env_entry(name, secret)}")
    warn(
        "the key is not shown again; append the value of OTP_CONSOLE_KEY to an existing"
        " one after a comma"
    )


def check(key: str) -> None:
    """Check whether an API key is complete, by its checksum.

    Args:
        key: The key; `-` reads it from the standard input.
    """
    secret = read_input("API key", hidden=True) if key == "-" else key
    if not api_keys.checksum_valid(secret):
        fail("this is not a complete key of `otp-engine keys new`")
    success("the key is complete; only a request shows whether the service accepts it")


def _print_base64(variable: str) -> None:
    secret = base64.b64encode(secrets.token_bytes(_SECRET_BYTES)).decode()
    click.echo(f"{variable}={secret}")
