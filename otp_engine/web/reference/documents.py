"""The OpenAPI documents, from files by area in a short form.

The short form of a response has `x-errors`, the names of its errors, in place of their
schema and examples; `x-limit`, whether a client with a key also gets the name of the
rule; and `x-headers`, the names of headers in the components. Every response has
`X-Request-Id`.
"""

from __future__ import annotations

import json
from importlib import resources
from typing import Any, NamedTuple

from otp_engine import __version__
from otp_engine.web.reference import samples

_FOLDER = resources.files("otp_engine.web.reference")
_DEV_MODE = "Dev mode"
_ERROR = {"$ref": "#/components/schemas/Error"}

Node = dict[str, Any]
"""A part of a document."""


class ErrorText(NamedTuple):
    """A row of the table of errors.

    Attributes:
        name: The stable name.
        status: The HTTP status.
        message: An example of the text for people.
        cause: When the service returns it.
        action: What the program does then.
    """

    name: str
    status: int
    message: str
    cause: str
    action: str


def load_errors() -> list[ErrorText]:
    """Return the errors of `/auth`, by status."""
    rows = json.loads((_FOLDER / "errors.json").read_text(encoding="utf-8"))
    return [ErrorText(**row) for row in rows]


class VerifyErrorText(NamedTuple):
    """A row of the table of errors of `/v2`.

    Attributes:
        code: The error code of Twilio.
        status: The HTTP status.
        cause: When the service returns it.
        action: What the program does then.
    """

    code: int
    status: int
    cause: str
    action: str


def load_verify_v2_errors() -> list[VerifyErrorText]:
    """Return the errors of `/v2`, by code."""
    rows = json.loads((_FOLDER / "errors_v2.json").read_text(encoding="utf-8"))
    return [VerifyErrorText(**row) for row in rows]


def load_auth(*, dev: bool = True, root: str = "/", server: str = "") -> Node:
    """Return the document of `/auth` and of the pages.

    Args:
        dev: Whether the service is in dev mode, which has more operations.
        root: The URL of the service, relative to that of the document.
        server: The URL of the service in the samples.
    """
    document = _read("auth", root)
    if not dev:
        document["tags"] = [tag for tag in document["tags"] if tag["name"] != _DEV_MODE]
        for path, item in list(document["paths"].items()):
            if any(_DEV_MODE in operation["tags"] for operation in item.values()):
                del document["paths"][path]
    errors = {error.name: error for error in load_errors()}
    components = document["components"]
    for response in components["responses"].values():
        _expand(response, errors)
    for item in document["paths"].values():
        for operation in item.values():
            for response in operation["responses"].values():
                _expand(response, errors)
    samples.add_to(document, server)
    return document


def load_verify_v2(*, root: str = "/", server: str = "") -> Node:
    """Return the document of `/v2`.

    Args:
        root: The URL of the service, relative to that of the document.
        server: The URL of the service in the samples.
    """
    document = _read("verify_v2", root)
    samples.add_to(document, server)
    return document


def _read(folder: str, root: str) -> Node:
    """Return the files of *folder* as one document."""
    files = {
        file.name: json.loads(file.read_text(encoding="utf-8"))
        for file in sorted((_FOLDER / folder).iterdir(), key=lambda file: file.name)
    }
    document: Node = files.pop("document.json")
    paths = {path: item for file in files.values() for path, item in file.items()}
    order = [tag["name"] for tag in document["tags"]]
    document["paths"] = dict(
        sorted(paths.items(), key=lambda entry: order.index(_tag(entry[1])))
    )
    document["info"]["version"] = __version__
    # Relative to the document, as the specification defines.
    document["servers"][0]["url"] = root
    return document


def _tag(item: Node) -> str:
    name: str = next(iter(item.values()))["tags"][0]
    return name


def _expand(response: Node, errors: dict[str, ErrorText]) -> None:
    """Replace the short form of *response*."""
    if "$ref" in response:
        return
    headers = [*response.pop("x-headers", ()), "X-Request-Id"]
    response["headers"] = {
        name: {"$ref": f"#/components/headers/{name}"} for name in headers
    }
    names = response.pop("x-errors", None)
    if names is None:
        return
    properties: Node = {"error": {"enum": names}}
    if response.pop("x-limit", False):
        properties["limit"] = {"$ref": "#/components/schemas/Limit"}
    response["content"] = {
        "application/json": {
            "schema": {"allOf": [_ERROR, {"properties": properties}]},
            "examples": {
                name: {
                    "summary": name,
                    "value": {"msg": errors[name].message, "error": name},
                }
                for name in names
            },
        }
    }


def load_limit_headers() -> list[tuple[str, str]]:
    """Return the names and texts of the headers about limits and waits."""
    headers = _read("auth", "/")["components"]["headers"]
    names = ("OTP-Attempts-Left", "OTP-Resend-After", "Retry-After")
    return [
        (name, headers[name]["description"])
        for name in (*names, "RateLimit-Policy", "RateLimit")
    ]
