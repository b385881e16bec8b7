"""Reports to the service manager, such as systemd, that started the service.

The protocol is that of `sd_notify`: one datagram to the socket that `NOTIFY_SOCKET`
names. The service is ready once a worker listens, so a start with wrong settings fails,
and what is started after the service can connect to it.
"""

from __future__ import annotations

import socket
from contextlib import suppress
from threading import Thread
from time import sleep

from otp_engine.heartbeats import is_listening

_READY, _STOPPING = b"READY=1", b"STOPPING=1"
_INTERVAL = 0.01  # seconds between two looks of a worker that starts


class ServiceManager:
    """The manager of this service.

    A report that fails changes nothing: the service runs without its manager too.
    """

    def __init__(self, address: str) -> None:
        """Take the socket of the manager.

        Args:
            address: The value of `NOTIFY_SOCKET`: a path, or with `@` as its first
                character an abstract name.
        """
        self._address = f"\0{address[1:]}" if address.startswith("@") else address

    def notify_once_listening(self) -> None:
        """Report that the service is ready as soon as this process listens."""

        def run() -> None:
            while not is_listening():
                sleep(_INTERVAL)
            self._notify(_READY)

        Thread(target=run, daemon=True, name="service-manager").start()

    def notify_stopping(self) -> None:
        """Report that the service stops."""
        self._notify(_STOPPING)

    def _notify(self, state: bytes) -> None:
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as own:
            # A signal handler runs this, so a full socket must not block it.
            own.settimeout(0)
            own.sendto(state, self._address)
