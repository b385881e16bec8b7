"""The client compared with the OpenAPI document of the service."""

from __future__ import annotations

import inspect
import json
import re
from dataclasses import fields
from pathlib import Path
from typing import Any

import httpx
import pytest

import otp_engine
import otp_engine_client
from otp_engine.web.reference import documents
from otp_engine_client import AsyncClient, Client, calls, errors, responses
from otp_engine_client.results import Check, Send
from tests.support.client_calls import CALLS, Recorder

DOCUMENT: Any = documents.load_auth()
OPERATIONS = {
    (method, path): operation
    for path, item in DOCUMENT["paths"].items()
    if path.startswith("/auth")
    for method, operation in item.items()
    if method in {"get", "post", "put", "patch", "delete"}
}
SOURCES = "".join(
    path.read_text() for path in Path(otp_engine_client.__file__).parent.glob("*.py")
)
METHODS = [name for name, *_ in CALLS.values()]
# Headers for tools, which a program needs no part of.
UNREAD_HEADERS = {"WWW-Authenticate"}


def resolved(node: Any) -> Any:
    """Return the target of a reference, or the node."""
    while "$ref" in node:
        target = DOCUMENT
        for key in node["$ref"].removeprefix("#/").split("/"):
            target = target[key]
        node = target
    return node


def error_names(node: Any) -> set[str]:
    """Return the values of every `error` in a part of the document."""
    if isinstance(node, list):
        return set().union(*map(error_names, node))
    if not isinstance(node, dict):
        return set()
    node = resolved(node)
    names = set(node.get("properties", {}).get("error", {}).get("enum", ()))
    return names.union(*map(error_names, node.values()))


def named_errors() -> list[tuple[str, int]]:
    """Return each error name of `/auth` with each of its statuses."""
    return sorted(
        {
            (name, int(status))
            for operation in OPERATIONS.values()
            for status, response in operation["responses"].items()
            for name in error_names(resolved(response).get("content", {}))
        }
    )


def successes(operation: Any) -> dict[str, Any]:
    return {
        status: resolved(response)
        for status, response in operation["responses"].items()
        if status.startswith("2")
    }


def example(operation: Any) -> httpx.Response:
    """Return the first documented success of an operation."""
    [(status, response)] = successes(operation).items()
    content = response.get("content", {}).get("application/json")
    if content is None:
        return httpx.Response(int(status))
    examples = [each["value"] for each in content.get("examples", {}).values()]
    return httpx.Response(int(status), json=[*examples, content.get("example")][0])


def call(operation: tuple[str, str]) -> tuple[Any, httpx.Request]:
    """Call an operation with every argument; return the result and the request."""
    recorder = Recorder(example(OPERATIONS[operation]))
    name, positional, named = CALLS[operation]
    with Client("http://otp.example.com", transport=recorder) as client:
        result = getattr(client, name)(*positional, **named)
    return result, recorder.requests[0]


def test_client_has_a_method_for_each_operation():
    assert CALLS.keys() == OPERATIONS.keys()


@pytest.mark.parametrize("operation", CALLS, ids=" ".join)
def test_request_has_method_path_and_every_field_of_the_document(operation):
    _, request = call(operation)

    schema = OPERATIONS[operation]["requestBody"]["content"]["application/json"]
    properties = resolved(schema["schema"])["properties"]
    assert (request.method.lower(), request.url.path) == operation
    assert json.loads(request.content).keys() == properties.keys()


@pytest.mark.parametrize("operation", CALLS, ids=" ".join)
def test_arguments_of_a_method_are_the_fields_of_its_operation(operation):
    name, *_ = CALLS[operation]
    schema = OPERATIONS[operation]["requestBody"]["content"]["application/json"]

    arguments = set(inspect.signature(getattr(Client, name)).parameters) - {"self"}

    assert arguments == set(resolved(schema["schema"])["properties"])


@pytest.mark.parametrize("operation", CALLS, ids=" ".join)
def test_result_has_every_key_of_the_documented_answer(operation):
    result, _ = call(operation)

    [response] = successes(OPERATIONS[operation]).values()
    content = response.get("content", {}).get("application/json", {})
    keys = set(resolved(content.get("schema", {})).get("properties", {}))
    names = {field.name for field in fields(result)} if result is not None else set()
    assert keys - {"message", "VerificationStatus"} <= names


def test_client_reads_every_header_of_every_answer():
    headers = {
        name
        for operation in OPERATIONS.values()
        for response in operation["responses"].values()
        for name in resolved(response).get("headers", {})
    }

    unread = {name for name in headers - UNREAD_HEADERS if f'"{name}"' not in SOURCES}

    assert headers > UNREAD_HEADERS
    assert unread == set()


@pytest.mark.parametrize(("name", "status"), named_errors())
def test_error_name_has_an_exception_of_its_status(name, status):
    general = responses.class_of("of_a_newer_service", status)

    specific = responses.class_of(name, status)

    assert issubclass(specific, general)
    assert general is not errors.ErrorResponse


def test_client_has_no_class_for_an_error_that_the_service_lacks():
    assert responses.BY_NAME.keys() <= {name for name, _ in named_errors()}


def test_errors_of_a_document_are_found():
    names = {name for name, _ in named_errors()}

    assert {"rate_limited", "delivery_unconfirmed", "invalid_phone"} <= names


@pytest.mark.parametrize("name", [*METHODS, "check_proof"])
def test_both_clients_have_the_same_methods(name):
    of_sync, of_async = getattr(Client, name), getattr(AsyncClient, name)

    assert inspect.signature(of_sync) == inspect.signature(of_async)
    assert inspect.getdoc(of_sync) == inspect.getdoc(of_async)
    assert inspect.iscoroutinefunction(of_async)


def test_clients_have_no_other_public_methods():
    for kind in (Client, AsyncClient):
        public = {name for name in vars(kind) if not name.startswith("_")}
        assert public == {*METHODS, "check_proof", "close"}


def test_every_public_error_is_exported():
    defined = {
        name
        for name, value in vars(errors).items()
        if inspect.isclass(value) and issubclass(value, errors.OTPEngineError)
    }

    assert defined <= set(otp_engine_client.__all__)


def test_version_is_that_of_the_service():
    assert otp_engine_client.__version__ == otp_engine.__version__


def test_results_hide_secrets_from_their_repr():
    secret = "s3cret"
    results = [Send(handle=secret), Check(approved=True, proof=secret)]

    assert not [text for text in map(repr, results) if secret in text]


def test_call_hides_its_body_from_its_repr():
    call = calls.verify_totp("user-4711", "482913", recovery_code=None, client_ip=None)

    assert not re.search("482913|4711", repr(call))
