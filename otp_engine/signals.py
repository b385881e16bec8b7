"""Run signal handlers without delay, whichever thread receives the signal.

Python runs signal handlers on the main thread, which sleeps in this program until the
process ends. The kernel may deliver a signal to any thread, and a signal that another
thread receives does not wake the main thread. Without this module, a worker stayed
ready during its whole drain and its clients were refused when it stopped, and a worker
that missed SIGTERM was killed.
"""

from __future__ import annotations

import signal
import socket
from threading import Thread, get_ident

_WAKE = signal.SIGUSR2


def install_signal_wakeup() -> None:
    """Interrupt the main thread on each later signal.

    The main thread must call this function. Python writes the number of each signal
    that has a handler to the wakeup descriptor, on the thread that receives the signal.
    """
    main = get_ident()
    reader, writer = socket.socketpair()
    writer.settimeout(0)
    signal.signal(_WAKE, lambda *_: None)
    signal.set_wakeup_fd(writer.detach(), warn_on_full_buffer=False)

    def forward() -> None:
        while number := reader.recv(1):
            if number[0] != _WAKE:
                signal.pthread_kill(main, _WAKE)

    Thread(target=forward, daemon=True, name="signals").start()
