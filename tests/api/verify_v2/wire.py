"""Holds answers against what Twilio's specification says of Verify v2.

`wire.json` has the facts of its OpenAPI document (twilio-oai, April 2026): which calls
there are, what each status answers with, and of each thing the fields, their types,
patterns, formats and words.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import jsonschema

_FACTS = json.loads(Path(__file__).with_suffix(".json").read_text())
_DATE = r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$"
_TEXT, _NUMBER = {"type": "string"}, {"type": "integer"}
_URL = _TEXT | {"pattern": r"^https?://[^/]+/v2/"}
_URL_OR_NONE = _URL | {"type": ["string", "null"]}

_OWN = {"service": {"bind_verifications": {"const": True}}}


def _exactly(properties: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": sorted(properties),
        "additionalProperties": False,
        **more,
    }


_ERROR = _exactly(
    {
        "code": _NUMBER,
        "message": _TEXT,
        "more_info": _TEXT | {"pattern": r"^https://www.twilio.com/docs/errors/\d+$"},
        "status": _NUMBER,
    },
    additionalProperties={"type": "string"},
)
_META = _exactly(
    {
        "page": _NUMBER,
        "page_size": _NUMBER,
        "first_page_url": _URL,
        "previous_page_url": _URL_OR_NONE,
        "next_page_url": _URL_OR_NONE,
        "url": _URL,
        "key": _TEXT,
    }
)


def hold(method: str, path: str, status: int, body: Any) -> None:
    """Fail if *body* is not what the specification has there."""
    if status >= 400:
        jsonschema.validate(body, _ERROR)
        assert body["status"] == status
        return
    answers = next(
        answers
        for call, answers in _FACTS["calls"].items()
        if _is_call(call, method, path.partition("?")[0])
    )
    kind = answers[str(status)]
    if kind is None:
        assert body is None
    elif isinstance(kind, str):
        jsonschema.validate(body, _thing(kind))
    else:
        key, item = kind
        things = {"type": "array", "items": _thing(item)}
        jsonschema.validate(body, _exactly({key: things, "meta": _META}))
        assert body["meta"]["key"] == key


def _is_call(call: str, method: str, path: str) -> bool:
    its_method, _, template = call.partition(" ")
    shape = re.sub(r"\\{\w+\\}", "[^/]+", re.escape(template))
    return method == its_method and bool(re.fullmatch(shape, path))


def _thing(name: str) -> dict[str, Any]:
    schema = _exactly(
        {field: _of(fact) for field, fact in _FACTS["things"][name].items()}
    )
    # Fields that Verify does not have may be there, and need not.
    return schema | {"properties": schema["properties"] | _OWN.get(name, {})}


def _of(fact: dict[str, Any]) -> dict[str, Any]:
    if not fact:
        return {}
    known = ("pattern", "enum")
    schema: dict[str, Any] = {name: fact[name] for name in known if name in fact}
    if fact.get("format") == "date-time":
        schema["pattern"] = _DATE
    if fact.get("format") == "uri":
        schema |= _URL
    kind = fact.get("type")
    if kind:
        schema["type"] = [kind, "null"] if fact.get("nullable") else kind
    return schema
