"""The command line: the commands in `commands`, and the modules that do their work."""

from otp_engine.cli.commands.program import main

__all__ = ["main"]
