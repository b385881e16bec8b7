"""The house rules, held by a machine."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from statistics import median

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "otp_engine"
MODULES = sorted(PACKAGE.rglob("*.py"))
SCRIPTS = sorted((PACKAGE / "store" / "lua").glob("*.lua"))
LUA_LIBRARY = sorted((PACKAGE / "store" / "lua" / "lib").glob("*.lua"))
TESTS = sorted((ROOT / "tests").rglob("*.py"))


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def functions(module: Path) -> list[ast.FunctionDef]:
    nodes = ast.walk(ast.parse(module.read_text()))
    return [node for node in nodes if isinstance(node, ast.FunctionDef)]


def body_lines(function: ast.FunctionDef) -> int:
    body = function.body[1:] if ast.get_docstring(function) else function.body
    return (body[-1].end_lineno or 0) - body[0].lineno + 1 if body else 0


def test_every_file_can_be_read_in_one_sitting():
    files = [*MODULES, *SCRIPTS, *LUA_LIBRARY]

    long = [name(file) for file in files if len(file.read_text().splitlines()) > 400]

    assert long == []


def test_every_module_says_what_it_is_for():
    silent = [
        name(module)
        for module in MODULES
        if not ast.get_docstring(ast.parse(module.read_text()))
    ]

    assert silent == []


def test_functions_are_short():
    lengths = [body_lines(f) for module in MODULES for f in functions(module)]

    assert median(lengths) <= 5
    assert max(lengths) <= 40


@pytest.mark.parametrize("script", SCRIPTS, ids=name)
def test_every_script_says_what_it_takes_returns_and_does_to_the_ttl(script):
    header = script.read_text().split("\n\n", 1)[0]

    assert header.startswith(f"-- {script.stem}: ")
    for word in ("-- KEYS[", "-- ARGV", "-- returns ", "-- TTL: "):
        assert word in header


@pytest.mark.parametrize("library", LUA_LIBRARY, ids=name)
def test_every_lua_library_has_a_summary(library):
    assert library.read_text().startswith(f"-- {library.stem}: ")


def test_only_the_edge_reads_the_environment():
    readers = {name(module) for module in MODULES if "os.environ" in module.read_text()}

    assert readers <= {
        "otp_engine/cli/common.py",
        "otp_engine/cli/serve.py",
        "otp_engine/server.py",
    }


def test_an_exception_to_a_check_gives_its_reason():
    marks = [
        f"{name(module)}: {mark}"
        for module in [*MODULES, *TESTS]
        for mark in re.findall(r"#\s(?:noqa|type: ignore)[^\n]*", module.read_text())
    ]

    without = [
        mark for mark in marks if not re.search(r"(?:[A-Z0-9]+|\]) (?:-|#) \w", mark)
    ]

    assert without == []
