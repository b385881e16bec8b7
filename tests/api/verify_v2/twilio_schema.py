"""Validates responses against Twilio's specification of Verify v2.

`twilio_schema.json` is an extract of the OpenAPI document (twilio-oai, April 2026). It
has the operations, their parameters, the body of each status, and the fields of each
body with their types, patterns, formats and enumerations.
"""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

_SPEC = json.loads(Path(__file__).with_suffix(".json").read_text())
PARAMETERS: dict[str, list[str]] = _SPEC["parameters"]
"""The names of the parameters of each operation, in its form or its query."""

_DATE = r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$"
_TEXT, _NUMBER = {"type": "string"}, {"type": "integer"}
_URL = _TEXT | {"pattern": r"^https?://[^/]+/v2/"}
_URL_OR_NONE = _URL | {"type": ["string", "null"]}

_TEXT_OR_NONE = {"type": ["string", "null"]}
_ATTACHMENTS = ("platform", "cross-platform", "any")
_PREFERENCES = ("required", "preferred", "discouraged")
_BOOLEAN = {"type": "boolean"}

_OWN = {"service": {"bind_verifications": {"const": True}}}


def _exactly(properties: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": sorted(properties),
        "additionalProperties": False,
        **more,
    }


def _sid(prefix: str, **more: Any) -> dict[str, Any]:
    return _TEXT | {"pattern": f"^{prefix}[0-9a-fA-F]{{32}}$"} | more


# The specification has no types for these; they are those of its examples, and of
# recorded answers.
_SERVICE_OBJECTS = {
    "push": _exactly(
        {
            "include_date": _BOOLEAN,
            "apn_credential_sid": _sid("CR", **_TEXT_OR_NONE),
            "fcm_credential_sid": _sid("CR", **_TEXT_OR_NONE),
        }
    ),
    "totp": _exactly(
        {
            "issuer": _TEXT,
            "time_step": _NUMBER,
            "code_length": _NUMBER,
            "skew": _NUMBER,
        }
    ),
    "whatsapp": _exactly(
        {"msg_service_sid": _sid("MG", **_TEXT_OR_NONE), "from": _TEXT_OR_NONE}
    ),
    "passkeys": _exactly(
        {
            "relying_party": _exactly(
                {
                    "id": _TEXT_OR_NONE,
                    "name": _TEXT_OR_NONE,
                    "origins": {"type": ["array", "null"], "items": _TEXT},
                }
            ),
            "authenticator_attachment": {"enum": [None, *_ATTACHMENTS]},
            "discoverable_credentials": {"enum": [None, *_PREFERENCES]},
            "user_verification": {"enum": [None, *_PREFERENCES]},
        }
    ),
}
_CARRIER = _exactly(
    {
        "mobile_country_code": _TEXT_OR_NONE,
        "mobile_network_code": _TEXT_OR_NONE,
        "name": _TEXT_OR_NONE,
        "error_code": {"type": ["integer", "null"]},
        "type": _TEXT_OR_NONE,
    }
)
_SENT = _exactly(
    {
        "time": _TEXT | {"pattern": _DATE.replace("Z$", r"\.\d{3}Z$")},
        "channel": {"enum": ["sms", "call", "email", "whatsapp"]},
        "attempt_sid": _sid("VL"),
    }
)
_CHANNEL_DATA = _exactly(
    {
        "verification_sid": _sid("VE"),
        "to": _TEXT,
        "status": {"enum": ["confirmed", "unconfirmed", "expired"]},
        "message_status": {"enum": ["accepted", "undelivered", "delivered", "read"]},
        "error_code": _TEXT_OR_NONE,
        "country": _TEXT_OR_NONE,
        "code_length": _NUMBER,
        "locale": _TEXT,
        "mcc": _TEXT_OR_NONE,
        "mnc": _TEXT_OR_NONE,
        "carrier": _TEXT_OR_NONE,
    }
)
_TRANSLATION = _exactly(
    {
        "is_default_translation": _BOOLEAN,
        "status": {"enum": ["approved"]},
        "locale": _TEXT,
        "text": _TEXT | {"pattern": r"\{\{code\}\}"},
        "date_created": _TEXT | {"pattern": _DATE},
        "date_updated": _TEXT | {"pattern": _DATE},
    }
)
_TEXTS_OR_NONE = {"type": ["object", "null"], "additionalProperties": _TEXT}
_FACTOR = {
    "config": _exactly(
        {
            "alg": {"enum": ["sha1", "sha256", "sha512"]},
            "skew": _NUMBER,
            "code_length": _NUMBER,
            "time_step": _NUMBER,
        }
    ),
    "metadata": _TEXTS_OR_NONE,
}
_OBJECTS = {
    "service": _SERVICE_OBJECTS,
    "service.entity.factor": _FACTOR,
    "service.entity.new_factor": _FACTOR
    | {
        "binding": _exactly({"secret": _TEXT, "uri": _TEXT}),
        "options": {"type": "null"},
    },
    "service.entity.challenge": {
        "details": {"type": "null"},
        "hidden_details": _TEXTS_OR_NONE,
        "metadata": {"type": "null"},
    },
    "service.verification": {
        "lookup": _exactly({"carrier": {"anyOf": [{"type": "null"}, _CARRIER]}}),
        "send_code_attempts": {"type": "array", "items": _SENT},
        "sna": {"type": "null"},
    },
    "service.verification_check": {
        "sna_attempts_error_codes": {"type": "array", "maxItems": 0}
    },
    "service.webhook": {"webhook_url": _TEXT | {"pattern": "^https?://"}},
    "verification_attempt": {"price": {"type": "null"}, "channel_data": _CHANNEL_DATA},
    "verification_template": {
        "channels": {"type": "array", "items": {"enum": ["sms"]}, "minItems": 1},
        "translations": {"type": "object", "additionalProperties": _TRANSLATION},
    },
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
    schema["properties"] |= _OBJECTS.get(name, {})
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
    if spec.get("format") == "uri-map":
        schema |= {"additionalProperties": _URL, "minProperties": 1}
    field_type = spec.get("type")
    if field_type:
        schema["type"] = [field_type, "null"] if spec.get("nullable") else field_type
    return schema


_ERROR_VALIDATOR = _validator(_ERROR)
