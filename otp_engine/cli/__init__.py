"""The command line, a module for each kind of work."""

from __future__ import annotations

from otp_engine.cli.policy import policy
from otp_engine.cli.running import main

main.add_command(policy)

__all__ = ["main"]
