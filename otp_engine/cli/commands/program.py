"""The program `otp-engine`: the group of all commands."""

from __future__ import annotations

import errno
from typing import Any

import click

from otp_engine import __version__
from otp_engine.cli.commands.budget import budget
from otp_engine.cli.commands.calibrate import calibrate
from otp_engine.cli.commands.doctor import doctor
from otp_engine.cli.commands.events import events
from otp_engine.cli.commands.factors import factors
from otp_engine.cli.commands.guard import guard
from otp_engine.cli.commands.keys import keys
from otp_engine.cli.commands.messages import messages
from otp_engine.cli.commands.phone import forget, inspect
from otp_engine.cli.commands.policy import policy
from otp_engine.cli.commands.prices import prices
from otp_engine.cli.commands.providers import providers
from otp_engine.cli.commands.routes import routes
from otp_engine.cli.commands.serve import serve
from otp_engine.cli.commands.top import top
from otp_engine.cli.terminal import (
    color_setting,
    discard_output,
    fail,
    fit,
    open_closed_streams,
    use_plain_text_where_needed,
)

# The output cannot be written: a full disk, or a terminal that is gone.
_OUTPUT_ERRORS = frozenset({errno.ENOSPC, errno.EIO, errno.EBADF})


class Program(click.Group):
    """The program, with output that fits each terminal, pipe and locale."""

    def main(self, *args: Any, **extra: Any) -> Any:  # noqa: ANN401 - click's signature
        """Run one command line."""
        open_closed_streams()
        use_plain_text_where_needed()
        if (color := color_setting()) is not None:
            extra["color"] = color
        try:
            return super().main(*args, **extra)
        except OSError as error:
            # click itself ends the program if the reader of a pipe is gone.
            if error.errno not in _OUTPUT_ERRORS:
                raise
            discard_output()
            fail(f"the output cannot be written: {error.strerror}")

    def invoke(self, ctx: click.Context) -> Any:  # noqa: ANN401 - click's signature
        """Run a command; the text of a usage error fits the terminal."""
        try:
            return super().invoke(ctx)
        except click.exceptions.NoArgsIsHelpError:
            # The help of a group without a command, which fits already.
            raise
        except click.UsageError as error:
            text = fit(error.format_message(), indent=len("Error: "))
            raise click.UsageError(text, error.ctx) from None


@click.group(cls=Program, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, message="otp-engine %(version)s")
def main() -> None:
    """Run and operate a one-time passcode service.

    The settings come from environment variables; docs/configuration.md lists them.
    """


for command in (
    serve,
    doctor,
    keys,
    factors,
    policy,
    guard,
    inspect,
    forget,
    calibrate,
    events,
    top,
    budget,
    prices,
    providers,
    routes,
    messages,
):
    main.add_command(command)
