"""The command line, a module for each kind of work."""

from __future__ import annotations

from otp_engine.cli.calibrating import calibrate
from otp_engine.cli.keys import keys
from otp_engine.cli.phones import forget, inspect
from otp_engine.cli.policy import policy
from otp_engine.cli.running import main

for command in (keys, policy, inspect, forget, calibrate):
    main.add_command(command)

__all__ = ["main"]
