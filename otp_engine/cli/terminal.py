"""Output of the commands: status lines, tables, and text that is safe to print."""

from __future__ import annotations

import codecs
import os
import shutil
import sys
import textwrap
from collections.abc import Sequence
from typing import NoReturn

import click

_MIN_WIDTH = 20
_PLAIN = {"✓": "+", "✗": "x", "→": "->", "…": "..."}


def success(message: str) -> None:
    """Print a positive result to the standard error."""
    status_line("✓", "green", message)


def warn(message: str) -> None:
    """Print a warning to the standard error."""
    status_line("!", "yellow", message)


def fail(*messages: str) -> NoReturn:
    """Print errors to the standard error, and exit with 1."""
    for message in messages:
        status_line("✗", "red", message)
    sys.exit(1)


def printable(text: str) -> str:
    """Return *text* with the characters escaped that could move the cursor."""
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in text)


def status_line(symbol: str, color: str, message: str) -> None:
    """Print *message* to the standard error, after a colored *symbol*.

    On a terminal a long message continues on the next line, at the end of a word.
    """
    text = fit(message, indent=len(symbol) + 1)
    click.echo(f"{click.style(symbol, fg=color)} {text}", err=True)


def fit(message: str, *, indent: int) -> str:
    """Break *message* between words, where the standard error is a terminal.

    Args:
        message: The text; its own line ends stay.
        indent: Columns before the first line, and before each further one.
    """
    if not (sys.stderr and sys.stderr.isatty()):
        return message
    width = max(_MIN_WIDTH, shutil.get_terminal_size().columns)
    lines = [
        textwrap.fill(
            line,
            width,
            initial_indent=" " * indent,
            subsequent_indent=" " * indent,
            break_long_words=False,
            break_on_hyphens=False,
        )
        for line in message.splitlines()
    ]
    return "\n".join(lines)[indent:]


def read_input(label: str, *, hidden: bool = False) -> str:
    """Return one line of the standard input; on a terminal, after a prompt.

    The input is in no process list and in no history of a shell.

    Args:
        label: What to enter.
        hidden: Whether a terminal shows no input, for a secret.
    """
    if sys.stdin is None:
        return ""
    if sys.stdin.isatty():
        text: str = click.prompt(label, hide_input=hidden, err=True)
        return text.strip()
    return sys.stdin.readline().strip()


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Return the lines of a table with aligned columns.

    Args:
        header: The name of each column.
        rows: The cells of each row, as many as the header has.
    """
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
    return [
        "  ".join(
            f"{cell:{width}}" for cell, width in zip(row, widths, strict=True)
        ).rstrip()
        for row in [header, *rows]
    ]


def open_closed_streams() -> None:
    """Open the standard streams that the parent process has closed, to nowhere.

    A connection would get the number of such a stream otherwise, and every library that
    writes to the standard error would write into it.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            # The lowest free number is that of the stream, because they are in order.
            nowhere = open(os.devnull, mode)  # noqa: PTH123, SIM115 - open until the end
            setattr(sys, name, nowhere)


def use_plain_text_where_needed() -> None:
    """Let the standard streams write every character, whatever their encoding.

    A character that the encoding of the locale lacks becomes an ASCII sign, or an
    escape sequence. Without this, a positive result could end in a traceback.
    """
    codecs.register_error("otp_plain", _to_plain)
    for stream in (sys.stdout, sys.stderr):
        # A closed stream is None, and a test can replace it by another type.
        if reconfigure := getattr(stream, "reconfigure", None):
            reconfigure(errors="otp_plain")


def discard_output() -> None:
    """Send the rest of the standard output nowhere.

    Python writes what is in its buffer at the end, which would fail again.
    """
    with open(os.devnull, "wb") as nowhere:  # noqa: PTH123 - a device
        os.dup2(nowhere.fileno(), sys.stdout.fileno())


def color_setting() -> bool | None:
    """Return False if `NO_COLOR` is set, and None for colors on a terminal only.

    See https://no-color.org: any value except an empty one turns colors off.
    """
    return False if os.environ.get("NO_COLOR") else None


def can_refresh() -> bool:
    """Return whether the standard output is a terminal with control sequences."""
    is_terminal = bool(sys.stdout and sys.stdout.isatty())
    return is_terminal and os.environ.get("TERM") not in {None, "", "dumb"}


def _to_plain(error: UnicodeError) -> tuple[str | bytes, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    text = error.object[error.start : error.end]
    plain = "".join(_PLAIN.get(char) or ascii(char)[1:-1] for char in text)
    return plain, error.end
