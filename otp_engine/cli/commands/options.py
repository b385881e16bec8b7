"""Options and classes that commands share."""

from __future__ import annotations

from typing import Any

import click

from otp_engine.cli.terminal import fail
from otp_engine.errors import StoreUnavailable

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
"""The option `--json`, as the argument `as_json`."""


class Integer(click.IntRange):
    """A whole number of a range, which click calls an integer range in its errors."""

    name = "integer"


class Decimal(click.FloatRange):
    """A number of a range, which click calls a float range in its errors."""

    name = "number"


class RedisCommand(click.Command):
    """A command that exits with 1 and a message when Redis does not answer."""

    def invoke(self, ctx: click.Context) -> Any:  # noqa: ANN401 - click's signature
        """Run the command."""
        try:
            return super().invoke(ctx)
        except StoreUnavailable as error:
            fail(f"Redis {error.reason}; the command was not completed")


class RedisGroup(RedisCommand, click.Group):
    """A group of commands that use Redis."""
