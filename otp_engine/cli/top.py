"""Show the last minutes on a screen that refreshes itself."""

from __future__ import annotations

import json
import shutil
import signal
import sys
from collections.abc import Callable, Sequence
from datetime import timedelta
from time import sleep
from typing import Self

import click

from otp_engine.cli import top_frame, top_json
from otp_engine.cli.common import load_with_redis
from otp_engine.cli.terminal import can_refresh, color_setting, fail
from otp_engine.errors import StoreUnavailable
from otp_engine.operations.context import OperatorContext
from otp_engine.operations.traffic import Frame, Monitor

_DEFAULT_WIDTH = 100
# The private modes 1049 and 25 of xterm: the alternate screen, and the cursor.
_ENTER, _LEAVE = "\x1b[?1049h\x1b[?25l", "\x1b[?25h\x1b[?1049l"
_HOME, _END_OF_LINE, _END_OF_SCREEN = "\x1b[H", "\x1b[K", "\x1b[J"


class _Screen:
    """The alternate screen of a terminal, which the block restores at its end."""

    def __enter__(self) -> Self:
        # The default action would leave the terminal without a cursor.
        signal.signal(signal.SIGTERM, _interrupt)
        signal.signal(signal.SIGHUP, _interrupt)
        self._write(_ENTER)
        return self

    def __exit__(self, *error: object) -> None:
        self._write(_LEAVE)

    def show(self, frame: Frame) -> None:
        """Replace the contents of the screen."""
        columns, rows = shutil.get_terminal_size()
        lines = _to_lines(frame, columns, rows - 1)
        text = "".join(f"{line}{_END_OF_LINE}\n" for line in lines)
        self._write(f"{_HOME}{text}{_END_OF_SCREEN}")

    def _write(self, text: str) -> None:
        # click.echo removes all control sequences where it removes colors.
        sys.stdout.write(text)
        sys.stdout.flush()


def top(period: timedelta, *, interval: float, once: bool, as_json: bool) -> None:
    """Show frames until an interrupt, or one frame.

    Args:
        period: How long an event is counted.
        interval: Seconds between two frames.
        once: Whether to print one frame.
        as_json: Whether to print each frame as one line of JSON.
    """
    if not (once or as_json or can_refresh()):
        fail("the output is not a terminal that can refresh: use --once or --json")
    monitor = Monitor(OperatorContext.build(*load_with_redis()), period)
    if once:
        frame = monitor.read()
        _print_json(frame) if as_json else _print(frame)
        return
    try:
        if as_json:
            _repeat(monitor, _print_json, interval)
        with _Screen() as screen:
            _repeat(monitor, screen.show, interval)
    except KeyboardInterrupt:
        return


def _repeat(monitor: Monitor, show: Callable[[Frame], None], interval: float) -> None:
    while True:
        try:
            frame = monitor.read()
        except StoreUnavailable as error:
            frame = monitor.without_redis(error)
        show(frame)
        sleep(interval)


def _print(frame: Frame) -> None:
    is_terminal = bool(sys.stdout and sys.stdout.isatty())
    columns = shutil.get_terminal_size().columns if is_terminal else _DEFAULT_WIDTH
    for line in top_frame.to_lines(frame, columns):
        click.echo(line)


def _print_json(frame: Frame) -> None:
    click.echo(json.dumps(top_json.to_dict(frame)))


def _to_lines(frame: Frame, columns: int, rows: int) -> Sequence[str]:
    lines = top_frame.to_lines(frame, columns, rows)
    return lines if color_setting() is None else [*map(click.unstyle, lines)]


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt
