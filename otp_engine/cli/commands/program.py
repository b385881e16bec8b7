"""The program `otp-engine`: the group of all commands."""

from __future__ import annotations

import click

from otp_engine import __version__
from otp_engine.cli.commands.calibrate import calibrate
from otp_engine.cli.commands.doctor import doctor
from otp_engine.cli.commands.events import events
from otp_engine.cli.commands.keys import keys
from otp_engine.cli.commands.phone import forget, inspect
from otp_engine.cli.commands.policy import policy
from otp_engine.cli.commands.serve import serve


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, message="otp-engine %(version)s")
def main() -> None:
    """Run and operate a one-time passcode service.

    The settings come from environment variables; docs/configuration.md lists them.
    """


for command in (serve, doctor, keys, policy, inspect, forget, calibrate, events):
    main.add_command(command)
