"""Log format: one line a record, as a JSON object or as text for a terminal.

The `extra` of a record becomes fields of the object. An exception is logged as its
class and the locations of its stack, without its text, which may quote user input.
"""

from __future__ import annotations

import json
import logging
import logging.config
import sys
import threading
import time
import traceback
from functools import lru_cache
from types import TracebackType
from typing import Any

from otp_engine.ops.request_log import RequestIdFilter

log = logging.getLogger(__name__)

_encode = json.JSONEncoder(default=str).encode
_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime"}


class JsonFormatter(logging.Formatter):
    """Formats a record as one JSON object, with the time in UTC."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line of *record*; characters that could end it are escaped."""
        fields = {
            "time": _utc(record.created),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **_fields(record),
        }
        return _encode(fields)


class TerminalFormatter(logging.Formatter):
    """Formats a record as a line for a terminal, with the time in local time."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line of *record*: its message, then its fields."""
        parts = [
            time.strftime("%H:%M:%S", time.localtime(record.created)),
            f"{record.levelname.lower():<7}",
            ascii(record.getMessage())[1:-1],
            *(f"{name}={value!a}" for name, value in _fields(record).items()),
        ]
        return " ".join(parts)


class _ServerMessages(logging.Filter):
    """Drops and rewrites messages of Granian, in the parent and the workers."""

    def filter(self, record: logging.LogRecord) -> bool:
        message = record.getMessage()
        if message.startswith("Granian shutdown completed"):
            record.msg, record.args = "the service has stopped", ()
        elif " granian" in message:
            record.msg, record.args = message.replace(" granian", ""), ()
        # It advises fewer threads, and most of them wait on purpose.
        return "quite high compared" not in message


def build_config() -> dict[str, Any]:
    """Build the configuration for `logging.config.dictConfig`.

    The format is JSON unless the standard error is a terminal. Granian's own loggers
    use the same handler.

    Returns:
        The configuration.
    """
    formatter = TerminalFormatter if sys.stderr.isatty() else JsonFormatter
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"line": {"()": formatter}},
        "filters": {
            "request_id": {"()": RequestIdFilter},
            "server_messages": {"()": _ServerMessages},
        },
        "handlers": {
            "stderr": {
                "class": "logging.StreamHandler",
                "formatter": "line",
                "filters": ["request_id"],
                "stream": "ext://sys.stderr",
            }
        },
        "root": {"level": "INFO", "handlers": ["stderr"]},
        "loggers": {"_granian": {"level": "INFO", "filters": ["server_messages"]}},
    }


def configure() -> None:
    """Configure logging as `build_config` describes.

    Exceptions that no code handles and warnings of Python become records too. Their
    usual text is on several lines, and can quote user input.
    """
    logging.config.dictConfig(build_config())
    logging.captureWarnings(capture=True)
    # As Python's logging HOWTO recommends, nothing is collected that no format uses.
    logging._srcfile = None  # noqa: SLF001 - documented there
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    sys.excepthook = _log_uncaught
    threading.excepthook = lambda args: _log_uncaught(
        args.exc_type, args.exc_value or args.exc_type(), args.exc_traceback
    )


def _log_uncaught(
    kind: type[BaseException], error: BaseException, trace: TracebackType | None
) -> None:
    if issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, trace)
        return
    log.critical("unexpected error", exc_info=(kind, error, trace))


def _fields(record: logging.LogRecord) -> dict[str, Any]:
    fields = {
        name: value
        for name, value in vars(record).items()
        if name not in _STANDARD and value is not None
    }
    if record.exc_info and record.exc_info[1]:
        fields["error"] = type(record.exc_info[1]).__name__
        fields["where"] = _stack_locations(record.exc_info[2])
    return fields


def _stack_locations(trace: TracebackType | None) -> list[str]:
    return [
        f"{frame.filename}:{frame.lineno} {frame.name}"
        for frame in traceback.extract_tb(trace)
    ]


def _utc(seconds: float) -> str:
    return f"{_utc_seconds(int(seconds))}.{int(seconds % 1 * 1000):03}Z"


@lru_cache(maxsize=2)
def _utc_seconds(seconds: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))
