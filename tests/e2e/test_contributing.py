"""The commands of CONTRIBUTING.md, on files and ports of their own."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from tests.support import documented_blocks, redis_server

ROOT = documented_blocks.ROOT
BIN = f"{Path(sys.executable).parent}/"


def commands_of(heading: str) -> list[str]:
    """Return the commands of the block with a heading of CONTRIBUTING.md."""
    [block] = (
        block
        for block in documented_blocks.blocks()
        if (block.page, block.heading) == ("CONTRIBUTING.md", heading)
    )
    return [command.line.replace(".venv/bin/", BIN) for command in block.commands]


def shell(command: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    """Run a command of a shell in the root of the repository."""
    return subprocess.run(
        ["/bin/sh", "-c", command],
        cwd=ROOT,
        input=stdin,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_example_of_pytest_selects_tests():
    one, word = commands_of("Tests")

    results = [shell(f"{each} --collect-only -q -n 0") for each in (one, word)]

    assert [result.returncode for result in results] == [0, 0]
    assert all("::test_" in result.stdout for result in results)


def test_debugger_of_redis_stops_in_the_printed_script(tmp_path):
    redis_server.redis_program()
    port = str(redis_server.free_port())
    write, start, debug, stop = (
        re.sub(r"[^ >]+/(?=script.lua)", f"{tmp_path}/", line).replace("7777", port)
        for line in commands_of("Debugging a Lua script")
    )
    assert shell(write).returncode == 0
    assert shell(start).returncode == 0
    redis_server.wait_until(lambda: redis_server.listens(int(port)))

    try:
        debugged = shell(debug, "c\n")
    finally:
        stopped = shell(stop)

    assert stopped.returncode == 0
    assert "* Stopped at" in debugged.stdout
    assert '"not_found"' in debugged.stdout
