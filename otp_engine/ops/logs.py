"""One line an event: a JSON object, or plain words on a terminal.

What a record brings in `extra` becomes fields of the object. An exception becomes its
class and where it passed, never its text, which may quote what a person typed.
"""

from __future__ import annotations

import json
import logging
import logging.config
import sys
import time
import traceback
from types import TracebackType
from typing import Any

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime"}


class JsonFormatter(logging.Formatter):
    """One JSON object a line, in UTC."""

    def format(self, record: logging.LogRecord) -> str:
        """Write *record*; text that could break the line is escaped."""
        line = {
            "time": _utc(record.created),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **_fields(record),
        }
        return json.dumps(line, default=str)


class _AlreadyDecided(logging.Filter):
    """Drops the server's advice against many threads, which here wait on purpose."""

    def filter(self, record: logging.LogRecord) -> bool:
        return "quite high compared" not in record.getMessage()


class TerminalFormatter(logging.Formatter):
    """A line for a person at a terminal."""

    def format(self, record: logging.LogRecord) -> str:
        """Write *record*, its fields behind the message."""
        words = [
            time.strftime("%H:%M:%S", time.localtime(record.created)),
            f"{record.levelname.lower():<7}",
            ascii(record.getMessage())[1:-1],
            *(f"{name}={value!a}" for name, value in _fields(record).items()),
        ]
        return " ".join(words)


def settings() -> dict[str, Any]:
    """The `logging` configuration, for the standard error's kind of place.

    The server's own loggers are in it, so that its words come in the same shape.
    """
    terminal = sys.stderr.isatty()
    formatter = TerminalFormatter if terminal else JsonFormatter
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"line": {"()": formatter}},
        "handlers": {
            "stderr": {
                "class": "logging.StreamHandler",
                "formatter": "line",
                "stream": "ext://sys.stderr",
            }
        },
        "root": {"level": "INFO", "handlers": ["stderr"]},
        "filters": {"decided": {"()": _AlreadyDecided}},
        "loggers": {"_granian": {"level": "INFO", "filters": ["decided"]}},
    }


def configure() -> None:
    """Log as `settings` say."""
    logging.config.dictConfig(settings())


def _fields(record: logging.LogRecord) -> dict[str, Any]:
    fields = {
        name: value
        for name, value in vars(record).items()
        if name not in _STANDARD and value is not None
    }
    if record.exc_info and record.exc_info[1]:
        fields["error"] = type(record.exc_info[1]).__name__
        fields["where"] = _where(record.exc_info[2])
    return fields


def _where(trace: TracebackType | None) -> list[str]:
    return [
        f"{frame.filename}:{frame.lineno} {frame.name}"
        for frame in traceback.extract_tb(trace)
    ]


def _utc(seconds: float) -> str:
    whole = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))
    return f"{whole}.{int(seconds % 1 * 1000):03}Z"
