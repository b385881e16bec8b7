"""Run signal handlers at once, whichever thread of the process receives the signal.

Python runs them on the main thread, which here sleeps until the end of the process.
The kernel may deliver a signal to any thread, and one that another thread receives
leaves the main thread asleep. A worker then stayed ready for its whole drain, and its
clients were refused when it stopped; one that missed SIGTERM was killed.
"""

from __future__ import annotations

import signal
import socket
from threading import Thread, get_ident

_WAKE = signal.SIGUSR2


def wake_main_thread() -> None:
    """Interrupt the main thread, which must call this, on each signal from now on.

    Python writes the number of a signal that has a handler to the wakeup descriptor,
    on the thread that receives the signal.
    """
    main = get_ident()
    reader, writer = socket.socketpair()
    writer.settimeout(0)
    signal.signal(_WAKE, lambda *_: None)
    signal.set_wakeup_fd(writer.detach(), warn_on_full_buffer=False)

    def watch() -> None:
        while number := reader.recv(1):
            if number[0] != _WAKE:
                signal.pthread_kill(main, _WAKE)

    Thread(target=watch, daemon=True, name="signals").start()
