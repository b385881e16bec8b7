"""`/openapi-v2.json` compared with the views of `/v2` and with their answers."""

from __future__ import annotations

import ast
import base64
import re
import time
from collections.abc import Callable
from datetime import timedelta
from inspect import signature
from pathlib import Path
from typing import Any

import pyotp
import pytest
from jsonschema import Draft202012Validator
from schemathesis.specs.openapi.definitions import OPENAPI_31

from otp_engine import config, errors
from otp_engine.api.verify_v2 import errors as verify_v2_errors
from otp_engine.app import create_app
from otp_engine.store.connection import connect
from otp_engine.store.redis_store import RedisStore
from otp_engine.web.reference import documents
from tests.conftest import TIMEOUT
from tests.support.fakes import FakeSender, by_name
from tests.support.settings import RELAXED

DOCUMENT = documents.load_verify_v2()
ACCOUNT, DEFAULT = "AC" + "0" * 32, "VA" + "0" * 32
METHODS = {"GET", "POST", "DELETE"}
FACTORS = {"OTP_FACTOR_KEY": base64.b64encode(bytes(range(32))).decode()}
SECRET = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
OPERATIONS = {
    operation["operationId"]: (method, path, operation)
    for path, item in DOCUMENT["paths"].items()
    for method, operation in item.items()
}


def plain(path: str) -> str:
    """Return *path* with one name for all parameters."""
    return re.sub(r"<[^>]+>|\{[^}]+\}", "*", path)


def resolve(node: Any) -> Any:
    if "$ref" not in node:
        return node
    target: Any = DOCUMENT
    for key in node["$ref"].removeprefix("#/").split("/"):
        target = target[key]
    return target


def validate(schema: Any, value: Any) -> None:
    whole = schema | {"components": DOCUMENT["components"]}
    Draft202012Validator(whole).validate(value)


class Client:
    """Calls the operations of the document, and keeps their answers."""

    def __init__(self) -> None:
        """Start a service with factors."""
        self.sender = FakeSender()
        self.app = create_app(
            config.load(RELAXED | FACTORS),
            store=RedisStore(connect(None, TIMEOUT)),
            senders=by_name(self.sender),
        )
        self.answers: dict[str, Any] = {}
        self.names = {"ServiceSid": DEFAULT, "Country": "CA"}
        self.names |= {"PhoneNumber": "+14155550100", "Identity": "user-4711-abcd"}

    def call(self, operation_id: str, *, to: str = "", **form: str) -> Any:
        """Send the request of an operation, with the form of its example.

        Args:
            operation_id: The operation.
            to: The value of `Sid` in the path.
            form: Other values of the form.
        """
        method, path, operation = OPERATIONS[operation_id]
        url = path.format(**self.names, Sid=to, ChallengeSid=to)
        body: dict[str, str] = {}
        for content in operation.get("requestBody", {}).get("content", {}).values():
            body = next(iter(content["examples"].values()))["value"] | form
        client = self.app.test_client()
        response = client.open(
            url, method=method.upper(), data=body, auth=(ACCOUNT, "token")
        )
        documented = resolve(operation["responses"][str(response.status_code)])
        self.answers[operation_id] = response
        assert documented.get("headers", {}).keys() >= {
            name for name, _ in response.headers if name.startswith("OTP-")
        }
        if "content" in documented:
            validate(documented["content"]["application/json"]["schema"], response.json)
        return response.json if response.data else None


def code(steps: int = 0) -> str:
    return pyotp.TOTP(SECRET).at(int(time.time()) + 30 * steps)


def call_factors(call: Callable[..., Any]) -> None:
    factor = call("createFactor", **{"Binding.Secret": SECRET})["sid"]
    call("updateFactor", to=factor, AuthPayload=code(-1))
    call("listFactors")
    call("fetchFactor", to=factor)
    challenge = call("createChallenge", FactorSid=factor)["sid"]
    call("listChallenges")
    call("fetchChallenge", to=challenge)
    call("updateChallenge", to=challenge, AuthPayload=code())
    call("deleteFactor", to=factor)
    call("deleteEntity")


@pytest.fixture(scope="module")
def client() -> Client:
    """Call every operation once, in an order in which each succeeds."""
    c = Client()
    call = c.call
    sent = call("createVerification")
    call("fetchVerification", to=sent["sid"])
    call("updateVerification", to=sent["sid"])
    call("createVerification")
    call("createVerificationCheck", Code=c.sender.code)
    c.names["ServiceSid"] = call("createService")["sid"]
    call("listServices")
    call("fetchService")
    call("updateService")
    limit = call("createRateLimit")["sid"]
    call("listRateLimits")
    call("fetchRateLimit", to=limit)
    call("updateRateLimit", to=limit)
    c.names["RateLimitSid"] = limit
    bucket = call("createBucket")["sid"]
    call("listBuckets")
    call("fetchBucket", to=bucket)
    call("updateBucket", to=bucket)
    call("deleteBucket", to=bucket)
    call("deleteRateLimit", to=limit)
    call("createMessagingConfiguration")
    call("listMessagingConfigurations")
    for name in ("fetch", "update", "delete"):
        call(f"{name}MessagingConfiguration")
    call("createEntity", Identity=c.names["Identity"])
    call("listEntities")
    call("fetchEntity")
    call_factors(call)
    webhook = call("createWebhook")["sid"]
    call("listWebhooks")
    call("fetchWebhook", to=webhook)
    call("updateWebhook", to=webhook)
    call("deleteWebhook", to=webhook)
    for name in ("create", "fetch", "delete"):
        call(f"{name}SafeNumber")
    call("listTemplates")
    attempt = call("listAttempts")["attempts"][0]["sid"]
    call("fetchAttempt", to=attempt)
    call("fetchAttemptSummary")
    for operation_id, (_, _, operation) in OPERATIONS.items():
        if operation["tags"] == ["Not supported"]:
            call(operation_id, to="YC" + "0" * 32)
    call("deleteService")
    return c


