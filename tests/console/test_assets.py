"""The stylesheets and scripts of the console, and when its package is imported."""

from __future__ import annotations

import hashlib
import re
import subprocess
import sys
from pathlib import Path

import pytest

from otp_engine import console
from tests.support.operators import KEYS
from tests.support.settings import PRODUCTION

STATIC = Path(console.__file__).parent / "static"
UPLOT = STATIC / "vendor" / "uplot"
RECORDED = re.findall(
    r"^\| `([\w.]+)` .* `([0-9a-f]{64})` \|$",
    (UPLOT / "README.md").read_text(),
    re.MULTILINE,
)
BUILD = """
import os, sys
from otp_engine import config
from otp_engine.app import create_app
create_app(config.load(os.environ))
print([name for name in sys.modules if name.startswith("otp_engine.console")])
"""


def test_vendored_files_are_those_of_the_package():
    assert RECORDED
    assert {
        name: hashlib.sha256((UPLOT / name).read_bytes()).hexdigest()
        for name, _ in RECORDED
    } == dict(RECORDED)
    assert {path.name for path in UPLOT.iterdir()} == {
        *dict(RECORDED),
        *("LICENSE", "README.md"),
    }


@pytest.mark.parametrize(
    "path",
    [
        "console.css",
        "chart.js",
        "events.js",
        "overview.js",
        "vendor/uplot/uPlot.iife.min.js",
    ],
)
def test_assets_need_no_sign_in(operator, path):
    response = operator.get(f"/assets/{path}", buffered=True)

    assert response.status_code == 200
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert response.headers["ETag"]


@pytest.mark.parametrize("path", [*STATIC.glob("*.js"), *STATIC.glob("*.css")], ids=str)
def test_own_assets_name_no_other_host(path):
    assert "://" not in path.read_text()


def imported_modules(environ):
    result = subprocess.run(
        [sys.executable, "-c", BUILD],
        env={"PYTHONPATH": ":".join(sys.path), **environ},
        capture_output=True,
        text=True,
        check=True,
    )
    return result.stdout


def test_service_without_the_console_does_not_import_it():
    assert imported_modules(PRODUCTION) == "[]\n"


def test_service_with_the_console_imports_it():
    assert "otp_engine.console.access" in imported_modules(
        PRODUCTION | {"OTP_CONSOLE_KEY": KEYS}
    )
