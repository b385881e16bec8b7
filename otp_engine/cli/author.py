"""The author of a policy version."""

from __future__ import annotations

import getpass
import os
import socket
from collections.abc import Callable

from otp_engine.config import command_settings


def default_author(
    *,
    user: Callable[[], str] = getpass.getuser,
    user_id: Callable[[], int] = os.getuid,
    machine: Callable[[], str] = socket.gethostname,
) -> str:
    """Return the user and the machine of this process, as `alice@ops`.

    Args:
        user: Returns the name of the user, which a variable such as LOGNAME can set,
            or raises KeyError or OSError if the user id has no name.
        user_id: Returns the user id.
        machine: Returns the name of the machine.
    """
    try:
        name = command_settings.operator_name(user())
    except (KeyError, OSError, ValueError):
        # A container can run with a user id that its passwd file does not list.
        name = str(user_id())
    return f"{name}@{machine()}"
