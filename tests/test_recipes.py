"""The recipes of docs/providers.md, each against a stand-in of its gateway."""

from __future__ import annotations

import base64
import json
import re
from datetime import UTC, datetime
from urllib.parse import parse_qsl

import pytest

from otp_engine.config.webhook_settings import WebhookSettings
from otp_engine.crypto.webhook_signatures import WebhookSecret
from otp_engine.domain.messages.delivery_reports import DeliveryStatus
from otp_engine.domain.models import Channel
from otp_engine.senders import webhook_answers
from otp_engine.senders.reports import ReportRequest
from otp_engine.senders.webhook_reports import WebhookReportReceiver
from tests.support import documented_code, http_server
from tests.support.http_server import respond

SECRET = WebhookSecret(bytes(range(32)))
MESSAGE = json.loads(documented_code.block("## The request", "json"))


@pytest.fixture
def gateway():
    with http_server.running() as gateway:
        yield gateway


@pytest.fixture
def recipe(gateway, monkeypatch):
    """Return a function that runs a recipe with the gateway as its URL."""

    def run(heading, function="send", **environ):
        for name, value in environ.items():
            monkeypatch.setenv(name, gateway.url if value is None else value)
        names: dict[str, object] = {}
        if function == "send":
            exec(documented_code.block("## Recipes", "python"), names)  # noqa: S102 - the code of the page
        exec(documented_code.block(heading, "python"), names)  # noqa: S102 - the same
        return names[function]

    return run


def answer(gateway, status, document):
    body = document if isinstance(document, str) else json.dumps(document)
    gateway.behave = respond(status, body, Connection="close")


def form(gateway):
    return dict(parse_qsl(gateway.requests[0].body.decode()))


@pytest.fixture
def vonage(recipe):
    return recipe(
        "### Vonage",
        VONAGE_URL=None,
        VONAGE_KEY="key",
        VONAGE_SECRET="secret",
        VONAGE_FROM="Acme",
    )


@pytest.fixture
def msg91(recipe):
    return recipe("### MSG91", MSG91_URL=None, MSG91_KEY="key")


@pytest.fixture
def smsgate(recipe):
    return recipe(
        "### An Android phone",
        SMSGATE_URL=None,
        SMSGATE_USER="user",
        SMSGATE_PASSWORD="password",
    )


@pytest.fixture
def jasmin(recipe):
    return recipe(
        "### Jasmin, for SMPP",
        JASMIN_URL=None,
        JASMIN_USER="user",
        JASMIN_PASSWORD="password",
        JASMIN_FROM="Acme",
    )


def test_vonage_accepts_a_message(vonage, gateway):
    answer(gateway, 200, {"messages": [{"status": "0", "message-id": "m-1"}]})

    assert vonage(MESSAGE) == {"message_id": "m-1"}
    fields = form(gateway)
    assert (fields["to"], fields["type"]) == ("919445012345", "text")
    assert fields["text"] == MESSAGE["text"]
    assert fields["client-ref"] == MESSAGE["delivery_id"]


def test_vonage_gets_a_text_in_unicode(vonage, gateway):
    answer(gateway, 200, {"messages": [{"status": "0", "message-id": "m-1"}]})

    vonage(MESSAGE | {"text": "482913 é"})

    assert (form(gateway)["type"], form(gateway)["text"]) == ("unicode", "482913 é")


@pytest.mark.parametrize(
    ("status", "word"),
    [
        ("1", "rate_limited"),
        ("3", "invalid_phone"),
        ("4", "authentication_failed"),
        ("5", "unconfirmed"),
        ("7", "recipient_rejected"),
        ("9", "misconfigured"),
        ("29", "misconfigured"),
    ],
)
def test_vonage_rejects_a_message_with_status_200(vonage, gateway, status, word):
    answer(gateway, 200, {"messages": [{"status": status}]})

    assert vonage(MESSAGE) == {"error": word, "code": int(status)}
    assert word in webhook_answers.ERRORS


def test_msg91_gets_template_sender_and_variables(msg91, gateway):
    answer(gateway, 200, {"type": "success", "message": "request-1"})

    result = msg91(MESSAGE | {"template_id": "1107", "sender_id": "ACMEIN"})

    assert result == {"message_id": "request-1"}
    (request,) = gateway.requests
    assert request.headers["authkey"] == "key"
    assert json.loads(request.body) == {
        "template_id": "1107",
        "sender": "ACMEIN",
        "recipients": [
            {
                "mobiles": "919445012345",
                "code": "482913",
                "brand": "Acme",
                "minutes": "10",
            }
        ],
    }


