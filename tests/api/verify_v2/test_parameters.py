"""What a program may ask of one message, and what it may not."""

from __future__ import annotations

import json

import pytest

from tests.api.verify_v2.conftest import ACCOUNT, SERVICE, TO, TOKEN

LIST = f"/v2/Services/{SERVICE}/Verifications"


def invalid(name):
    return (400, 60200, f"Invalid parameter: {name}")


@pytest.mark.parametrize(
    ("given", "parameter"),
    [
        ({"To": ""}, "To"),
        ({"Channel": ""}, "Channel"),
        ({"Channel": "call"}, "Channel"),
        ({"Channel": "email"}, "Channel"),
        ({"Channel": "sna"}, "Channel"),
        ({"Channel": "auto"}, "Channel"),
        ({"Channel": "SMS"}, "Channel"),
        ({"Channel": "pigeon"}, "Channel"),
        ({"Locale": "tlh"}, "Locale"),
        ({"CustomFriendlyName": "call 555 1234 now"}, "CustomFriendlyName"),
        ({"CustomFriendlyName": "x" * 5_000}, "CustomFriendlyName"),
        ({"AppHash": "short"}, "AppHash"),
        ({"DeviceIp": "over there"}, "DeviceIp"),
        ({"RateLimits": "{"}, "RateLimits"),
        ({"RateLimits": "[]"}, "RateLimits"),
        ({"RateLimits": '{"nobody": "knows"}'}, "RateLimits"),
        ({"RateLimits": '{"ip": "\\ud800"}'}, "RateLimits"),
        ({"RateLimits": '{"ip": NaN}'}, "RateLimits"),
        ({"Tags": "[" * 5_000}, "Tags"),
        ({"Tags": '{"x": 1e999}'}, "Tags"),
        ({"RiskCheck": "perhaps"}, "RiskCheck"),
        ({"Tags": json.dumps({str(n): "x" for n in range(11)})}, "Tags"),
        ({"Tags": '{"x": "%s"}' % ("x" * 129)}, "Tags"),
    ],
)
def test_what_cannot_be_is_refused_by_its_name(verify, outbox, given, parameter):
    answer = verify.send(**{"to": TO, **given})

    assert answer.error == invalid(parameter)
    assert outbox.messages == []


@pytest.mark.parametrize("to", ["+91123", "9445012345", "hello", "a@example.com"])
def test_a_destination_that_is_no_number_is_shown_without_its_digits(verify, to):
    answer = verify.send(to)

    status, number, message = answer.error
    assert (status, number) == (400, 60200)
    assert message.startswith(f"Invalid parameter `To`: {to[:3]}")
    assert to[3:] not in message


def test_parameters_in_the_wrong_case_are_not_there(verify):
    answer = verify.post(LIST, to=TO, channel="sms")

    assert answer.error == invalid("To")


def test_a_body_of_json_has_no_parameters(verify):
    answer = verify.raw(LIST, json={"To": TO, "Channel": "sms"})

    assert answer.error == invalid("To")


def test_a_parameter_that_is_there_twice_is_refused(verify):
    answer = verify.raw(LIST, data={"To": [TO, TO], "Channel": "sms"})

    assert answer.error[:2] == (400, 60200)


def test_what_nobody_knows_is_ignored(verify):
    assert verify.send(Colour="blue").status == 201


def test_a_check_needs_a_target(verify):
    answer = verify.post(f"/v2/Services/{SERVICE}/VerificationCheck", Code="123456")

    assert answer.error == (400, 60221, "No target verification specified")


@pytest.mark.parametrize("code", ["", "123", "12345678901", "!!!!!!", "１２３４５６"])
def test_a_code_that_cannot_be_is_refused_and_costs_nothing(verify, outbox, code):
    verify.send()
    for _ in range(9):
        assert verify.check(code).error == invalid("Code")

    assert verify.check(outbox.code).body["status"] == "approved"


@pytest.mark.parametrize("status", ["", "pending", "CANCELED"])
def test_a_verification_is_closed_as_canceled_or_approved_only(verify, status):
    verify.send()

    assert verify.post(f"{LIST}/{TO}", Status=status).error == invalid("Status")


def test_the_text_is_in_the_language_of_the_locale(verify, outbox):
    verify.send(Locale="es-MX")

    assert "es tu codigo" in outbox.messages[0].body


def test_one_message_may_bear_another_name(verify, outbox):
    verify.send(CustomFriendlyName="Bank")

    assert "your Bank code" in outbox.messages[0].body


def test_an_app_on_android_may_read_the_message(verify, outbox):
    verify.send(AppHash="He42w354ol9")

    assert outbox.messages[0].body.startswith("<#> ")
    assert outbox.messages[0].body.endswith(" He42w354ol9")


def test_a_check_for_fraud_can_be_left_out(verify, outbox):
    verify.send(RiskCheck="disable")
    verify.send(RiskCheck="enable")

    assert [message.unfiltered for message in outbox.messages] == [True, False]


def test_the_address_of_the_device_is_counted(verify_with):
    verify = verify_with(OTP_API_KEYS=f"{ACCOUNT}:{TOKEN}", OTP_SENDS_PER_IP="1/1h")
    verify.send(DeviceIp="192.0.2.1")

    same = verify.send("+919445067890", DeviceIp="192.0.2.1")
    other = verify.send("+919445067890", DeviceIp="192.0.2.2")

    assert (same.status, other.status) == (429, 201)


def test_of_somebody_without_a_key_the_connection_is_counted(verify_with, outbox):
    verify = verify_with(OTP_SENDS_PER_IP="1/1h", OTP_CHECKS_PER_IP="1/1h")
    verify.send(DeviceIp="192.0.2.1")

    again = verify.send("+919445067890", DeviceIp="192.0.2.2")
    checks = [verify.check("000000").status for _ in range(2)]

    assert again.error == (429, 20429, "Too many requests")
    assert checks == [200, 429]


def test_custom_messages_are_not_there(verify):
    answer = verify.send(CustomMessage="Hello")

    assert answer.error == (400, 60243, "Custom messages are not supported")


def test_a_payment_is_refused_and_not_sent_as_if_it_were_none(verify, outbox):
    answer = verify.send(Amount="10", Payee="Somebody")

    assert answer.error == (403, 60204, "Service does not support this feature")
    assert outbox.messages == []


def test_tags_are_taken(verify):
    assert verify.send(Tags='{"campaign": "winter", "wave": 2}').status == 201


def test_a_number_of_another_country_is_blocked(verify_with):
    verify = verify_with(OTP_ALLOWED_COUNTRIES="IN")

    answer = verify.send("+14155552671")

    text = (
        "The destination phone number has been blocked by Verify Geo-Permissions."
        " US is blocked for sms channel for all services"
    )
    assert answer.error == (403, 60605, text)


def test_a_landline_gets_no_message(verify):
    answer = verify.send("+912224935555")

    text = "SMS is not supported by landline phone number"
    assert answer.error == (403, 60205, text)


def test_a_body_that_is_too_large_is_refused_without_a_name(verify):
    answer = verify.send(Unknown="x" * 17_000)

    assert answer.error == (400, 60200, "Invalid parameter")
