"""Samples of each operation, for curl, Python and Node (`x-codeSamples`).

They read the credentials from the environment, so that no secret is in them.
"""

from __future__ import annotations

import json
import shlex
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

_JSON, _FORM = "application/json", "application/x-www-form-urlencoded"

Node = dict[str, Any]
"""A part of a document."""


@dataclass(frozen=True, slots=True)
class _Sample:
    """A request.

    Attributes:
        method: The method, in capitals.
        url: The URL with its query.
        auth: `bearer`, `account` for the credentials of `/v2`, or empty.
        json: The body in JSON, if it has one.
        form: The fields of the form, if it has one.
    """

    method: str
    url: str
    auth: str
    json: Node | None
    form: Node | None


def add_to(document: Node, server: str) -> None:
    """Add `x-codeSamples` to every operation of *document*.

    Args:
        document: The document, which is changed.
        server: The URL of the service.
    """
    for path, item in document["paths"].items():
        for method, operation in item.items():
            sample = _sample(document, server + path, method.upper(), operation)
            operation["x-codeSamples"] = [
                {"lang": "Shell", "label": "curl", "source": _curl(sample)},
                {"lang": "Python", "label": "Python", "source": _python(sample)},
                {"lang": "JavaScript", "label": "Node", "source": _node(sample)},
            ]


def _sample(document: Node, url: str, method: str, operation: Node) -> _Sample:
    parameters = [_resolve(document, node) for node in operation.get("parameters", ())]
    for parameter in parameters:
        if parameter["in"] == "path":
            value = quote(parameter["example"], safe="")
            url = url.replace(f"{{{parameter['name']}}}", value)
    query = {
        parameter["name"]: parameter["example"]
        for parameter in parameters
        if parameter["in"] == "query" and "example" in parameter
    }
    body = operation.get("requestBody", {}).get("content", {})
    schemes = {name for scheme in operation.get("security", ()) for name in scheme}
    return _Sample(
        method,
        url + (f"?{urlencode(query)}" if query else ""),
        next((name for name in ("bearer", "account") if name in schemes), ""),
        _first_example(body.get(_JSON)),
        None if _JSON in body else _first_example(body.get(_FORM)),
    )


def _resolve(document: Node, node: Node) -> Node:
    if "$ref" not in node:
        return node
    target: Any = document
    for key in node["$ref"].removeprefix("#/").split("/"):
        target = target[key]
    resolved: Node = target
    return resolved


def _first_example(content: Node | None) -> Node | None:
    if content is None:
        return None
    value: Node = next(iter(content["examples"].values()))["value"]
    return value


def _curl(sample: _Sample) -> str:
    lines = [f"curl {shlex.quote(sample.url)}"]
    if sample.auth == "bearer":
        lines.append('-H "Authorization: Bearer $OTP_API_KEY"')
    elif sample.auth:
        lines.append('-u "$TWILIO_ACCOUNT_SID:$TWILIO_AUTH_TOKEN"')
    has_body = sample.json is not None or sample.form is not None
    if sample.method != ("POST" if has_body else "GET"):
        lines[0] = f"curl -X {sample.method} {shlex.quote(sample.url)}"
    if sample.json is not None:
        lines.append(f"--json {shlex.quote(_to_json(sample.json))}")
    for name, value in (sample.form or {}).items():
        lines.append(f"--data-urlencode {shlex.quote(f'{name}={value}')}")
    return " \\\n  ".join(lines)


def _python(sample: _Sample) -> str:
    arguments = [_to_json(sample.url)]
    function = sample.method.lower()
    if function == "delete":
        # The shorter function accepts no body.
        function, arguments = "request", ['"DELETE"', *arguments]
    if sample.auth == "bearer":
        arguments.append(
            'headers={"Authorization": f"Bearer {environ[\'OTP_API_KEY\']}"}'
        )
    elif sample.auth:
        arguments.append(
            'auth=(environ["TWILIO_ACCOUNT_SID"], environ["TWILIO_AUTH_TOKEN"])'
        )
    if sample.json is not None:
        arguments.append(f"json={_to_python(sample.json)}")
    if sample.form is not None:
        arguments.append(f"data={_to_python(sample.form)}")
    lines = ["from os import environ", ""] if sample.auth else []
    lines += ["import httpx", "", f"response = httpx.{function}("]
    lines += [f"    {argument}," for argument in arguments]
    return "\n".join([*lines, ")", "print(response.status_code, response.text)"])


def _node(sample: _Sample) -> str:
    options = [] if sample.method == "GET" else [f'  method: "{sample.method}",']
    headers = []
    if sample.auth == "bearer":
        headers.append("Authorization: `Bearer ${process.env.OTP_API_KEY}`")
    elif sample.auth:
        headers.append("Authorization: `Basic ${btoa(credentials)}`")
    if sample.json is not None:
        headers.append('"Content-Type": "application/json"')
    if headers:
        options.append(f"  headers: {{ {', '.join(headers)} }},")
    if sample.json is not None:
        options.append(f"  body: JSON.stringify({_to_json(sample.json)}),")
    if sample.form is not None:
        options.append(f"  body: new URLSearchParams({_to_json(sample.form)}),")
    lines = []
    if sample.auth == "account":
        lines.append("const { TWILIO_ACCOUNT_SID, TWILIO_AUTH_TOKEN } = process.env;")
        lines.append(
            "const credentials = `${TWILIO_ACCOUNT_SID}:${TWILIO_AUTH_TOKEN}`;"
        )
    url = _to_json(sample.url)
    start = [f"const response = await fetch({url}, {{", *options, "});"]
    lines += start if options else [f"const response = await fetch({url});"]
    return "\n".join([*lines, "console.log(response.status, await response.text());"])


def _to_json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def _to_python(value: Node) -> str:
    items = ", ".join(
        f"{_to_json(name)}: {_literal(item)}" for name, item in value.items()
    )
    return f"{{{items}}}"


def _literal(value: object) -> str:
    return _to_json(value) if isinstance(value, str) else repr(value)
