"""The commands of docs/authenticators.md, on a running service."""

from __future__ import annotations

import base64
import http.client
import json
import re
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pyotp

from tests.support import server_process

GUIDE = (Path(__file__).parents[2] / "docs" / "authenticators.md").read_text()
# A command, then the lines of its answer up to the end of the block.
COMMAND = re.compile(
    r"\$ curl (?P<include>-i )?(?:-X (?P<method>[A-Z]+) )?localhost:3000(?P<path>\S+)"
    r" --json '(?P<body>{.*})'\n(?P<answer>(?:.*\n)*?)```"
)
ELLIPSIS = "..."
SEED = base64.b64encode(b"s" * 32).decode()


def send(server, method, path, body):
    connection = http.client.HTTPConnection(server.host, server.port, timeout=60)
    headers = {"Content-Type": "application/json"}
    with closing(connection):
        connection.request(method, path, json.dumps(body), headers)
        response = connection.getresponse()
        return response, response.read().decode()


def problems(answer, response, text):
    """List the lines of an answer of the guide that the service did not return."""
    found = []
    for line in answer.splitlines():
        if line.startswith("{"):
            shown = line
            if ELLIPSIS in line:
                # Long values are cut off, so only the names are compared.
                shown, text = (
                    str(re.findall(r'"(\w+)":', each)) for each in (line, text)
                )
            ok = shown == text.strip()
        elif line.startswith("HTTP/"):
            ok = line.split()[1] == str(response.status)
        else:
            name, _, value = line.partition(": ")
            returned = response.headers[name] or ""
            ok = returned.startswith(value.removesuffix(ELLIPSIS)) and returned != ""
        found += [] if ok else [f"{line} != {response.status} {text}"]
    return found


def test_commands_of_the_guide_are_answered_as_it_shows():
    enrolled: dict[str, Any] = {}
    wrong: list[str] = []
    steps = iter(range(10))
    with server_process.running_server("--dev", OTP_PROOF_KEY=SEED) as server:
        for command in COMMAND.finditer(GUIDE):
            body = json.loads(command["body"])
            if "otp" in body:
                app = pyotp.TOTP(enrolled["secret"])
                body["otp"] = app.generate_otp(int(time.time()) // 30 + next(steps))
            if "recovery_code" in body:
                body["recovery_code"] = enrolled["recovery_codes"][0]

            response, text = send(
                server, command["method"] or "POST", command["path"], body
            )

            wrong += problems(command["answer"], response, text)
            if command["path"].endswith("/enroll"):
                enrolled = json.loads(text)

    assert len(COMMAND.findall(GUIDE)) == 7
    assert wrong == []
