"""`/openapi.json` says what is so."""

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
from otp_engine.config.settings import TWILIO_CALLBACK
from otp_engine.store.connection import connect
from otp_engine.store.verifications import RedisStore
from tests import twilio_server
from tests.conftest import TIMEOUT
from tests.fakes import Outbox
from tests.support.settings import RELAXED

# Everything that there can be, so that every path is there.
WHOLE = RELAXED | {
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


def whole(**environ):
    return create_app(
        config.read(WHOLE | environ),
        store=RedisStore(connect(None, TIMEOUT)),
        sender=Outbox(),
    )


DOCUMENT = json.loads(whole().test_client().get("/openapi.json").text)
API = openapi.from_wsgi("/openapi.json", whole())
# The pages have forms, and tests of their own; the callback needs a signature.
SERVED = API.include(path_regex="^/(auth|healthz|readyz|metrics|dev|docs|openapi)|jwks")


def routes(app):
    return {
        (rule.rule, method)
        for rule in app.url_map.iter_rules()
        for method in (rule.methods or set()) & METHODS
        if not rule.rule.startswith(("/v2/", "/assets/"))
    }


def test_every_endpoint_outside_of_v2_is_in_it_and_no_other():
    documented = {
        (path, method.upper())
        for path, methods in DOCUMENT["paths"].items()
        for method in methods
    }

    assert documented == routes(whole()) | routes(whole(**REPORTING))
    assert (TWILIO_CALLBACK, "POST") in documented


def test_it_is_an_openapi_document_of_this_release():
    assert DOCUMENT["openapi"] == "3.1.0"
    assert DOCUMENT["info"]["version"] == __version__


@pytest.mark.parametrize("name", DOCUMENT["components"]["schemas"])
def test_every_schema_is_one(name):
    Draft202012Validator.check_schema(DOCUMENT["components"]["schemas"][name])


@SERVED.parametrize()
@settings(
    max_examples=40,
    derandomize=True,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
def test_whatever_is_asked_the_answer_is_as_described(case):
    case.call_and_validate(
        checks=[
            not_a_server_error,
            status_code_conformance,
            content_type_conformance,
            response_headers_conformance,
            response_schema_conformance,
        ]
    )


def test_the_page_shows_every_endpoint(http):
    page = http.get("/docs").text

    for path, methods in DOCUMENT["paths"].items():
        for operation in methods.values():
            assert f'id="{operation["operationId"]}"' in page
        assert f"<code>{path}</code>" in page
