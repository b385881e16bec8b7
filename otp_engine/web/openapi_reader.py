"""Parts of an OpenAPI document, as the page of the reference shows them."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from markupsafe import Markup, escape

_CODE = re.compile(r"`([^`]+)`")
_LINK = re.compile(r"\[([^\]]+)\]\(([^)\s]+)\)")
_FENCE = re.compile(r"```\n(.*?)\n```", re.DOTALL)

Node = Mapping[str, Any]
"""A part of the document."""


@dataclass(frozen=True, slots=True)
class Field:
    """A row of the table of a body.

    Attributes:
        name: The name with the names of its parents, such as `keys[].kid`.
        type: The type or the possible values, with code in backticks.
        description: The meaning.
        required: Whether the parent always has the field.
        examples: Possible values.
    """

    name: str
    type: str
    description: str
    required: bool
    examples: tuple[str, ...]


class OpenAPIDocument:
    """Reads the references, bodies and examples of a document."""

    def __init__(self, document: Node, server: str) -> None:
        """Read a document.

        Args:
            document: The document.
            server: The URL of the service in example requests.
        """
        self._document = document
        self._server = server

    def resolve(self, node: Node) -> Node:
        """Return the target of the `$ref` of *node*, or *node* without one."""
        if "$ref" not in node:
            return node
        target: Any = self._document
        for key in node["$ref"].removeprefix("#/").split("/"):
            target = target[key]
        return self.resolve(target)

    def fields(self, schema: Node, prefix: str = "") -> Iterator[Field]:
        """Yield the fields of *schema*, each followed by its own fields."""
        parent = self.resolve(schema)
        for name, reference in parent.get("properties", {}).items():
            field = self.resolve(reference)
            full_name = prefix + name
            yield Field(
                full_name,
                self._type(field),
                field.get("description", ""),
                name in parent.get("required", ()),
                tuple(str(example) for example in field.get("examples", ())),
            )
            yield from self.fields(field, f"{full_name}.")
            yield from self.fields(field.get("items", {}), f"{full_name}[].")

    def _type(self, field: Node) -> str:
        if "const" in field:
            return f"`{field['const']}`"
        if "enum" in field:
            return " or ".join(f"`{value}`" for value in field["enum"])
        if field.get("type") == "array":
            return f"array of {self._type(self.resolve(field['items']))}s"
        types = field.get("type", "")
        return types if isinstance(types, str) else " or ".join(types)

    def errors(self, response: Node) -> list[str]:
        """Return the stable names of the errors of *response*."""
        for content in response.get("content", {}).values():
            for part in content.get("schema", {}).get("allOf", ()):
                names = part.get("properties", {}).get("error", {}).get("enum", [])
                if names:
                    return list(names)
        return []

    def examples(self, node: Node) -> Iterator[tuple[str, str]]:
        """Yield summary and JSON text of each example in JSON of a body."""
        content = node.get("content", {}).get("application/json", {})
        if "example" in content:
            yield "", _to_json(content["example"])
        for example in content.get("examples", {}).values():
            yield example["summary"], _to_json(example["value"])

    def curl(self, path: str, method: str, operation: Node) -> str | None:
        """Return an example request.

        Returns:
            A command; None for an operation of a page or of another service.
        """
        parameters = [self.resolve(node) for node in operation.get("parameters", ())]
        if _returns_html(operation) or any(p["in"] == "header" for p in parameters):
            return None
        query = {
            p["name"]: p["schema"]["examples"][0]
            for p in parameters[:1]
            if "examples" in p["schema"]
        }
        url = f"{self._server}{path}" + (f"?{urlencode(query)}" if query else "")
        command = ["curl", shlex.quote(url)]
        if method not in {"get", "post"}:
            command += ["-X", method.upper()]
        content = operation.get("requestBody", {}).get("content", {})
        for example in content.get("application/json", {}).get("examples", {}).values():
            command += ["--json", shlex.quote(json.dumps(example["value"]))]
            break
        return " ".join(command)


def render_text(text: str, server: str) -> Markup:
    """Return HTML for the part of CommonMark that the document uses.

    Args:
        text: Paragraphs, code in backticks, fenced code blocks and links.
        server: Replaces `{server}` in code blocks.
    """
    parts = _FENCE.split(text)
    html = []
    for index, part in enumerate(parts):
        if index % 2:
            code = escape(part.replace("{server}", server))
            html.append(f"<pre>{code}</pre>")
        else:
            html += [f"<p>{_inline(p)}</p>" for p in part.split("\n\n") if p.strip()]
    return Markup("".join(html))  # noqa: S704 - every part is escaped


def inline(text: str) -> Markup:
    """Return HTML for a text of one paragraph, with code in backticks and links."""
    return Markup(_inline(text))  # noqa: S704 - escaped there


def _inline(text: str) -> str:
    html = _CODE.sub(r"<code>\1</code>", str(escape(text)))
    return _LINK.sub(r'<a href="\2">\1</a>', html)


def _to_json(value: object) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False)


def _returns_html(operation: Node) -> bool:
    return any(
        "text/html" in response.get("content", {})
        for response in operation["responses"].values()
    )
