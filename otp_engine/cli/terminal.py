"""Output of the commands: status lines, and text that is safe on a terminal."""

from __future__ import annotations

import sys
from typing import NoReturn

import click


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
    """Print *message* to the standard error, after a colored *symbol*."""
    click.echo(f"{click.style(symbol, fg=color)} {message}", err=True)
