from __future__ import annotations

import json

import pytest

from tests.support.verify_client import ACCOUNT, SERVICE, TO, TOKEN

LIST = f"/v2/Services/{SERVICE}/Verifications"


def invalid(name):
    return (400, 60200, f"Invalid parameter: {name}")


@pytest.mark.parametrize(
    ("changes", "parameter"),
    [
        ({"To": ""}, "To"),
        ({"Channel": ""}, "Channel"),
        ({"Channel": "SMS"}, "Channel"),
        ({"Channel": "Call"}, "Channel"),
        ({"Channel": "AUTO"}, "Channel"),
        ({"Channel": " sms"}, "Channel"),
        ({"Channel": "pigeon"}, "Channel"),
        ({"Locale": "en US"}, "Locale"),
        ({"Locale": "e"}, "Locale"),
        ({"Locale": "12"}, "Locale"),
        ({"Locale": "hindi!"}, "Locale"),
        ({"Locale": f"en-{'x' * 5_000}"}, "Locale"),
        ({"CustomFriendlyName": "call 555 1234 now"}, "CustomFriendlyName"),
        ({"CustomFriendlyName": "x" * 5_000}, "CustomFriendlyName"),
        ({"AppHash": "short"}, "AppHash"),
        ({"DeviceIp": "over there"}, "DeviceIp"),
        ({"RateLimits": "{"}, "RateLimits"),
        ({"RateLimits": "[]"}, "RateLimits"),
        ({"RateLimits": '{"unknown": "value"}'}, "RateLimits"),
        ({"RateLimits": '{"ip": "\\ud800"}'}, "RateLimits"),
        ({"RateLimits": '{"ip": NaN}'}, "RateLimits"),
        ({"Tags": "[" * 5_000}, "Tags"),
        ({"Tags": '{"x": 1e999}'}, "Tags"),
        ({"RiskCheck": "perhaps"}, "RiskCheck"),
        ({"ChannelConfiguration": "sendgrid"}, "ChannelConfiguration"),
        ({"EnableSnaClientToken": "perhaps"}, "EnableSnaClientToken"),
        ({"Tags": json.dumps({str(n): "x" for n in range(11)})}, "Tags"),
        ({"Tags": '{"x": "%s"}' % ("x" * 129)}, "Tags"),
    ],
)
def test_invalid_parameter_is_rejected_by_name(verify, outbox, changes, parameter):
    response = verify.send(**{"to": TO, **changes})

    assert response.error == invalid(parameter)
    assert outbox.messages == []


@pytest.mark.parametrize("channel", ["call", "push", "rbm", "rcs", "sna", "whatsapp"])
@pytest.mark.parametrize("to", [TO, "a@example.com"])
def test_channel_of_verify_that_is_not_offered_is_disabled(verify, outbox, channel, to):
    response = verify.send(to, Channel=channel)

    message = f"Delivery channel disabled: {channel.upper()}"
    assert response.error == (400, 60223, message)
    assert outbox.messages == []


def test_auto_names_channel_that_was_used(verify, outbox):
    response = verify.send(Channel="auto")

    assert response.status == 201
    assert response.body["channel"] == "sms"
    [attempt] = response.body["send_code_attempts"]
    assert attempt["channel"] == outbox.messages[0].channel == "sms"
    fetched = verify.get(response.body["url"].removeprefix("http://localhost"))
    assert fetched.body["channel"] == "sms"
    assert verify.check(outbox.code).body["channel"] == "sms"
    [listed] = verify.get("/v2/Attempts", Channel="sms").body["attempts"]
    assert listed["channel"] == "sms"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"Channel": "pigeon", "CustomMessage": "hello", "Locale": "!"}, 60200),
        ({"CustomMessage": "hello", "To": "hello", "Locale": "!"}, 60243),
        ({"Amount": "1", "To": "hello", "Locale": "!"}, 60204),
    ],
)
def test_unsupported_parameter_is_rejected_before_the_number_and_options(
    verify, changes, code
):
    response = verify.send(**{"to": TO, **changes})

    assert response.error[1] == code


