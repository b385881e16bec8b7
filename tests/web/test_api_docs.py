from __future__ import annotations

import base64
import json

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

from otp_engine import __version__, config
from otp_engine.app import create_app
from otp_engine.config.settings import TWILIO_WEBHOOK_PATH
from otp_engine.store.connection import connect
from otp_engine.store.redis_store import RedisStore
from tests.conftest import TIMEOUT
from tests.support import twilio_server
from tests.support.fakes import FakeSender
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
    "TWILIO_FROM": "+15005550006",
}
METHODS = {"GET", "POST", "PUT", "PATCH", "DELETE"}


def app_with_all_endpoints(**environ):
    return create_app(
        config.load(ALL_ENDPOINTS | environ),
        store=RedisStore(connect(None, TIMEOUT)),
        sender=FakeSender(),
    )


DOCUMENT = json.loads(app_with_all_endpoints().test_client().get("/openapi.json").text)
API = openapi.from_wsgi("/openapi.json", app_with_all_endpoints())
# Without the verify page, which has forms, and the webhook, which needs a signature.
SERVED = API.include(path_regex="^/(auth|healthz|readyz|metrics|dev|docs|openapi)|jwks")


def routes(app):
    return {
        (rule.rule, method)
        for rule in app.url_map.iter_rules()
        for method in (rule.methods or set()) & METHODS
        if not rule.rule.startswith(("/v2/", "/assets/"))
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


def test_page_shows_every_operation(client):
    page = client.get("/docs").text

    for path, methods in DOCUMENT["paths"].items():
        for operation in methods.values():
            assert f'id="{operation["operationId"]}"' in page
        assert f"<code>{path}</code>" in page
