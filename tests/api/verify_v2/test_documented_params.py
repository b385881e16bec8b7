"""Every parameter of Twilio's specification is known: a wrong value has its error.

A parameter that no code knows would be ignored, like one that Verify does not have.
"""

from __future__ import annotations

from typing import Any

import pytest

from otp_engine.errors import InvalidIdentity
from tests.api.verify_v2 import twilio_schema
from tests.support.totp_client import TotpClient
from tests.support.verify_client import SERVICE, TO

# No parser accepts a control character.
WRONG = "\x01"
CHECK = "POST /v2/Services/{ServiceSid}/VerificationCheck"
ENTITIES = "/v2/Services/{ServiceSid}/Entities"
ENTITY = f"{ENTITIES}/{{Identity}}"
MESSAGING = {"Country": "IN", "MessagingServiceSid": f"MG{'1' * 32}"}
WEBHOOK = {
    "FriendlyName": "Logins",
    "EventTypes": "*",
    "WebhookUrl": "https://example.com/hook",
}
REQUIRED: dict[str, dict[str, str]] = {
    "POST /v2/SafeList/Numbers": {"PhoneNumber": TO},
    "POST /v2/Services": {"FriendlyName": "Shop"},
    "POST /v2/Services/{ServiceSid}/MessagingConfigurations": MESSAGING,
    "POST /v2/Services/{ServiceSid}/RateLimits": {"UniqueName": "other"},
    "POST /v2/Services/{ServiceSid}/RateLimits/{RateLimitSid}/Buckets": {
        "Max": "1",
        "Interval": "90",
    },
    "POST /v2/Services/{ServiceSid}/Verifications": {"To": TO, "Channel": "sms"},
    "POST /v2/Services/{ServiceSid}/Webhooks": WEBHOOK,
    CHECK: {"Code": "123456", "To": TO},
    f"POST {ENTITIES}": {"Identity": "other-person"},
    f"POST {ENTITY}/Factors": {"FriendlyName": "Phone", "FactorType": "totp"},
    f"POST {ENTITY}/Factors/{{Sid}}": {"FriendlyName": "Phone"},
    f"POST {ENTITY}/Challenges/{{Sid}}": {"AuthPayload": "000000"},
}
ERRORS = {
    "Amount": (403, 60204, "Service does not support this feature"),
    "CustomCode": (403, 60204, "Service does not support this feature"),
    "CustomMessage": (400, 60243, "Custom messages are not supported"),
    "Payee": (403, 60204, "Service does not support this feature"),
    "TemplateSid": (400, 60228, "Template was not found"),
    "To": (400, 60200, f"Invalid parameter `To`: {WRONG}"),
    "UniqueName": (400, 60209, "Rate limit UniqueName format is invalid"),
}
PUSH_FACTOR = [
    *("NotificationPlatform", "NotificationToken", "SdkVersion"),
]
# Those of other channels, of PSD2 and of push factors, which no verification and no
# factor of this service has, and a filter by a name that no template has.
IGNORED = {
    (f"POST {ENTITY}/Challenges", "Details.Message"),
    (f"POST {ENTITY}/Challenges", "Details.Fields"),
    (f"POST {ENTITY}/Challenges/{{Sid}}", "Metadata"),
    *((f"POST {ENTITY}/Factors", f"Config.{name}") for name in (*PUSH_FACTOR, "AppId")),
    (f"POST {ENTITY}/Factors", "Binding.Alg"),
    (f"POST {ENTITY}/Factors", "Binding.PublicKey"),
    *((f"POST {ENTITY}/Factors/{{Sid}}", f"Config.{name}") for name in PUSH_FACTOR),
    (CHECK, "Amount"),
    (CHECK, "Payee"),
    (CHECK, "SnaClientToken"),
    ("POST /v2/Services/{ServiceSid}/Verifications", "SendDigits"),
    ("GET /v2/Templates", "FriendlyName"),
}
DOCUMENTED = [
    (operation, name)
    for operation, names in twilio_schema.PARAMETERS.items()
    for name in names
]


@pytest.fixture
def call(verify):
    """Return a function that calls an operation on resources that exist."""
    sid = verify.service()
    service = f"/v2/Services/{sid}"
    limit = verify.post(f"{service}/RateLimits", UniqueName="ip").body["sid"]
    buckets = f"{service}/RateLimits/{limit}/Buckets"
    bucket = verify.post(buckets, Max=1, Interval=60).body["sid"]
    other = MESSAGING | {"Country": "US"}
    verify.post(f"{service}/MessagingConfigurations", **other)
    verification = verify.send(service=sid).body["sid"]
    webhook = verify.post(f"{service}/Webhooks", **WEBHOOK).body["sid"]
    totp = TotpClient(verify, service=sid)
    factor = totp.verified_factor()
    last = {
        "Factors": factor,
        "Challenges": totp.challenge(factor).body["sid"],
        "RateLimits": limit,
        "Buckets": bucket,
        "Services": sid,
        "Verifications": verification,
        "Webhooks": webhook,
    }

    def call(operation: str, values: dict[str, str]) -> Any:
        method, _, path = operation.partition(" ")
        parent = path.split("/")[-2]
        path = path.format(
            ServiceSid=sid,
            RateLimitSid=limit,
            Sid=last.get(parent),
            Country="US",
            Identity=totp.identity,
        )
        if operation == f"POST {ENTITY}/Challenges":
            values = {"FactorSid": factor} | values
        if method == "GET":
            return verify.get(path, **values)
        return verify.post(path, **REQUIRED.get(operation, {}) | values)

    return call


def test_specification_has_178_parameters():
    assert len(DOCUMENTED) == 178


@pytest.mark.parametrize(
    ("operation", "name"),
    [pair for pair in DOCUMENTED if pair not in IGNORED],
)
def test_documented_parameter_with_a_wrong_value_has_its_error(call, operation, name):
    # A check reads the SID only if it has no number.
    no_number = {"To": ""} if name == "VerificationSid" else {}

    response = call(operation, {name: WRONG} | no_number)

    expected = ERRORS.get(name, (400, 60200, f"Invalid parameter: {name}"))
    is_webhook = "/Webhooks" in operation and operation.startswith("POST")
    if is_webhook or "/Entities" in operation:
        expected = (400, 60306, f"Invalid Request: {name}")
        if name == "Identity":
            expected = (*expected[:2], f"{expected[2]}. {InvalidIdentity.message}")
    assert response.error == expected


@pytest.mark.parametrize(("operation", "name"), sorted(IGNORED))
def test_documented_parameter_without_effect_is_accepted(call, operation, name):
    response = call(operation, {name: WRONG})

    assert response.status in {200, 201}


def test_default_service_rejects_wrong_values_by_name(verify):
    for name in twilio_schema.PARAMETERS["POST /v2/Services/{Sid}"]:
        response = verify.post(f"/v2/Services/{SERVICE}", **{name: WRONG})

        assert response.error == (400, 60200, f"Invalid parameter: {name}")
