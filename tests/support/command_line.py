"""`otp-engine` inside this process, for tests of what its commands print."""

from __future__ import annotations

import os

from click.testing import CliRunner, Result

from otp_engine.cli import main
from tests.support import server_process


def run(*arguments: str, stdin: str | None = None, **environ: str) -> Result:
    """Run one command with only the variables of *environ*.

    An exception that the command does not handle fails the test.

    Args:
        arguments: The command and its arguments.
        stdin: Its standard input.
        environ: Its environment variables.

    Returns:
        Its exit code and what it wrote.
    """
    cleared = dict.fromkeys(os.environ)
    return CliRunner().invoke(
        main,
        arguments,
        input=stdin,
        env=cleared | server_process.PATH | environ,
        prog_name="otp-engine",
        catch_exceptions=False,
    )