def test_document_has_exactly_the_operations_of_v2(client):
    routes = {
        (plain(rule.rule), method)
        for rule in client.app.url_map.iter_rules()
        if rule.rule.startswith("/v2/")
        for method in (rule.methods or set()) & METHODS
    }

    documented = {
        (plain(path), method.upper()) for method, path, _ in OPERATIONS.values()
    }
    assert documented == routes
    assert len(OPERATIONS) == len(documented)


@pytest.mark.parametrize("operation_id", OPERATIONS)
def test_answer_to_the_example_is_the_documented_one(client, operation_id):
    response = client.answers[operation_id]
    _, _, operation = OPERATIONS[operation_id]

    successes = [status for status in operation["responses"] if status < "300"]
    assert [str(response.status_code)] == (successes or ["403"])


@pytest.mark.parametrize("operation_id", OPERATIONS)
def test_example_answer_has_the_fields_of_the_real_one(client, operation_id):
    response = client.answers[operation_id]
    node = resolve(OPERATIONS[operation_id][2]["responses"][str(response.status_code)])
    if not response.data:
        assert "content" not in node
        return
    content = node["content"]["application/json"]
    examples = [each["value"] for each in content.get("examples", {}).values()]

    for example in examples or [content["example"]]:
        assert example.keys() == response.json.keys()
        for name, value in example.items():
            if isinstance(value, list) and value and isinstance(value[0], dict):
                assert value[0].keys() == response.json[name][0].keys()


def test_every_schema_has_the_fields_of_its_answer_and_no_others(client):
    for operation_id, response in client.answers.items():
        status = str(response.status_code)
        node = resolve(OPERATIONS[operation_id][2]["responses"][status])
        for content in node.get("content", {}).values():
            properties = resolve(content["schema"])["properties"].keys()
            assert properties - {"bind_verifications"} == response.json.keys()


def test_every_example_conforms_to_its_schema():
    checked = 0
    for _, _, operation in OPERATIONS.values():
        bodies = [resolve(node) for node in operation["responses"].values()]
        for body in [*bodies, operation.get("requestBody", {})]:
            for content in body.get("content", {}).values():
                values = [
                    each["value"] for each in content.get("examples", {}).values()
                ]
                for value in values or [content["example"]]:
                    if body in bodies:
                        validate(content["schema"], value)
                    else:
                        names = content["schema"]["properties"].keys()
                        assert value.keys() <= names
                        assert value.keys() >= set(
                            content["schema"].get("required", ())
                        )
                    checked += 1

    assert checked > 200


def test_document_conforms_to_the_schema_of_openapi():
    problems = [
        f"{list(error.path)}: {error.message}"
        for error in Draft202012Validator(OPENAPI_31).iter_errors(DOCUMENT)
    ]

    assert problems == []
    for schema in DOCUMENT["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)


def test_every_parameter_and_field_has_a_description():
    undescribed = []

    def visit(schema: Any, path: str) -> None:
        for name, node in schema.get("properties", {}).items():
            if not (node.get("description") or resolve(node).get("description")):
                undescribed.append(f"{path}.{name}")
            visit(resolve(node), f"{path}.{name}")

    for name, schema in DOCUMENT["components"]["schemas"].items():
        visit(schema, name)
    for operation_id, (_, _, operation) in OPERATIONS.items():
        for content in operation.get("requestBody", {}).get("content", {}).values():
            visit(content["schema"], operation_id)
        undescribed += [
            f"{operation_id}: {parameter}"
            for parameter in map(resolve, operation.get("parameters", ()))
            if not parameter.get("description")
        ]

    assert undescribed == []


VERIFY_V2 = Path(verify_v2_errors.__file__).parent
# A limit of each code of its own, and one of the others.
LIMITS = (
    *("max_sends", "failed_checks_per_phone", "resend_cooldown", "sends_total"),
    *("factors_per_entity", "max_factor_tries", "challenges_per_factor"),
    *("max_challenge_checks", "failed_checks_per_factor"),
)
CODES = range(20_000, 70_000)


MINUTE = timedelta(minutes=1)


def raised(kind=errors.OTPError):
    """Yield an error of each class below *kind* that needs no arguments."""
    for each in kind.__subclasses__():
        if all(
            parameter.default is not parameter.empty
            for parameter in signature(each).parameters.values()
        ):
            yield each()
        yield from raised(each)


RAISED = [
    *raised(),
    errors.ChannelNotAllowed("sms"),
    errors.InvalidFactor("skew", "is too large"),
    errors.PrefixNotAllowed("+22177"),
    errors.TooManyAttempts(retry_after=MINUTE),
    *(errors.RateLimited(limit, retry_after=MINUTE) for limit in LIMITS),
]


def test_table_of_errors_has_every_code_of_the_api():
    used = {
        node.value
        for path in VERIFY_V2.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Constant)
        and isinstance(node.value, int)
        and node.value in CODES
    }

    assert [row.code for row in documents.load_verify_v2_errors()] == sorted(used)


def test_table_of_errors_has_the_status_of_each_answer(client):
    statuses = {row.code: row.status for row in documents.load_verify_v2_errors()}
    with client.app.test_request_context("/v2/Services"):
        answers = [verify_v2_errors.handle(error) for error in RAISED]

    assert len(answers) > 40
    for body, status, _ in answers:
        assert statuses[body["code"]] == body["status"] == status
