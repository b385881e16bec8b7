"""Validates responses against Twilio's specification of Verify v2.

`twilio_schema.json` is an extract of the OpenAPI document (twilio-oai, April 2026). It
has the operations, the body of each status, and the fields of each body with their
types, patterns, formats and enumerations.
"""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

_SPEC = json.loads(Path(__file__).with_suffix(".json").read_text())
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


def assert_valid(method: str, path: str, status: int, body: Any) -> None:
    if status >= 400:
        _ERROR_VALIDATOR.validate(body)
        assert body["status"] == status
        return
    bodies = next(
        bodies
        for operation, bodies in _SPEC["operations"].items()
        if _matches(operation, method, path.partition("?")[0])
    )
    expected = bodies[str(status)]
    if expected is None:
        assert body is None
    elif isinstance(expected, str):
        _resource_validator(expected).validate(body)
    else:
        key, item = expected
        _page_validator(key, item).validate(body)
        assert body["meta"]["key"] == key


@cache
def _resource_validator(name: str) -> Any:
    return _validator(_schema_of(name))


@cache
def _page_validator(key: str, name: str) -> Any:
    items = {"type": "array", "items": _schema_of(name)}
    return _validator(_exactly({key: items, "meta": _META}))


def _validator(schema: dict[str, Any]) -> Any:
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


def _matches(operation: str, method: str, path: str) -> bool:
    spec_method, _, template = operation.partition(" ")
    pattern = re.sub(r"\\{\w+\\}", "[^/]+", re.escape(template))
    return method == spec_method and bool(re.fullmatch(pattern, path))


def _schema_of(name: str) -> dict[str, Any]:
    schema = _exactly(
        {field: _field(spec) for field, spec in _SPEC["schemas"][name].items()}
    )
    # Fields of this service only are optional.
    return schema | {"properties": schema["properties"] | _OWN.get(name, {})}


def _field(spec: dict[str, Any]) -> dict[str, Any]:
    if not spec:
        return {}
    copied = ("pattern", "enum")
    schema: dict[str, Any] = {name: spec[name] for name in copied if name in spec}
    if spec.get("format") == "date-time":
        schema["pattern"] = _DATE
    if spec.get("format") == "uri":
        schema |= _URL
    field_type = spec.get("type")
    if field_type:
        schema["type"] = [field_type, "null"] if spec.get("nullable") else field_type
    return schema


_ERROR_VALIDATOR = _validator(_ERROR)