def test_msg91_without_template_sends_nothing(msg91, gateway):
    assert msg91(MESSAGE) == {"error": "misconfigured"}
    assert gateway.requests == []


@pytest.mark.parametrize(
    ("status", "document", "word"),
    [
        (200, {"type": "error", "message": "template"}, "misconfigured"),
        (401, {}, "authentication_failed"),
        (429, "", "rate_limited"),
    ],
)
def test_msg91_rejects_a_message(msg91, gateway, status, document, word):
    answer(gateway, status, document)

    assert msg91(MESSAGE | {"template_id": "1107"}) == {"error": word}


def test_phone_accepts_a_message(smsgate, gateway):
    answer(gateway, 202, {"id": "m-1", "state": "Pending"})

    assert smsgate(MESSAGE) == {"message_id": "m-1"}
    (request,) = gateway.requests
    login = base64.b64encode(b"user:password").decode()
    assert request.headers["authorization"] == f"Basic {login}"
    fields = json.loads(request.body)
    assert fields["phoneNumbers"] == [MESSAGE["to"]]
    assert fields["textMessage"] == {"text": MESSAGE["text"]}
    assert fields["ttl"] == 600


@pytest.mark.parametrize(
    ("status", "word"),
    [(400, "rejected"), (401, "authentication_failed"), (500, "unconfirmed")],
)
def test_phone_rejects_a_message(smsgate, gateway, status, word):
    answer(gateway, status, "")

    assert smsgate(MESSAGE)["error"] == word


def test_jasmin_accepts_a_message(jasmin, gateway):
    answer(gateway, 200, 'Success "07033084-5cfd-4812-90a4-e4d24ffb6e3d"')

    assert jasmin(MESSAGE) == {"message_id": "07033084-5cfd-4812-90a4-e4d24ffb6e3d"}
    fields = form(gateway)
    assert (fields["to"], fields["from"]) == ("919445012345", "Acme")
    assert fields["content"] == MESSAGE["text"]


def test_jasmin_gets_a_text_in_ucs2(jasmin, gateway):
    answer(gateway, 200, 'Success "m-1"')

    jasmin(MESSAGE | {"text": "482913 कोड"})

    fields = form(gateway)
    assert fields["coding"] == "8"
    assert bytes.fromhex(fields["hex-content"]).decode("utf-16-be") == "482913 कोड"
    assert "content" not in fields


@pytest.mark.parametrize(
    ("status", "word"),
    [
        (400, "misconfigured"),
        (403, "authentication_failed"),
        (412, "rejected"),
        (500, "unconfirmed"),
    ],
)
def test_jasmin_rejects_a_message(jasmin, gateway, status, word):
    answer(gateway, status, 'Error "No."')

    assert jasmin(MESSAGE) == {"error": word, "code": status}


def test_nodes_of_n8n_are_connected_up_to_the_answer():
    workflow = json.loads(documented_code.block("### n8n", "json"))

    types = {node["name"]: node["type"] for node in workflow["nodes"]}
    order = ["Webhook"]
    while following := workflow["connections"].get(order[-1]):
        order.append(following["main"][0][0]["node"])
    assert [types[name].rpartition(".")[2] for name in order] == [
        "webhook",
        "httpRequest",
        "respondToWebhook",
    ]
    assert workflow["nodes"][0]["parameters"]["responseMode"] == "responseNode"


def test_report_of_the_page_is_accepted(recipe, gateway):
    report = recipe(
        "### A report from Python", "report", WEBHOOK_SECRET=SECRET.to_text()
    )

    report(MESSAGE | {"report_url": gateway.url}, "undelivered", 30003)

    (request,) = gateway.requests
    settings = WebhookSettings(
        name="gateway", url="", channels=(Channel.SMS,), secrets=(SECRET,)
    )
    receiver = WebhookReportReceiver(settings, lambda: datetime.now(UTC))
    (parsed,) = receiver.receive(
        ReportRequest(url="", headers=request.headers, body=request.body)
    ).reports
    assert parsed.delivery_id == MESSAGE["delivery_id"]
    assert (parsed.status, parsed.provider_error) == (DeliveryStatus.UNDELIVERED, 30003)


def test_every_error_of_the_service_is_in_the_table_of_answers():
    table = documented_code.section("## Answers")

    named = set(re.findall(r'"error": "(\w+)"', table))
    assert named == set(webhook_answers.ERRORS)


@pytest.mark.parametrize(
    "word",
    sorted(set(re.findall(r"\"error\": \"(\w+)\"", documented_code.PAGE.read_text()))),
)
def test_errors_of_the_page_are_known(word):
    assert word in webhook_answers.ERRORS
