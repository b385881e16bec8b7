from __future__ import annotations

import base64
import json
import re

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
from otp_engine.config.settings import TWILIO_WEBHOOK_PATH
from otp_engine.crypto.webhook_signatures import WebhookSecret
from otp_engine.store.connection import connect
from otp_engine.store.redis_store import RedisStore
from otp_engine.web.translations import TRANSLATIONS
from tests.conftest import TIMEOUT
from tests.support import twilio_server
from tests.support.fakes import (
    FakeSender,
    by_name,
)
from tests.support.settings import RELAXED

# Enables every endpoint.
ALL_ENDPOINTS = RELAXED | {
    "OTP_METRICS_KEY": "metrics-secret-0123456789",
    "OTP_SENDS_TOTAL": "off",
    "OTP_SENDS_PER_IP": "off",
    "OTP_CHECKS_PER_IP": "off",
    "OTP_PROOF_KEY": base64.b64encode(b"s" * 32).decode(),
}
REPORTING = {
    "OTP_API_KEYS": "shop:shop-secret-0123456789abcdef",
    "OTP_PUBLIC_URL": "https://otp.example.com",
    "TWILIO_ACCOUNT_SID": twilio_server.ACCOUNT,
    "TWILIO_AUTH_TOKEN": twilio_server.TOKEN,
    "TWILIO_CALL_FROM": "+15005550006",
    "OTP_SENDER": "twilio,gateway,aws,telegram",
    "OTP_WEBHOOKS": "gateway=https://gateway.example.com",
    "OTP_WEBHOOK_SECRETS": f"gateway={WebhookSecret(bytes(24)).to_text()}",
    "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
    "AWS_SECRET_ACCESS_KEY": "secret",
    "AWS_REGION": "eu-west-1",
    "OTP_AWS_NOTIFY_CONFIGURATION": "nc-1",
    "OTP_AWS_TOPIC": "arn:aws:sns:eu-west-1:123456789012:otp",
    "TELEGRAM_GATEWAY_TOKEN": "AAGatewayToken",
}
# Pages, and the document itself.
# Pages that only links of this service lead to, besides those of the reference.
UNDOCUMENTED = {
    *("/", "/docs", "/openapi.json"),
    *("/verify/link", "/verify/enroll", "/verify/enroll/recovery-codes.txt"),
    "/dev/authenticator/<any(enroll, verify):page>",
}
METHODS = {"GET", "POST", "PUT", "PATCH", "DELETE"}


def app_with_all_endpoints(**environ):
    return create_app(
        config.load(ALL_ENDPOINTS | environ),
        store=RedisStore(connect(None, TIMEOUT)),
        senders=by_name(FakeSender()),
    )


DOCUMENT = json.loads(app_with_all_endpoints().test_client().get("/openapi.json").text)
API = openapi.from_wsgi("/openapi.json", app_with_all_endpoints())
# Without the verify page, which has forms, and the webhook, which needs a signature.
SERVED = API.include(path_regex="^/(auth|healthz|readyz|metrics|dev)|jwks")


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


# The requests of providers, which share their errors.
CALLBACKS = {
    operation["operationId"]
    for path, _, operation in operations()
    if path.startswith("/callbacks/")
}


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
        (rule.rule.replace("/webhook/gateway", "/webhook/{name}"), method)
        for rule in app.url_map.iter_rules()
        for method in (rule.methods or set()) & METHODS
        if not rule.rule.startswith(("/v2/", "/assets/"))
        and rule.rule not in UNDOCUMENTED
    }


def test_document_lists_exactly_the_endpoints_outside_of_v2():
    documented = {
        (path, method.upper())
        for path, methods in DOCUMENT["paths"].items()
        for method in methods
    }

    assert documented == routes(app_with_all_endpoints()) | routes(
        app_with_all_endpoints(**REPORTING)
    )
    assert (TWILIO_WEBHOOK_PATH, "POST") in documented


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
        if not examples
        and resolve(schema).get("type", "object") == "object"
        and not name.startswith("verifyStep")
        and name.removesuffix(" request") not in CALLBACKS
    ]

    assert missing == []


@pytest.mark.parametrize(
    "kind",
    [
        *(errors.InvalidPhone, errors.InvalidCode, errors.Unauthorized),
        *(errors.OriginNotAllowed, errors.CountryNotAllowed, errors.RateLimited),
        *(errors.VerificationNotFound, errors.TooManyAttempts, errors.Unavailable),
        *(errors.DeliveryFailed, errors.DeliveryUnconfirmed),
    ],
)
def test_examples_of_an_error_have_its_text(kind):
    status = next(
        str(error_handlers.STATUS[base].value)
        for base in kind.__mro__
        if base in error_handlers.STATUS
    )
    examples = [
        content["example"]
        for name, code, response in responses()
        # A request of a provider has a signature instead of an API key.
        if code == status and (name not in CALLBACKS or kind is not errors.Unauthorized)
        for content in response["content"].values()
        if content.get("example", {}).get("error") == kind.error_code
    ]

    assert examples
    assert {example["msg"] for example in examples} == {kind.message}


def test_example_of_an_invalid_signature_has_its_text():
    client = app_with_all_endpoints(**REPORTING).test_client()

    response = client.post("/callbacks/telegram", data=b"{}")

    examples = [
        content["example"]
        for name, code, node in responses()
        if (name, code) == ("telegramReport", "401")
        for content in node["content"].values()
    ]
    assert [response.json] == examples


def test_example_of_an_invalid_outcome_has_its_text():
    client = app_with_all_endpoints().test_client()

    response = client.post("/dev/inbox/provider", data={"outcome": "lost"})

    operation = DOCUMENT["paths"]["/dev/inbox/provider"]["post"]
    content = operation["responses"]["400"]["content"]["application/json"]
    assert response.json == content["example"]


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
        ("twilioReport", "400", {"invalid_request"}),
        ("metrics", "401", {"unauthorized"}),
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
        if status >= "400" and status not in SHARED and name not in CALLBACKS:
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
