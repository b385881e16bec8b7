"""`/openapi.json`, and `/docs`, its HTML form."""

from __future__ import annotations

import json
from importlib import resources
from typing import Any

from flask import Blueprint, render_template
from flask.typing import ResponseReturnValue

from otp_engine import __version__
from otp_engine.web import security_headers

_FILE = resources.files("otp_engine.web") / "openapi.json"


def blueprint() -> Blueprint:
    """Build the two views.

    Returns:
        The blueprint `api_docs`.
    """
    bp = security_headers.blueprint("api_docs")
    document: dict[str, Any] = json.loads(_FILE.read_text(encoding="utf-8"))
    document["info"]["version"] = __version__

    @bp.get("/openapi.json")
    def openapi() -> ResponseReturnValue:
        return document

    @bp.get("/docs")
    def docs() -> ResponseReturnValue:
        return render_template("docs.html", api=document, resolve=_resolver(document))

    return bp


def _resolver(document: dict[str, Any]) -> Any:  # noqa: ANN401 - a function for the template
    def resolve(part: dict[str, Any]) -> dict[str, Any]:
        """Return the target of the `$ref` of *part*, or *part* without one."""
        if "$ref" not in part:
            return part
        target: Any = document
        for key in part["$ref"].removeprefix("#/").split("/"):
            target = target[key]
        return dict(target)

    return resolve
