"""CPU time and memory of processes, from Linux."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path

_SCHEDULED = 2
"""`CPUCLOCK_SCHED` of Linux: the time that the scheduler has measured."""


def of_session(leader: int) -> list[int]:
    """Return the processes of the session of *leader*, which is one of them."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        # A process can end while the list is read.
        with suppress(ProcessLookupError):
            if os.getsid(int(folder.name)) == leader:
                found.append(int(folder.name))
    return sorted(found)


def cpu_seconds(pids: Iterable[int]) -> float:
    """Return the CPU time of all threads of *pids*, ended ones included.

    The clock of a process has nanoseconds; `utime` and `stime` of `/proc` have 10 ms.
    """
    return sum(time.clock_gettime(~pid << 3 | _SCHEDULED) for pid in pids)


def memory_mib(pids: Sequence[int], field: str) -> float:
    """Return the memory of *pids* in MiB.

    Args:
        pids: The processes.
        field: `Pss`, which divides a shared page among its processes, or `Rss`.
    """
    texts = (Path(f"/proc/{pid}/smaps_rollup").read_text() for pid in pids)
    return sum(kib_of(text, field) for text in texts) / 1024


def kib_of(rollup: str, field: str) -> int:
    """Return the KiB of a field of `smaps_rollup`."""
    match = re.search(rf"^{field}: +([0-9]+) kB$", rollup, re.MULTILINE)
    assert match, f"no {field}"
    return int(match[1])
