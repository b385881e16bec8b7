"""The command line, a module for each kind of work."""

from __future__ import annotations

from otp_engine.cli.calibrating import calibrate
from otp_engine.cli.keys import keys
from otp_engine.cli.phones import forget, inspect
from otp_engine.cli.policy import policy
from otp_engine.cli.running import main
from otp_engine.cli.watching import watch

for command in (keys, policy, inspect, forget, calibrate, watch):
    main.add_command(command)

__all__ = ["main"]
