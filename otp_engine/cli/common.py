"""Loading of settings, output of messages, and options that commands share."""

from __future__ import annotations

import os
import sys
from typing import Any, NoReturn

import click

from otp_engine import config
from otp_engine.app import build_store
from otp_engine.config import Settings
from otp_engine.errors import InvalidSettings, StoreUnavailable
from otp_engine.store.redis_store import RedisStore

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
"""The option `--json`, as the argument `as_json`."""


class RedisCommand(click.Command):
    """A command that exits with 1 and a message when Redis does not answer."""

    def invoke(self, ctx: click.Context) -> Any:  # noqa: ANN401 - click's signature
        """Run the command."""
        try:
            return super().invoke(ctx)
        except StoreUnavailable:
            fail("Redis does not answer; the command was not completed")


class RedisGroup(RedisCommand, click.Group):
    """A group of commands that use Redis."""


def load(**environ: str) -> tuple[Settings, RedisStore]:
    """Load the settings and build their store, without a call to Redis.

    The secrets are removed from the environment of this process. A problem ends the
    process with 1.

    Args:
        environ: Variables that override those of the process.

    Returns:
        The settings and the store.
    """
    try:
        settings = config.load({**os.environ, **environ})
        config.remove_secrets(os.environ)
        return settings, build_store(settings)
    except InvalidSettings as error:
        fail(*error.problems)
    except ModuleNotFoundError as error:
        fail(f"{error.name} is not installed: dev mode without REDIS_URL needs it")


def load_with_redis() -> tuple[Settings, RedisStore]:
    """Load the settings and their store, for a command on a running service.

    Without a `REDIS_URL` the process ends with 1, because the embedded store belongs
    to the process of the service.

    Returns:
        The settings and the store.
    """
    settings, store = load()
    if settings.redis_url is None:
        fail("REDIS_URL is not set: the embedded store is only in the process of serve")
    return settings, store


def success(message: str) -> None:
    """Print a positive result to the standard error."""
    status_line("✓", "green", message)


def warn(message: str) -> None:
    """Print a warning to the standard error."""
    status_line("!", "yellow", message)


def fail(*messages: str) -> NoReturn:
    """Print errors to the standard error, and exit with 1."""
    for message in messages:
        status_line("✗", "red", message)
    sys.exit(1)


def printable(text: str) -> str:
    """Return *text* with the characters escaped that could move the cursor."""
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in text)


def status_line(symbol: str, color: str, message: str) -> None:
    """Print *message* to the standard error, after a colored *symbol*."""
    click.echo(f"{click.style(symbol, fg=color)} {message}", err=True)