def test_invalid_number_is_rejected_before_the_options(verify):
    response = verify.send("hello", Locale="!")

    assert response.error[2].startswith("Invalid parameter `To`")


@pytest.mark.parametrize("to", ["+91123", "9445012345", "hello", "a@example.com"])
def test_invalid_destination_is_masked_in_message(verify, to):
    response = verify.send(to)

    status, code, message = response.error
    assert (status, code) == (400, 60200)
    assert message.startswith(f"Invalid parameter `To`: {to[:3]}")
    assert to[3:] not in message


def test_parameter_names_are_case_sensitive(verify):
    response = verify.post(LIST, to=TO, channel="sms")

    assert response.error == invalid("To")


def test_json_body_has_no_parameters(verify):
    response = verify.raw(LIST, json={"To": TO, "Channel": "sms"})

    assert response.error == invalid("To")


@pytest.mark.parametrize(
    ("body", "environ", "cause"),
    [
        (b"To=1&To=2", {}, "A field is repeated."),
        (b"To=%FF", {}, "The body is not a valid form."),
        (b"To=1", {"CONTENT_LENGTH": "9"}, "The body is incomplete."),
        (
            b"To=1",
            {"HTTP_TRANSFER_ENCODING": "chunked"},
            "A form needs a Content-Length.",
        ),
    ],
)
def test_error_of_a_malformed_form_states_the_cause(verify, body, environ, cause):
    response = verify.raw(
        LIST,
        data=body,
        content_type="application/x-www-form-urlencoded",
        environ_overrides={"wsgi.input_terminated": True} | environ,
    )

    assert response.error == invalid(cause)


def test_parameters_of_other_channels_and_templates_are_ignored(verify):
    email = {"template_id": "d-1", "substitutions": {"name": "Asha"}}

    response = verify.send(
        ChannelConfiguration=json.dumps(email),
        EnableSnaClientToken="False",
        TemplateCustomSubstitutions='{"price": 9.5, "gift": true}',
        SendDigits="ww1",
    )

    assert response.status == 201


def test_unknown_parameter_is_ignored(verify):
    assert verify.send(Color="blue").status == 201


def test_check_without_target_is_rejected(verify):
    response = verify.post(f"/v2/Services/{SERVICE}/VerificationCheck", Code="123456")

    assert response.error == (400, 60221, "No target verification specified")


@pytest.mark.parametrize("code", ["", "123", "12345678901", "!!!!!!", "①②③④⑤⑥"])
def test_malformed_code_uses_no_attempt(verify, outbox, code):
    verify.send()
    for _ in range(9):
        assert verify.check(code).error == invalid("Code")

    assert verify.check(outbox.code).body["status"] == "approved"


@pytest.mark.parametrize("status", ["", "pending", "CANCELED"])
def test_invalid_status_is_rejected(verify, status):
    verify.send()

    assert verify.post(f"{LIST}/{TO}", Status=status).error == invalid("Status")


def test_locale_selects_language_of_message(verify, outbox):
    verify.send(Locale="es-MX")

    assert "es tu codigo" in outbox.messages[0].body


# The menu of Twilio's own template. Some tags are other names of a language.
MENU = (
    *("af", "ar", "ca", "zh", "zh-CN", "zh-HK", "hr", "cs", "da", "nl", "en", "en-GB"),
    *("fi", "fr", "de", "el", "he", "hi", "hu", "id", "it", "ja", "ko", "ms", "nb"),
    *("pl", "pt", "pt-BR", "ro", "ru", "es", "sv", "tl", "th", "tr", "vi"),
)
OTHER_NAMES = {"zh-CN": "zh", "en-GB": "en"}


def test_menu_has_36_languages():
    assert len(MENU) == 36


