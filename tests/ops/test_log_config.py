from __future__ import annotations

import json
import logging
import logging.config
import subprocess
import sys
from pathlib import Path

import pytest

from otp_engine.ops.log_config import JsonFormatter, TerminalFormatter, build_config
from otp_engine.ops.request_log import RequestIdFilter


def log_record(message, *args, error=None, **extra):
    record = logging.LogRecord("a.logger", 20, "file.py", 1, message, args, None)
    if error:
        record.exc_info = (type(error), error, error.__traceback__)
    vars(record).update(extra)
    return record


def test_json_formatter_writes_one_object_with_fields():
    line = JsonFormatter().format(
        log_record("sent %s", "once", status=201, client_name=None)
    )

    parsed = json.loads(line)
    assert parsed.pop("time").endswith("Z")
    assert parsed == {
        "level": "info",
        "logger": "a.logger",
        "message": "sent once",
        "status": 201,
    }


@pytest.mark.parametrize("formatter", [JsonFormatter(), TerminalFormatter()], ids=type)
@pytest.mark.parametrize(
    "text", ["two\nlines", "a\r\nb", "\x1b[31mred", "\u2028", "\ud800"]
)
def test_formatter_escapes_line_breaks_and_control_characters(formatter, text):
    line = formatter.format(log_record("%s", text, field=text))

    assert len(line.splitlines()) == 1
    assert line.isprintable()


@pytest.mark.parametrize("formatter", [JsonFormatter(), TerminalFormatter()], ids=type)
def test_exception_is_logged_without_its_text(formatter):
    with pytest.raises(ValueError, match="123456x") as raised:
        int("123456x")

    line = formatter.format(log_record("failed", error=raised.value))

    assert "ValueError" in line
    assert "test_log_config.py" in line
    assert "123456" not in line


def test_handler_adds_the_request_id():
    configurator = logging.config.DictConfigurator(build_config())
    for kind in ("filters", "formatters"):
        for name, options in configurator.config[kind].items():
            configure = getattr(configurator, f"configure_{kind[:-1]}")
            configurator.config[kind][name] = configure(options)

    handler = configurator.configure_handler(configurator.config["handlers"]["stderr"])

    assert any(isinstance(each, RequestIdFilter) for each in handler.filters)


@pytest.mark.parametrize(
    ("written", "logged"),
    [
        ("Starting granian (main PID: 7)", ["Starting (main PID: 7)"]),
        ("Shutting down granian", ["Shutting down"]),
        ("Granian shutdown completed, see ya!", ["the service has stopped"]),
        ("Started worker-1", ["Started worker-1"]),
        ("64 threads, which seems quite high compared to the number of cores", []),
    ],
)
def test_messages_of_the_server_are_in_the_words_of_the_service(written, logged):
    options = dict(build_config()["filters"]["server_messages"])
    server_messages = options.pop("()")(**options)
    record = log_record("%s", written)

    kept = [record] if server_messages.filter(record) else []

    assert [each.getMessage() for each in kept] == logged


FAILING = """
import threading, warnings
from otp_engine.ops import log_config

log_config.configure()
warnings.warn("a warning\\nof Python")
thread = threading.Thread(target=int, args=("123456x",))
thread.start()
thread.join()
int("123456x")
"""


def test_uncaught_exceptions_and_warnings_are_json_lines_without_their_text():
    result = subprocess.run(
        [sys.executable, "-c", FAILING],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        cwd=Path(__file__).parents[2],
    )

    warning, *errors = map(json.loads, result.stderr.splitlines())
    assert "a warning" in warning["message"]
    assert [error["error"] for error in errors] == ["ValueError"] * 2
    assert [error["level"] for error in errors] == ["critical"] * 2
    assert "123456" not in result.stderr
    assert result.returncode == 1
