"""`/openapi.json`, and `/docs`, which shows it to people."""

from __future__ import annotations

import json
from importlib import resources
from typing import Any

from flask import Blueprint, render_template
from flask.typing import ResponseReturnValue

from otp_engine import __version__
from otp_engine.web import pages

_FILE = resources.files("otp_engine.web") / "openapi.json"


def blueprint() -> Blueprint:
    """Build both."""
    bp = pages.blueprint("reference")
    document: dict[str, Any] = json.loads(_FILE.read_text(encoding="utf-8"))
    document["info"]["version"] = __version__

    @bp.get("/openapi.json")
    def openapi() -> ResponseReturnValue:
        return document

    @bp.get("/docs")
    def docs() -> ResponseReturnValue:
        return render_template("docs.html", api=document, find=_finder(document))

    return bp


def _finder(document: dict[str, Any]) -> Any:  # noqa: ANN401 - a function for the template
    def find(part: dict[str, Any]) -> dict[str, Any]:
        """The part of the document that a `$ref` leads to, or *part* itself."""
        found: Any = document
        if "$ref" not in part:
            return part
        for step in part["$ref"].removeprefix("#/").split("/"):
            found = found[step]
        return dict(found)

    return find
