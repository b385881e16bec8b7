from __future__ import annotations

import base64
import json
import re
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, settings
from jsonschema import Draft202012Validator
from schemathesis import openapi
from schemathesis.checks import (
    content_type_conformance,
    not_a_server_error,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from schemathesis.specs.openapi.definitions import OPENAPI_31

from otp_engine import __version__, config, errors
from otp_engine.api import error_handlers
from otp_engine.app import create_app
from otp_engine.store.connection import connect
from otp_engine.store.redis_store import RedisStore
from otp_engine.web.reference import documents
from otp_engine.web.translations import TRANSLATIONS
from tests.conftest import TIMEOUT
from tests.support.fakes import (
    FakeSender,
    by_name,
)
from tests.support.settings import RELAXED

ROOT = Path(__file__).parent.parent.parent
# Enables every endpoint.
ALL_ENDPOINTS = RELAXED | {
    "OTP_METRICS_KEY": "metrics-secret-0123456789",
    "OTP_SENDS_TOTAL": "off",
    "OTP_SENDS_PER_IP": "off",
    "OTP_CHECKS_PER_IP": "off",
    "OTP_PROOF_KEY": base64.b64encode(b"s" * 32).decode(),
}
# What no program calls: pages, the documents themselves, metrics, and the requests of
# providers, which have documents of their own.
UNDOCUMENTED = {
    *("/", "/docs", "/docs/v2", "/openapi.json", "/openapi-v2.json", "/metrics"),
    *("/verify/link", "/verify/enroll", "/verify/enroll/recovery-codes.txt"),
    *("/dev/inbox", "/dev/authenticator/<any(enroll, verify):page>"),
}
_NOT_FOR_CLIENTS = ("/v2/", "/assets/", "/callbacks/", "/console")
METHODS = {"GET", "POST", "PUT", "PATCH", "DELETE"}


def app_with_all_endpoints(**environ):
    return create_app(
        config.load(ALL_ENDPOINTS | environ),
        store=RedisStore(connect(None, TIMEOUT)),
        senders=by_name(FakeSender()),
    )


DOCUMENT = json.loads(app_with_all_endpoints().test_client().get("/openapi.json").text)
API = openapi.from_wsgi("/openapi.json", app_with_all_endpoints())
# Without the verify page, which has forms.
SERVED = API.include(path_regex="^/(auth|healthz|readyz|dev)|jwks")


def resolve(node):
    """Return the target of the `$ref` of a node, or the node without one."""
    if "$ref" not in node:
        return node
    target = DOCUMENT
    for key in node["$ref"].removeprefix("#/").split("/"):
        target = target[key]
    return target


def operations():
    """Yield the path, the method and the operation of each entry."""
    for path, methods in DOCUMENT["paths"].items():
        for method, operation in methods.items():
            yield path, method, operation


def responses():
    """Yield the ID of the operation, the status and the response of each entry."""
    for _, _, operation in operations():
        for status, node in operation["responses"].items():
            yield operation["operationId"], status, resolve(node)


def contents():
    """Yield a name, the schema and the examples of each body in the document."""
    bodies = [(f"{name} {status}", body) for name, status, body in responses()]
    bodies += [
        (f"{operation['operationId']} request", operation["requestBody"])
        for _, _, operation in operations()
        if "requestBody" in operation
    ]
    for name, body in bodies:
        for content in body.get("content", {}).values():
            examples = [e["value"] for e in content.get("examples", {}).values()]
            if "example" in content:
                examples.append(content["example"])
            yield name, content["schema"], examples


def routes(app):
    return {
        (rule.rule, method)
        for rule in app.url_map.iter_rules()
        for method in (rule.methods or set()) & METHODS
        if not rule.rule.startswith(_NOT_FOR_CLIENTS) and rule.rule not in UNDOCUMENTED
    }


def test_document_lists_exactly_the_endpoints_outside_of_v2():
    documented = {
        (path, method.upper())
        for path, methods in DOCUMENT["paths"].items()
        for method in methods
    }
    pages = {("/verify", "POST")}

    assert documented | pages == routes(app_with_all_endpoints())


def test_document_outside_of_dev_mode_has_no_inbox():
    document = documents.load_auth(dev=False)

    assert not [path for path in document["paths"] if path.startswith("/dev")]
    assert "Dev mode" not in [tag["name"] for tag in document["tags"]]


def test_document_has_the_version_of_the_release():
    assert DOCUMENT["openapi"] == "3.1.0"
    assert DOCUMENT["info"]["version"] == __version__


@pytest.mark.parametrize("name", DOCUMENT["components"]["schemas"])
def test_schema_is_valid_json_schema(name):
    Draft202012Validator.check_schema(DOCUMENT["components"]["schemas"][name])


@SERVED.parametrize()
@settings(
    max_examples=40,
    derandomize=True,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
def test_response_conforms_to_the_document(case):
    case.call_and_validate(
        checks=[
            not_a_server_error,
            status_code_conformance,
            content_type_conformance,
            response_headers_conformance,
            response_schema_conformance,
        ]
    )


def test_document_conforms_to_the_schema_of_openapi():
    problems = [
        f"{list(error.path)}: {error.message}"
        for error in Draft202012Validator(OPENAPI_31).iter_errors(DOCUMENT)
    ]

    assert problems == []


def test_every_reference_of_the_document_resolves():
    for target in re.findall(r'"\$ref": ?"([^"]+)"', json.dumps(DOCUMENT)):
        assert resolve({"$ref": target})


def test_every_part_of_the_components_is_used():
    text = json.dumps(DOCUMENT)

    unused = [
        f"#/components/{kind}/{name}"
        for kind in ("headers", "responses", "schemas")
        for name in DOCUMENT["components"][kind]
        if f'"#/components/{kind}/{name}"' not in text
    ]

    assert unused == []


def test_every_example_conforms_to_its_schema():
    checked = 0
    for _, schema, examples in contents():
        whole = schema | {"components": DOCUMENT["components"]}
        for example in examples:
            Draft202012Validator(whole).validate(example)
            checked += 1

    assert checked > 40


def test_every_json_body_has_an_example():
    missing = [
        name
        for name, schema, examples in contents()
        if not examples and resolve(schema).get("type", "object") == "object"
    ]

    assert missing == []


def error_classes(kind=errors.OTPError):
    yield kind
    for each in kind.__subclasses__():
        yield from error_classes(each)


def status_of(kind):
    return next(
        error_handlers.STATUS[base].value
        for base in kind.__mro__
        if base in error_handlers.STATUS
    )


# Classes of which only subclasses are raised.
ABSTRACT = {"not_served", "factor_conflict", "refused", "requester_not_allowed"}
# Errors that Flask raises, and a defect.
OF_HTTP = {
    *("not_found", "method_not_allowed", "body_too_large", "unsupported_media_type"),
    "internal_error",
}


def test_table_of_errors_has_every_error_with_its_status_and_text():
    kinds = {
        kind.error_code: kind
        for kind in reversed(list(error_classes()))
        if not error_handlers.STATUS.keys().isdisjoint(kind.__mro__)
    }
    rows = {row.name: row for row in documents.load_errors()}

    assert rows.keys() == (kinds.keys() - ABSTRACT) | OF_HTTP
    for name in kinds.keys() - ABSTRACT:
        assert rows[name].status == status_of(kinds[name]), name
        # That of an invalid factor names the value.
        assert rows[name].message == kinds[name].message or name == "invalid_factor"


@pytest.mark.parametrize(
    ("method", "path", "options"),
    [
        ("GET", "/nope", {}),
        ("GET", "/auth/send_otp", {}),
        (
            "POST",
            "/auth/send_otp",
            {"json": {"phone": "1" * 20_000}},
        ),
        ("POST", "/auth/send_otp", {"data": b"x", "content_type": "text/plain"}),
    ],
)
def test_table_has_the_errors_of_flask_as_the_service_answers_them(
    method, path, options
):
    client = app_with_all_endpoints().test_client()

    response = client.open(path, method=method, **options)

    [row] = [r for r in documents.load_errors() if r.name == response.json["error"]]
    assert row.name in OF_HTTP
    assert (row.status, row.message) == (response.status_code, response.json["msg"])


def test_every_error_of_a_response_has_its_status_in_the_table():
    statuses = {row.name: str(row.status) for row in documents.load_errors()}
    found = {
        (error, status)
        for _, status, response in responses()
        for content in response.get("content", {}).values()
        for error in content.get("examples", {})
        if error in statuses
    }

    assert len(found) > 20
    assert {(error, statuses[error]) for error, _ in found} == found


def test_error_table_of_the_prose_has_the_same_errors():
    page = (ROOT / "docs" / "api.md").read_text()
    rows = re.findall(r"^\| ([0-9, ]+) \| (`[^|]+`) \|", page, re.MULTILINE)
    named = {name for _, cell in rows for name in re.findall(r"`(\w+)`", cell)}

    assert named == {row.name for row in documents.load_errors()}


def test_example_of_an_invalid_outcome_is_an_answer_of_the_service():
    client = app_with_all_endpoints().test_client()

    response = client.post("/dev/inbox/provider", data={"outcome": "lost"})

    [row] = [r for r in documents.load_errors() if r.name == "invalid_request"]
    assert (response.status_code, response.json["error"]) == (row.status, row.name)


def test_reference_has_the_number_of_languages():
    locale = DOCUMENT["components"]["schemas"]["Send"]["properties"]["locale"]

    assert f"Texts exist in {len(TRANSLATIONS)} languages." in locale["description"]


@pytest.mark.parametrize(
    ("operation", "status", "names"),
    [
        (
            "sendCode",
            "400",
            {
                *("invalid_request", "invalid_phone", "invalid_email"),
                *("recipient_not_on_channel", "invalid_identity"),
            },
        ),
        (
            "checkCode",
            "400",
            {"invalid_request", "invalid_phone", "invalid_email", "invalid_code"},
        ),
        ("cancelVerification", "400", {"invalid_request"}),
        (
            *("enrollTotp", "400"),
            {"invalid_request", "invalid_identity", "invalid_factor"},
        ),
        (
            *("verifyTotp", "400"),
            {"invalid_request", "invalid_identity", "invalid_code"},
        ),
        ("deleteTotp", "404", {"factor_not_found"}),
        ("createPageLink", "404", {"factor_not_found", "not_found"}),
    ],
)
def test_response_lists_only_errors_of_its_operation(operation, status, names):
    [response] = [
        r for name, code, r in responses() if (name, code) == (operation, status)
    ]
    [content] = response["content"].values()

    assert set(content["schema"]["allOf"][1]["properties"]["error"]["enum"]) == names


SHARED = {"413", "415", "500"}


def test_description_of_an_error_is_about_its_operation():
    # A text such as "no message was sent" is wrong for a check.
    by_text: dict[tuple[str, str], set[str]] = {}
    for name, status, response in responses():
        if status >= "400" and status not in SHARED:
            by_text.setdefault((status, response["description"]), set()).add(name)

    shared = {text: names for text, names in by_text.items() if len(names) > 1}

    assert all(status in {"401", "403", "503", "4XX", "5XX"} for status, _ in shared)
    for (status, text), names in shared.items():
        groups = [
            {"sendCode", "checkCode", "cancelVerification"},
            {
                *("enrollTotp", "activateTotp", "verifyTotp", "deleteTotp"),
                "createPageLink",
            },
            {
                "inbox",
                "inboxMessages",
                "clearInbox",
                "clearInboxPage",
                "simulateProvider",
            },
        ]
        assert any(names <= group for group in groups), (status, text)
    for name, status, response in responses():
        if "No message was sent" in response["description"]:
            assert (name, status) == ("sendCode", "503")


def test_every_field_and_parameter_has_a_description():
    undescribed = []

    def visit(schema, path):
        for name, node in resolve(schema).get("properties", {}).items():
            field = resolve(node)
            if not field.get("description"):
                undescribed.append(f"{path}.{name}")
            visit(field, f"{path}.{name}")
            visit(field.get("items", {}), f"{path}.{name}[]")

    for name, schema, _ in contents():
        if "allOf" not in schema:
            visit(schema, name)
    for _, _, operation in operations():
        undescribed += [
            parameter["name"]
            for parameter in operation.get("parameters", [])
            if not parameter.get("description")
        ]

    assert undescribed == []


def test_examples_of_the_document_are_answered_as_it_shows():
    sender = FakeSender()
    app = create_app(
        config.load(RELAXED),
        store=RedisStore(connect(None, TIMEOUT)),
        senders=by_name(sender),
    )
    client = app.test_client()

    def example(path, name):
        content = DOCUMENT["paths"][path]["post"]["requestBody"]["content"]
        return content["application/json"]["examples"][name]["value"]

    def documented(path, status):
        content = DOCUMENT["paths"][path]["post"]["responses"][status]["content"]
        return [e["value"] for e in content["application/json"]["examples"].values()]

    sent = client.post("/auth/send_otp", json=example("/auth/send_otp", "national"))
    check = example("/auth/verify_otp", "phone") | {"otp": sender.code}
    checked = client.post("/auth/verify_otp", json=check)
    bound = client.post("/auth/send_otp", json=example("/auth/send_otp", "bound"))
    handle = {"verification": bound.headers["OTP-Verification"]}
    canceled = client.post("/auth/cancel_otp", json=handle)

    assert (sent.status_code, [sent.json]) == (201, documented("/auth/send_otp", "201"))
    assert checked.json in documented("/auth/verify_otp", "201")
    assert [canceled.json] == documented("/auth/cancel_otp", "200")


def test_server_of_the_document_is_the_path_of_the_service(app_with):
    plain = app_with().test_client().get("/openapi.json").json
    public = app_with(OTP_PUBLIC_URL="https://example.com/otp").test_client()

    assert [server["url"] for server in plain["servers"]] == ["/"]
    urls = [server["url"] for server in public.get("/openapi.json").json["servers"]]
    assert urls == ["/otp/"]
