"""The memory of a service."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from tests.support.server_process import ServerProcess


def resident_mib(served: ServerProcess) -> float:
    """Return the memory of all processes of a service, in MiB."""
    kib = 0
    for status in Path("/proc").glob("[0-9]*/status"):
        # A process may end while its status is read.
        with suppress(OSError):
            if os.getsid(int(status.parent.name)) == served.process.pid:
                lines = status.read_text().splitlines()
                fields = dict(line.split(":", 1) for line in lines)
                kib += int(fields.get("VmRSS", "0").split()[0])
    return kib / 1024
