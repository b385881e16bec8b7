"""The address that `otp-engine serve` listens on, from `--host` and `--port`."""

from __future__ import annotations

import errno
import socket
from dataclasses import dataclass

_FIRST_UNPRIVILEGED_PORT = 1024
# The name localhost reaches each of them.
_LOCALHOST = frozenset({"127.0.0.1", "0.0.0.0", "::"})  # noqa: S104 - compared only


@dataclass(frozen=True, slots=True)
class ListenAddress:
    """An IP address of this machine and a port.

    Attributes:
        ip: The address, IPv4 or IPv6, without brackets.
        port: The port, at least 1.
    """

    ip: str
    port: int

    @property
    def url(self) -> str:
        """The URL of the service on this machine."""
        if self.ip in _LOCALHOST:
            return f"http://localhost:{self.port}"
        host = f"[{self.ip}]" if ":" in self.ip else self.ip
        return f"http://{host}:{self.port}"


def find(host: str, port: int) -> ListenAddress:
    """Return the address of *host*, if this process can listen on it.

    Granian accepts IP addresses only, and would share a port that is in use
    (SO_REUSEPORT).

    Args:
        host: An IP address, an IPv6 one in brackets or not, or a host name. Of a name
            with several addresses, such as `localhost`, the first IPv4 one is used.
        port: The port; 0 means any free one.

    Raises:
        ValueError: The process cannot listen there; the text has the reason.
    """
    with bind(host, port) as listener:
        return of(listener)


def of(listener: socket.socket) -> ListenAddress:
    """Return the address that *listener* is bound to."""
    ip, port = listener.getsockname()[:2]
    return ListenAddress(ip, port)


def bind(host: str, port: int) -> socket.socket:
    """Return a socket that is bound to the address of *host*.

    Args:
        host: As for `find`.
        port: As for `find`.

    Raises:
        ValueError: The process cannot listen there; the text has the reason.
    """
    if "%" in host:
        raise ValueError("addresses with a zone are not supported")
    try:
        families = socket.getaddrinfo(
            host.removeprefix("[").removesuffix("]") or "?",
            port,
            type=socket.SOCK_STREAM,
            flags=socket.AI_PASSIVE,
        )
        found = min(families, key=lambda each: each[0] != socket.AF_INET)
        family, kind, _, _, address = found
        listener = socket.socket(family, kind)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(address)
        except OSError:
            listener.close()
            raise
    except UnicodeError:
        raise ValueError("this is no host name") from None
    except OSError as error:
        raise ValueError(_reason(error, port)) from None
    return listener


def _reason(error: OSError, port: int) -> str:
    reason = error.strerror or type(error).__name__
    if error.errno == errno.EACCES and port < _FIRST_UNPRIVILEGED_PORT:
        reason += (
            f"; a port under {_FIRST_UNPRIVILEGED_PORT} needs root or"
            " CAP_NET_BIND_SERVICE"
        )
    return reason
