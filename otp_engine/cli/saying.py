"""What commands begin with, and how they speak."""

from __future__ import annotations

import os
import sys
from typing import Any, NoReturn

import click

from otp_engine import config
from otp_engine.app import build_store
from otp_engine.config import Settings
from otp_engine.errors import InvalidSettings, StoreUnavailable
from otp_engine.store.verifications import RedisStore

JSON = click.option("--json", "as_json", is_flag=True, help="For a script to read.")
"""The same option for every command that a script may read."""


class Command(click.Command):
    """Asks Redis, and says plainly when it does not answer."""

    def invoke(self, ctx: click.Context) -> Any:  # noqa: ANN401 - click's signature
        """Run the command."""
        try:
            return super().invoke(ctx)
        except StoreUnavailable:
            fail("Redis does not answer, and nothing more was done")


class Group(Command, click.Group):
    """Commands that ask Redis."""


def plan(**environ: str) -> tuple[Settings, RedisStore]:
    """Read the settings, and make the store of them; nothing is asked of it yet.

    Afterwards the secrets are no longer in the environment of this process.

    Args:
        environ: Variables that override those of the process.
    """
    try:
        settings = config.load({**os.environ, **environ})
        config.remove_secrets(os.environ)
        return settings, build_store(settings)
    except InvalidSettings as error:
        fail(*error.problems)
    except ModuleNotFoundError as error:
        fail(f"{error.name} is not installed: without a REDIS_URL, dev mode needs it")


def plan_on_redis() -> tuple[Settings, RedisStore]:
    """The same, for what is about a service that runs elsewhere."""
    settings, store = plan()
    if settings.redis_url is None:
        fail("REDIS_URL is not set: the store of dev mode ends with its process")
    return settings, store


def good(fact: str) -> None:
    """Say that something is as it should be."""
    mark("✓", "green", fact)


def warn(doubt: str) -> None:
    """Say that something is allowed and unwise."""
    mark("!", "yellow", doubt)


def fail(*problems: str) -> NoReturn:
    """Say what is wrong, and end with 1."""
    for problem in problems:
        mark("✗", "red", problem)
    sys.exit(1)


def printable(text: str) -> str:
    """Escape every character of *text* that could move a terminal's cursor."""
    return "".join(one if one.isprintable() else ascii(one)[1:-1] for one in text)


def mark(sign: str, colour: str, words: str) -> None:
    """Say something beside the output, with a *sign* to find it by."""
    click.echo(f"{click.style(sign, fg=colour)} {words}", err=True)
