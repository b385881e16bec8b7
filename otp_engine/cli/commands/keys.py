"""`otp-engine keys`: create secrets, and check API keys."""

from __future__ import annotations

import click


@click.group()
def keys() -> None:
    """Create secrets, and check API keys."""


@keys.command()
def pepper() -> None:
    """Print a new pepper, as OTP_PEPPER."""
    from otp_engine.cli import keys as work

    work.pepper()


@keys.command()
def factor() -> None:
    """Print a new key of authenticator apps, as OTP_FACTOR_KEY.

    Store it apart from Redis and its backups. Without it no factor can be checked, and
    each person has to enroll an app again.
    """
    from otp_engine.cli import keys as work

    work.factor()


@keys.command()
def proof() -> None:
    """Print a new signing key of proof tokens, as OTP_PROOF_KEY."""
    from otp_engine.cli import keys as work

    work.proof()


@keys.command()
def webhook() -> None:
    """Print a new secret that signs webhooks, as whsec_ and base64."""
    from otp_engine.cli import keys as work

    work.webhook()


@keys.command()
@click.argument("name")
def new(*, name: str) -> None:
    """Print a new API key for the client NAME.

    The second line is for OTP_API_KEYS, and contains only the SHA-256 of the key. The
    key is shown once. A name may have two keys, so that a key can be replaced without
    downtime: add the new line, change the client, then remove the old line.
    """
    from otp_engine.cli import keys as work

    work.new(name)


@keys.command()
def metrics() -> None:
    """Print a new key for /metrics, with a line for OTP_METRICS_KEY.

    The key is shown once. The line contains only its SHA-256.
    """
    from otp_engine.cli import keys as work

    work.metrics()


@keys.command()
@click.argument("name")
def console(*, name: str) -> None:
    """Print a new key for /console for the operator NAME.

    The second line is for OTP_CONSOLE_KEY, and contains only the SHA-256 of the key.
    The key is shown once; a password manager can store it. Events and the history of
    the policy contain NAME.
    """
    from otp_engine.cli import keys as work

    work.console(name)


@keys.command()
@click.argument("key", default="-")
def check(*, key: str) -> None:
    """Check whether KEY is complete, by its checksum.

    Without KEY, it is read from the standard input; a terminal shows a prompt.
    """
    from otp_engine.cli import keys as work

    work.check(key)