@pytest.mark.parametrize("locale", MENU)
def test_every_language_of_verify_is_sent(verify, outbox, locale):
    response = verify.send(Locale=locale)

    assert response.status == 201
    [attempt] = verify.get("/v2/Attempts").body["attempts"]
    assert attempt["channel_data"]["locale"] == OTHER_NAMES.get(locale, locale)


@pytest.mark.parametrize(
    ("to", "words"),
    [
        ("+525512345678", "es tu codigo"),
        ("+5511961234567", "seu codigo"),
        ("+4915123456789", "ist Ihr"),
        ("+14155552671", "is your"),
    ],
)
def test_language_without_text_gets_language_of_country(verify, outbox, to, words):
    verify.send(to, Locale="bg")

    assert words in outbox.messages[0].body


def test_no_locale_is_language_of_country(verify, outbox):
    verify.send("+525512345678")
    verify.send("+525512345678", Locale="")

    assert ["es tu codigo" in message.body for message in outbox.messages] == [
        True,
        True,
    ]


def test_message_with_hash_in_hindi_is_one_segment(verify, outbox):
    verify.send(Locale="hi", AppHash="He42w354ol9")

    body = outbox.messages[0].body
    assert len(body.encode("utf-16-le")) <= 140
    assert body.endswith(" He42w354ol9")


def test_custom_friendly_name_is_in_message(verify, outbox):
    verify.send(CustomFriendlyName="Bank")

    assert "your Bank code" in outbox.messages[0].body


def test_app_hash_ends_message(verify, outbox):
    verify.send(AppHash="He42w354ol9")

    assert outbox.messages[0].body.startswith("<#> ")
    assert outbox.messages[0].body.endswith(" He42w354ol9")


def test_risk_check_can_be_disabled(verify, outbox):
    verify.send(RiskCheck="disable")
    verify.send(RiskCheck="enable")

    assert [message.skip_risk_check for message in outbox.messages] == [True, False]


def test_device_ip_counts_against_limit(verify_with):
    verify = verify_with(OTP_API_KEYS=f"{ACCOUNT}:{TOKEN}", OTP_SENDS_PER_IP="1/1h")
    verify.send(DeviceIp="192.0.2.1")

    same = verify.send("+919445067890", DeviceIp="192.0.2.1")
    other = verify.send("+919445067890", DeviceIp="192.0.2.2")

    assert (same.status, other.status) == (429, 201)


def test_anonymous_client_counts_by_connection_address(verify_with, outbox):
    verify = verify_with(OTP_SENDS_PER_IP="1/1h", OTP_CHECKS_PER_IP="1/1h")
    verify.send(DeviceIp="192.0.2.1")

    again = verify.send("+919445067890", DeviceIp="192.0.2.2")
    checks = [verify.check("000000").status for _ in range(2)]

    assert again.error == (429, 20429, "Too many requests")
    assert checks == [200, 429]


def test_custom_message_is_rejected(verify):
    response = verify.send(CustomMessage="Hello")

    assert response.error == (400, 60243, "Custom messages are not supported")


def test_payment_is_rejected(verify, outbox):
    response = verify.send(Amount="10", Payee="Shop")

    assert response.error == (403, 60204, "Service does not support this feature")
    assert outbox.messages == []


def test_tags_are_accepted(verify):
    assert verify.send(Tags='{"campaign": "winter", "wave": 2}').status == 201


def test_number_of_other_country_is_refused(verify_with):
    verify = verify_with(OTP_ALLOWED_COUNTRIES="IN")

    response = verify.send("+14155552671")

    message = (
        "The destination phone number has been blocked by Verify Geo-Permissions."
        " US is blocked for sms channel for all services"
    )
    assert response.error == (403, 60605, message)


def test_landline_is_refused(verify):
    response = verify.send("+912224935555")

    message = "SMS is not supported by landline phone number"
    assert response.error == (403, 60205, message)


def test_oversized_body_is_rejected(verify):
    response = verify.send(Unknown="x" * 17_000)

    assert response.error == (400, 60200, "Invalid parameter")
