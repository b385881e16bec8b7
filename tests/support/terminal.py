"""A command on a terminal of its own, as an operator runs it."""

from __future__ import annotations

import fcntl
import os
import struct
import subprocess
import termios
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from tests.support import server_process


@dataclass(frozen=True)
class Finished:
    """A command that has ended.

    Attributes:
        exit_code: Its exit code.
        output: What the terminal got, from both of its streams.
    """

    exit_code: int
    output: str


def run(
    *arguments: str, answers: str = "", columns: int = 100, **environ: str
) -> Finished:
    """Run one command on a new terminal, with only the variables of *environ*.

    Args:
        arguments: The command and its arguments.
        answers: The input after the first prompt.
        columns: Width of the terminal.
        environ: Its environment variables.
    """
    terminal, inside = os.openpty()
    fcntl.ioctl(inside, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
    with subprocess.Popen(
        [*server_process.PROGRAM, *arguments],
        env=server_process.PATH | environ,
        stdin=inside,
        stdout=inside,
        stderr=inside,
        start_new_session=True,
    ) as process:
        os.close(inside)
        output = _read(terminal, until=b": " if answers else None)
        if answers:
            os.write(terminal, answers.encode())
            output += _read(terminal, until=None)
        exit_code = process.wait(60)
    os.close(terminal)
    return Finished(exit_code, output.decode().replace("\r\n", "\n"))


def _read(terminal: int, *, until: bytes | None) -> bytes:
    """Return the output up to its end, or up to *until*."""
    output = b""
    while until is None or until not in output:
        try:
            part = os.read(terminal, 4096)
        except OSError:
            # Linux reports the end of a terminal as an error.
            break
        if not part:
            break
        output += part
    return output


@dataclass(frozen=True)
class Running:
    """A command on a terminal, while it runs.

    Attributes:
        process: The command.
        descriptor: The other side of its terminal.
    """

    process: subprocess.Popen[bytes]
    descriptor: int

    def read_until(self, text: str) -> str:
        """Return the output up to its end, or until it contains *text*."""
        return _read(self.descriptor, until=text.encode()).decode()

    def stop(self, signal_number: int) -> Finished:
        """Send a signal, and return the rest of the output."""
        self.process.send_signal(signal_number)
        output = _read(self.descriptor, until=None)
        return Finished(self.process.wait(60), output.decode())


@contextmanager
def running(*arguments: str, columns: int = 100, **environ: str) -> Iterator[Running]:
    """Run a command without an end on a new terminal; the block's end kills it."""
    terminal, inside = os.openpty()
    fcntl.ioctl(inside, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
    with subprocess.Popen(
        [*server_process.PROGRAM, *arguments],
        env=server_process.PATH | {"TERM": "xterm"} | environ,
        stdin=inside,
        stdout=inside,
        stderr=inside,
        start_new_session=True,
    ) as process:
        os.close(inside)
        try:
            yield Running(process, terminal)
        finally:
            process.kill()
            os.close(terminal)
