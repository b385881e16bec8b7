"""The memory of the workers, which are forks of one process."""

from __future__ import annotations

import ctypes
import gc
from contextlib import suppress
from threading import Thread
from time import sleep

# An option of mallopt in glibc's malloc.h.
_M_ARENA_MAX = -8
_TRIM_INTERVAL = 10  # seconds


def limit_heaps() -> None:
    """Let all threads of this process, and of its forks, allocate from one heap.

    The C library otherwise has up to eight heaps for each core, and each one keeps the
    memory of a hash or two for the next ones, 19 MiB each by default. Threads hardly
    wait for the one heap, because the interpreter runs one of them at a time.
    """
    with suppress(AttributeError, OSError):  # a C library other than glibc
        ctypes.CDLL(None).mallopt(_M_ARENA_MAX, 1)


def start_trimming() -> None:
    """Return unused memory to the system from now on, every ten seconds.

    A hash needs 19 MiB by default, which the C library keeps for the next one. A call
    takes one or two milliseconds without the interpreter lock.
    """
    try:
        trim = ctypes.CDLL(None).malloc_trim
    except (AttributeError, OSError):  # a C library other than glibc
        return

    def run() -> None:
        while True:
            sleep(_TRIM_INTERVAL)
            trim(0)

    Thread(target=run, daemon=True, name="memory").start()


def freeze() -> None:
    """Exempt all objects from garbage collection, before this process is forked.

    A collection writes to each object that it visits, and so copies the pages that the
    forks share.
    """
    gc.collect()
    gc.freeze()
