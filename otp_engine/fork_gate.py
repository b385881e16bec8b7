"""A gate that lets no fork happen while another thread may hold a lock.

A forked process has a copy of every lock of its parent, and not the threads that would
release them. A worker that replaces a dead one would wait for such a lock for ever.
"""

from __future__ import annotations

import os
from threading import Condition


class ForkGate:
    """The gate; a thread holds it while it uses locks that the child would use too.

    Many threads can hold it at once. A fork waits until none does, so nothing may hold
    it for long.
    """

    def __init__(self) -> None:
        """Create the gate, which then takes part in every fork of this process."""
        self._changed = Condition()
        self._holders = 0
        self._forking = False
        os.register_at_fork(
            before=self._close,
            after_in_parent=self._open,
            after_in_child=self._reset,
        )

    def __enter__(self) -> None:
        """Hold the gate, after a fork that is about to happen."""
        with self._changed:
            self._changed.wait_for(lambda: not self._forking)
            self._holders += 1

    def __exit__(self, *_: object) -> None:
        """Hold the gate no longer."""
        with self._changed:
            self._holders -= 1
            self._changed.notify_all()

    def _close(self) -> None:
        # The condition stays locked during the fork, so no other thread is inside it.
        self._changed.acquire()
        self._forking = True
        self._changed.wait_for(lambda: self._holders == 0)

    def _open(self) -> None:
        self._forking = False
        self._changed.notify_all()
        self._changed.release()

    def _reset(self) -> None:
        # The lock in it belongs to a thread of the parent.
        self._changed = Condition()
        self._forking = False
