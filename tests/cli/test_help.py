"""The help of every command: complete, and cheap."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator

import click
import pytest

from otp_engine.cli import main
from otp_engine.cli.commands.events import KINDS
from otp_engine.crypto import api_keys
from otp_engine.store.events.codec import EVENT_KINDS
from tests.support import server_process
from tests.support.command_line import run

KEY = api_keys.generate()
HEAVY = {
    "argon2",
    "cattrs",
    "cryptography",
    "fakeredis",
    "flask",
    "granian",
    "jwt",
    "phonenumbers",
    "prometheus_client",
    "pyotp",
    "redis",
    "segno",
    "twilio",
    "urllib3",
    "werkzeug",
}
# Python, click and the commands are about 200 modules; with Redis and Flask, 800.
MAX_MODULES = 300
# Prints the modules that each of the command lines has added.
IMPORTED = """
import json, sys
from otp_engine.cli import main

modules = []
for arguments in json.loads(sys.argv[1]):
    main(arguments, prog_name="otp-engine", standalone_mode=False)
    modules.append(sorted(sys.modules))
print(json.dumps(modules))
"""


def commands(
    group: click.Group = main, path: tuple[str, ...] = ()
) -> Iterator[tuple[str, ...]]:
    """Yield the path of each command and group, such as `("policy", "set")`."""
    yield path
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from commands(command, (*path, name))
        else:
            yield (*path, name)


ALL = list(commands())


def modules_after(*lines: tuple[str, ...], **environ: str) -> list[set[str]]:
    """Return the modules that are imported after each command line of one process."""
    result = subprocess.run(
        [sys.executable, "-c", IMPORTED, json.dumps(lines)],
        env=server_process.PATH | environ,
        capture_output=True,
        text=True,
        check=True,
    )
    return list(map(set, json.loads(result.stdout.splitlines()[-1])))


@pytest.mark.parametrize("option", ["-h", "--help"])
@pytest.mark.parametrize("path", ALL, ids=" ".join)
def test_help_of_every_command_needs_no_environment(path, option):
    result = run(*path, option)

    assert result.exit_code == 0
    assert result.stdout.startswith(f"Usage: {' '.join(['otp-engine', *path])} ")


def test_help_of_every_command_imports_no_heavy_module():
    lines = [*((*path, "--help") for path in ALL), ("--version",)]

    imported = dict(zip(lines, modules_after(*lines), strict=True))

    assert {line: modules & HEAVY for line, modules in imported.items()} == {
        line: set() for line in lines
    }
    assert max(map(len, imported.values())) < MAX_MODULES


@pytest.mark.parametrize(
    "line", [("keys", "new", "shop"), ("keys", "pepper"), ("keys", "check", KEY)]
)
def test_commands_about_keys_import_no_store_and_no_server(line):
    [modules] = modules_after(line)

    assert modules & HEAVY == set()


@pytest.mark.parametrize("path", ALL, ids=" ".join)
def test_summaries_fit_80_columns(path):
    result = run(*path, "--help", COLUMNS="80")

    _, _, commands_of_group = result.stdout.partition("Commands:")
    assert "..." not in commands_of_group
    assert max(map(len, result.stdout.splitlines())) <= 80


@pytest.mark.parametrize("path", ALL[1:], ids=" ".join)
def test_summary_of_every_command_is_one_sentence(path):
    command: click.Command = main
    for name in path:
        assert isinstance(command, click.Group)
        command = command.commands[name]

    summary = command.get_short_help_str(limit=200)

    assert re.fullmatch(r"[A-Z][^.]+\.", summary)


@pytest.mark.parametrize("group", [(), ("policy",), ("keys",)], ids=" ".join)
def test_group_without_a_command_prints_its_help(group):
    result = run(*group)

    assert result.exit_code == 2
    assert result.stderr == run(*group, "--help").stdout


def test_option_kind_has_every_kind_of_event():
    assert sorted(KINDS) == sorted(EVENT_KINDS)


@pytest.mark.parametrize(
    ("arguments", "kind"),
    [
        (("policy", "rollback", "first"), "integer"),
        (("events", "-n", "first"), "integer"),
        (("serve", "--port", "http"), "integer"),
        (("calibrate", "--rate", "high"), "number"),
    ],
)
def test_error_of_a_number_names_its_kind(arguments, kind):
    result = run(*arguments)

    assert result.exit_code == 2
    assert f"'{arguments[-1]}' is not a valid {kind}." in result.stderr
