"""What a server takes."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from tests.support.server_process import ServerProcess


def resident(served: ServerProcess) -> float:
    """Memory of all processes of the server, in MiB."""
    kib = 0
    for status in Path("/proc").glob("[0-9]*/status"):
        # A process may end while it is looked at.
        with suppress(OSError):
            if os.getsid(int(status.parent.name)) == served.process.pid:
                lines = status.read_text().splitlines()
                facts = dict(line.split(":", 1) for line in lines)
                kib += int(facts.get("VmRSS", "0").split()[0])
    return kib / 1024
