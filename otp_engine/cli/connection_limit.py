"""How many connections a worker keeps open, idle ones included.

Granian accepts no connection above the limit. Its default is 1024 for all workers
together, which idle connections of 75 seconds fill at 14 new ones a second.
"""

from __future__ import annotations

import logging
import resource

from otp_engine.cli.terminal import fail
from otp_engine.composition.capacity import THREADS

log = logging.getLogger(__name__)

_CONNECTIONS = 4096  # of all workers

MAX_HEADER_BYTES = 32 * 1024
"""Size of the headers above which a request can get 431. A connection keeps at most
twice as much in memory, so those of all workers need at most 256 MiB for headers."""

# Redis, providers, logs and metrics also need open files.
_OTHER_FILES = 256
_ENOUGH_FILES = THREADS + _OTHER_FILES
_FEWEST_FILES = 64  # a worker cannot start with half of them


def apply(workers: int) -> int:
    """Raise the limit of open files of this process as far as needed and allowed.

    Args:
        workers: Number of workers; they inherit the limit.

    Returns:
        The number of connections of each worker. The process ends with 1 if no worker
        could start.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    connections, files = plan(workers, _as_number(soft), _as_number(hard))
    if files > _as_number(soft):
        resource.setrlimit(resource.RLIMIT_NOFILE, (files, hard))
    if files < _FEWEST_FILES:
        fail(f"the limit of open files is {files}: set ulimit -n to {_ENOUGH_FILES}")
    if files < _ENOUGH_FILES:
        log.warning(
            "the limit of open files is %d: with fewer than %d (ulimit -n), requests"
            " can fail under load",
            *(files, _ENOUGH_FILES),
        )
    return connections


def plan(workers: int, soft: float, hard: float) -> tuple[int, int]:
    """Return the connections of a worker, and the open files that it needs for them.

    Args:
        workers: Number of workers.
        soft: Open files that a process may have now.
        hard: Open files that it may have after it raised its limit.
    """
    wanted = max(_CONNECTIONS // workers, 2 * THREADS)
    files = int(min(wanted + _OTHER_FILES, max(soft, hard)))
    return max(THREADS, min(wanted, files - _OTHER_FILES)), files


def _as_number(limit: int) -> float:
    return float("inf") if limit == resource.RLIM_INFINITY else limit
