"""Every request of the documents to a service in dev mode, and the Python they show."""

from __future__ import annotations

import ast
import base64
import json
import re
import shlex
import subprocess
import time
from collections.abc import Iterator
from typing import Any

import jwt
import pyotp
import pytest
import twilio.rest

import otp_engine_client
from tests.support import redis_server, server_process
from tests.support.documented_blocks import Block, Command, blocks

ELLIPSIS = "..."
SHOWN_CODE = "482913"
SEED = base64.b64encode(b"s" * 32).decode()
PUBLIC_URL = "https://otp.example.com"
REQUESTED = [block for block in blocks() if block.is_requested]


@pytest.fixture(scope="module")
def server() -> Iterator[server_process.ServerProcess]:
    """Run a service in dev mode, as the documents have it on port 3000."""
    environ = {
        "OTP_PROOF_KEY": SEED,
        "OTP_PUBLIC_URL": PUBLIC_URL,
        "OTP_SENDS_PER_PHONE": "off",
        "OTP_ARGON2": "m=64,t=1,p=1",
    }
    with server_process.running_server("--dev", "--workers", "1", **environ) as server:
        yield server


@pytest.fixture
def address(server) -> str:
    """Return the URL of the service."""
    return f"http://127.0.0.1:{server.port}"


def code_in_inbox(server, number: str) -> str:
    """Return the newest code for a number."""
    query = f"/dev/inbox.json?to=%2B{number.lstrip('+')}"
    return str(server.get(query).body["messages"][0]["code"])


class Person:
    """The person of a page: enters the codes that the service has sent or expects.

    A document shows an example code, which is right for no other verification.
    """

    def __init__(self, server) -> None:
        self._server = server
        self._steps = iter(range(10))
        self._enrolled: dict[str, Any] = {}

    def fill_in(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """Return the body of a request with codes that are right now."""
        if "recovery_code" in body:
            return body | {"recovery_code": self._enrolled["recovery_codes"][0]}
        if "otp" not in body:
            return body
        if "/totp/" in path:
            app = pyotp.TOTP(self._enrolled["secret"])
            step = int(time.time()) // 30 + next(self._steps)
            return body | {"otp": app.generate_otp(step)}
        return body | {"otp": code_in_inbox(self._server, f"91{body['phone']}")}

    def read(self, path: str, text: str) -> None:
        """Keep what an enrollment shows."""
        if path.endswith("/enroll"):
            self._enrolled = json.loads(text)


def request(command: Command, server, person: Person) -> tuple[str, str]:
    """Run a command of a document with curl; return the head and the body."""
    words = shlex.split(command.line)
    url = next(word for word in words if word.startswith("localhost:3000"))
    path = url.removeprefix("localhost:3000")
    words[words.index(url)] = f"127.0.0.1:{server.port}{path}"
    if "--json" in words:
        place = words.index("--json") + 1
        words[place] = json.dumps(person.fill_in(path, json.loads(words[place])))
    curl = redis_server.program("curl", required_by="OTP_REQUIRE_CURL")
    printed = subprocess.run(
        [curl, "--silent", "--show-error", "--fail-with-body", *words[1:]],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    ).stdout
    head, _, text = printed.rpartition("\n\n")
    person.read(path, text)
    return head, text


def problems(command: Command, head: str, text: str) -> list[str]:
    """List the shown lines that the service did not return."""
    found = []
    lines = re.findall(r"^([\w-]+): (.*)$", head, re.MULTILINE)
    headers = {name.lower(): value for name, value in lines}
    for line in command.shown:
        if line.startswith("{"):
            # Long values are cut off, so only the names are compared.
            cut = ELLIPSIS in line
            shown, returned = (
                re.findall(r'"(\w+)":', each) if cut else [each.strip()]
                for each in (line, text)
            )
            right = shown == returned
        elif line.startswith("HTTP/"):
            right = line.split()[1] == head.split()[1]
        else:
            name, _, value = line.partition(": ")
            returned = headers.get(name.lower(), "")
            right = returned.startswith(value.removesuffix(ELLIPSIS)) and returned != ""
        found += [] if right else [f"{line} != {head} {text}"]
    return found


@pytest.mark.parametrize("page", sorted({block.page for block in REQUESTED}))
def test_requests_of_the_page_are_answered_as_it_shows(server, page):
    person = Person(server)
    wrong = []
    for block in REQUESTED:
        if block.page == page:
            for command in block.commands:
                wrong += problems(command, *request(command, server, person))
    server.post_form("/dev/inbox/provider", {"outcome": "accepted"})

    assert wrong == []


def python(page: str, heading: str) -> str:
    """Return the block of Python below a heading of a page."""
    [block] = [
        each
        for each in blocks()
        if (each.page, each.heading, each.language) == (page, heading, "python")
    ]
    return block.text


def run(code: str, server=None, **names: object) -> Any:
    """Run the code of a document, and return the value of its last line.

    Args:
        code: The code.
        server: The service with the code that was sent to a person, in the place of
            the shown one.
        names: The names that the code uses, to which its own are added.
    """
    value = None
    for statement in ast.parse(code).body:
        text = ast.unparse(statement)
        if SHOWN_CODE in text:
            text = text.replace(SHOWN_CODE, code_in_inbox(server, "+919445012345"))
        if isinstance(statement, ast.Expr):
            value = eval(text, names)  # noqa: S307 - the code of the page
        else:
            exec(text, names)  # noqa: S102 - the same
    return names | {"value": value}


def test_python_of_the_readme_verifies_a_number(server, address):
    code = python("README.md", "How to call it")

    ran = run(code.replace("http://localhost:3000", address), server, twilio=twilio)

    assert ran["value"] == "approved"


def test_python_of_the_quickstart_verifies_a_number(server, address):
    code = python("docs/quickstart.md", "Your own application")
    code = code.replace("http://localhost:3000", address)

    ran = run(code, server, otp_engine_client=otp_engine_client, session={})

    ran["otp"].close()
    assert ran["approved"]


def test_changed_line_of_python_calls_the_service(server, address):
    code = python("docs/migrating-from-twilio-verify.md", "The changed line")
    names = run(
        code.replace("http://localhost:3000", address),
        Client=twilio.rest.Client,
        account_sid=f"AC{'0' * 32}",
        auth_token="token",
    )

    service = names["client"].verify.v2.services(f"VA{'0' * 32}").fetch()

    assert service.sid == f"VA{'0' * 32}"


def test_python_of_the_api_page_accepts_a_proof_token(server, address):
    phone = {"phone": "+919876501234"}
    server.post("/auth/send_otp", phone)
    code = code_in_inbox(server, "+919876501234")
    approval = server.post("/auth/verify_otp", phone | {"otp": code})
    shown = python("docs/api.md", "Proof tokens")
    # The request has no API key.
    shown = shown.replace('audience="shop"', 'audience="anonymous"')
    shown = shown.replace(f"{PUBLIC_URL}/.well-known", f"{address}/.well-known")

    names = run(shown, jwt=jwt, proof=approval.headers["otp-proof"])

    assert names["proven"]["sub"] == "+919876501234"


def test_every_block_of_python_compiles():
    shown: list[Block] = [block for block in blocks() if block.language == "python"]

    for block in shown:
        compile(block.text, str(block), "exec")

    assert len(shown) > 10
