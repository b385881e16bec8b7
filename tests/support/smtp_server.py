"""Mail servers of the tests: one of aiosmtpd, and one of raw sockets."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from itertools import chain
from pathlib import Path
from typing import Any, BinaryIO

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword

from tests.support import certificates

USERNAME, PASSWORD = "otp", "password-of-the-relay"


@dataclass
class MailServer:
    """A mail server of aiosmtpd.

    Attributes:
        port: Its port.
        replies: Replies by command, such as `{"RCPT": "550 5.1.1 Unknown"}`. The server
            accepts the other commands.
        emails: The accepted e-mails.
        contents: The accepted e-mails, as bytes.
        senders: The sender of each of them.
        recipients: The recipient of each of them.
        options: The options of MAIL of each of them.
        logins: The user name of each login.
        sessions: Whether each session that sent EHLO used TLS at that time.
        host_names: The name of the client in each EHLO.
    """

    port: int = 0
    replies: dict[str, str] = field(default_factory=dict)
    emails: list[EmailMessage] = field(default_factory=list)
    contents: list[bytes] = field(default_factory=list)
    senders: list[str] = field(default_factory=list)
    recipients: list[str] = field(default_factory=list)
    options: list[list[str]] = field(default_factory=list)
    logins: list[str] = field(default_factory=list)
    sessions: list[bool] = field(default_factory=list)
    host_names: list[str] = field(default_factory=list)

    async def handle_EHLO(  # noqa: N802 - the name is aiosmtpd's
        self, server: Any, session: Any, envelope: Any, hostname: str, lines: list[str]
    ) -> list[str]:
        session.host_name = hostname
        self.host_names.append(hostname)
        self.sessions.append(bool(server.transport.get_extra_info("ssl_object")))
        if reply := self.replies.get("EHLO"):
            return [reply]
        return lines

    async def handle_MAIL(  # noqa: N802 - as above
        self, server: Any, session: Any, envelope: Any, address: str, options: list[str]
    ) -> str:
        if reply := self.replies.get("MAIL"):
            return reply
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 OK"

    async def handle_RCPT(  # noqa: N802 - as above
        self, server: Any, session: Any, envelope: Any, address: str, options: list[str]
    ) -> str:
        if reply := self.replies.get("RCPT"):
            return reply
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(  # noqa: N802 - as above
        self, server: Any, session: Any, envelope: Any
    ) -> str:
        if reply := self.replies.get("DATA"):
            return reply
        self.contents.append(envelope.content)
        email = message_from_bytes(
            envelope.content, _class=EmailMessage, policy=default
        )
        self.emails.append(email)
        self.senders.append(envelope.mail_from)
        self.recipients += envelope.rcpt_tos
        self.options.append(envelope.mail_options)
        return "250 2.0.0 OK: queued"

    def authenticate(
        self, server: Any, session: Any, envelope: Any, mechanism: str, data: Any
    ) -> AuthResult:
        """Accept the user name and the password of this module."""
        right = LoginPassword(USERNAME.encode(), PASSWORD.encode())
        if "AUTH" in self.replies or data != right:
            message = self.replies.get("AUTH", "535 5.7.8 Wrong")
            return AuthResult(success=False, handled=False, message=message)
        self.logins.append(data.login.decode())
        return AuthResult(success=True)


class _Controller(Controller):
    """A controller of a free port."""

    def _trigger_server(self) -> None:
        assert isinstance(self.server, asyncio.Server)
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()


@contextmanager
def running(
    certificate: Path | None = None,
    *,
    implicit: bool = False,
    hostname: str = "127.0.0.1",
    **options: Any,
) -> Iterator[MailServer]:
    """Run a mail server on a free port until the block ends.

    Args:
        certificate: File of its certificate and key; None means no TLS.
        implicit: Whether TLS starts with the connection, and not by STARTTLS.
        hostname: The address that it listens on.
        options: Arguments of `aiosmtpd.smtp.SMTP`.
    """
    server = MailServer()
    tls = certificates.server_context(certificate) if certificate else None
    if tls:
        options |= {"ssl_context": tls} if implicit else {"tls_context": tls}
    controller = _Controller(
        server, hostname=hostname, port=0, authenticator=server.authenticate, **options
    )
    controller.start()
    try:
        server.port = controller.port
        yield server
    finally:
        controller.stop()


Script = Callable[[socket.socket], None]


@contextmanager
def scripted(script: Script) -> Iterator[int]:
    """Run a server that calls *script* with each connection; return its port."""
    listener = socket.create_server(("127.0.0.1", 0))
    threads: list[threading.Thread] = []

    def serve() -> None:
        with suppress(OSError):
            while True:
                connection, _ = listener.accept()
                threads.append(threading.Thread(target=run, args=(connection,)))
                threads[-1].start()

    def run(connection: socket.socket) -> None:
        with connection, suppress(OSError):
            script(connection)

    acceptor = threading.Thread(target=serve)
    acceptor.start()
    try:
        yield listener.getsockname()[1]
    finally:
        with suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        for thread in (acceptor, *threads):
            thread.join()


def converse(
    connection: socket.socket,
    dialog: Mapping[str, bytes],
    *,
    until: str = "",
    greet: bool = True,
) -> None:
    """Reply to each command of one session.

    Args:
        connection: The connection.
        dialog: The replies by `greeting`, by command, and by `end` of the content; an
            empty one closes the connection.
        until: The step before which the function returns.
        greet: Whether the server starts with the greeting.
    """
    with connection.makefile("rb") as lines:
        steps = chain(["greeting"] if greet else [], _steps(lines))
        for step in steps:
            if step == until or not dialog[step]:
                return
            connection.sendall(dialog[step])


def _steps(lines: BinaryIO) -> Iterator[str]:
    """Yield the command of each line, and `end` after the content of a message."""
    for line in lines:
        command = line[:4].decode("ascii", "replace").strip().upper()
        yield command
        if command == "DATA":
            while lines.readline() not in {b".\r\n", b""}:
                pass
            yield "end"
