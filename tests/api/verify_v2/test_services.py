from __future__ import annotations

import re
from dataclasses import replace
from itertools import chain

import pytest

from otp_engine.domain.messages.languages import LOCALES
from tests.support.verify_client import ACCOUNT, SERVICE, TOKEN, Verify


def test_new_service_has_defaults_of_twilio(verify):
    response = verify.post("/v2/Services", FriendlyName="Shop")

    assert response.status == 201
    body = response.body
    assert re.fullmatch(r"VA[0-9a-f]{32}", body["sid"])
    assert body["account_sid"] == ACCOUNT
    assert body["friendly_name"] == "Shop"
    assert body["code_length"] == 6
    assert body["custom_code_enabled"] is False
    assert body["do_not_share_warning_enabled"] is False
    assert body["dtmf_input_required"] is True
    assert body["totp"] == {
        "issuer": "Shop",
        "time_step": 30,
        "code_length": 6,
        "skew": 1,
    }
    assert body["url"] == f"http://localhost/v2/Services/{body['sid']}"
    assert body["links"]["verifications"] == f"{body['url']}/Verifications"


def test_created_service_can_be_fetched(verify):
    created = verify.post("/v2/Services", FriendlyName="Shop", CodeLength=8).body

    assert verify.get(f"/v2/Services/{created['sid']}").body == created


def test_update_keeps_other_parameters(verify):
    sid = verify.service(CodeLength=8)

    response = verify.post(f"/v2/Services/{sid}", FriendlyName="Bank")

    assert response.status == 200
    assert (response.body["friendly_name"], response.body["code_length"]) == ("Bank", 8)


def test_boolean_can_be_set_to_false(verify):
    sid = verify.service(CustomCodeEnabled="true")

    body = verify.post(f"/v2/Services/{sid}", CustomCodeEnabled="false").body

    assert body["custom_code_enabled"] is False


def test_dotted_parameters_are_returned_nested(verify):
    sid = verify.service(Totp__Issuer="Me", Push__IncludeDate="true")

    body = verify.get(f"/v2/Services/{sid}").body

    assert body["totp"]["issuer"] == "Me"
    assert body["push"]["include_date"] is True


def test_origins_of_passkeys_are_returned_as_an_array(verify):
    origins = "www.example.com, login.example.com"
    created = verify.post(
        "/v2/Services", FriendlyName="Shop", Passkeys__RelyingParty__Origins=origins
    ).body

    fetched = verify.get(f"/v2/Services/{created['sid']}").body
    assert created["passkeys"]["relying_party"]["origins"] == [
        "www.example.com",
        "login.example.com",
    ]
    assert fetched == created


@pytest.mark.parametrize(
    ("parameter", "value"),
    [
        ("Passkeys.AuthenticatorAttachment", "required"),
        ("Passkeys.DiscoverableCredentials", "platform"),
        ("Passkeys.UserVerification", "perhaps"),
        ("Push.ApnCredentialSid", "CR1"),
        ("Totp.TimeStep", "61"),
        ("Totp.CodeLength", "9"),
        ("Totp.Skew", "3"),
        ("Whatsapp.MsgServiceSid", "MG1"),
    ],
)
def test_parameter_without_effect_is_validated(verify, parameter, value):
    response = verify.post("/v2/Services", FriendlyName="Shop", **{parameter: value})

    assert response.error == (400, 60200, f"Invalid parameter: {parameter}")


def test_deleted_service_is_not_found(verify):
    sid = verify.service()

    assert verify.delete(f"/v2/Services/{sid}").status == 204

    response = verify.get(f"/v2/Services/{sid}")
    message = f"The requested resource /v2/Services/{sid} was not found"
    assert response.error == (404, 20404, message)
    assert verify.delete(f"/v2/Services/{sid}").error == (404, 20404, message)


def test_default_service_exists(verify):
    body = verify.get(f"/v2/Services/{SERVICE}").body

    assert (body["sid"], body["friendly_name"]) == (SERVICE, "OTP Engine")


OWN = f"VA{'7' * 32}"
OWN_SETTINGS = {
    "OTP_SERVICE_SID": OWN,
    "OTP_SERVICE_NAME": "My shop",
    "OTP_SERVICE_CODE_LENGTH": "8",
    "OTP_SERVICE_CUSTOM_CODE": "1",
    "OTP_BRAND": "Acme, Inc.",
}


def test_default_service_has_brand_and_length_of_the_policy(verify_with):
    verify = verify_with(OTP_SERVICE_SID=OWN, OTP_BRAND="Acme", OTP_CODE_LENGTH="8")

    body = verify.get(f"/v2/Services/{OWN}").body

    assert (body["friendly_name"], body["code_length"]) == ("Acme", 8)
    assert body["custom_code_enabled"] is False


def test_environment_defines_default_service(verify_with):
    body = verify_with(**OWN_SETTINGS).get(f"/v2/Services/{OWN}").body

    assert (body["friendly_name"], body["code_length"]) == ("My shop", 8)
    assert body["custom_code_enabled"] is True
    assert body["totp"]["issuer"] == "My shop"


def test_message_of_default_service_has_its_name_and_code_length(verify_with, outbox):
    verify = verify_with(**OWN_SETTINGS)

    verify.send(service=OWN)

    assert re.match(r"\d{8} is your My shop code\.", outbox.messages[0].body)
    assert verify.check(outbox.code, OWN).body["status"] == "approved"


def test_message_of_auth_has_the_brand_and_the_length_of_the_policy(
    verify_with, outbox
):
    verify = verify_with(**OWN_SETTINGS)

    verify.auth("/auth/send_otp", phone="9445012345")

    assert re.match(r"\d{6} is your Acme, Inc\. code\.", outbox.messages[0].body)
    assert verify.check(outbox.code, OWN).body["status"] == "approved"


def test_default_service_can_allow_custom_codes(verify_with, outbox):
    verify = verify_with(**OWN_SETTINGS)

    sent = verify.send(service=OWN, CustomCode="AbC123")
    feedback = verify.post(
        f"/v2/Services/{OWN}/Verifications/{sent.body['sid']}", Status="approved"
    )

    assert outbox.messages[0].body.startswith("AbC123 is your My shop code.")
    assert (sent.status, sent.body["status"]) == (201, "pending")
    assert feedback.body["status"] == "approved"


@pytest.mark.parametrize(
    ("code", "status"), [("abc123", "pending"), ("AbC123", "approved")]
)
def test_custom_code_of_default_service_is_checked(verify_with, outbox, code, status):
    verify = verify_with(**OWN_SETTINGS)
    verify.send(service=OWN, CustomCode="AbC123")

    response = verify.check(code, OWN)

    assert response.body["status"] == status


DEFINED = "Invalid Service configuration: the environment defines the default service"


@pytest.mark.parametrize(
    ("parameters", "reason"),
    [
        ({"FriendlyName": "Other"}, "FriendlyName: set OTP_SERVICE_NAME"),
        ({"CodeLength": "4"}, "CodeLength: set OTP_SERVICE_CODE_LENGTH"),
        (
            {"CustomCodeEnabled": "true", "CodeLength": "8"},
            "CodeLength: set OTP_SERVICE_CODE_LENGTH, CustomCodeEnabled: set OTP_",
        ),
        ({"TtsName": "Acme"}, "TtsName has no setting"),
        ({"DoNotShareWarningEnabled": "false"}, "DoNotShareWarningEnabled has no"),
        ({"BindVerifications": "true"}, "BindVerifications has no setting"),
    ],
)
def test_change_of_default_service_names_the_setting(verify, parameters, reason):
    response = verify.post(f"/v2/Services/{SERVICE}", **parameters)

    assert response.error[:2] == (400, 60217)
    assert response.body["message"].startswith(f"{DEFINED} ({reason}")


def test_deletion_of_default_service_names_the_setting(verify):
    response = verify.delete(f"/v2/Services/{SERVICE}")

    message = f"{DEFINED} (it cannot be deleted, OTP_SERVICE_SID names it)"
    assert response.error == (400, 60217, message)


@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"FriendlyName": "Acme, Inc."},
        {"CodeLength": "6", "CustomCodeEnabled": "false", "LookupEnabled": "false"},
        {"Totp__Issuer": "Acme, Inc.", "Totp__TimeStep": "30", "Unknown": "1"},
    ],
)
def test_update_of_default_service_with_its_own_values_changes_nothing(
    verify_with, parameters
):
    verify = verify_with(OTP_BRAND="Acme, Inc.")
    before = verify.get(f"/v2/Services/{SERVICE}").body

    response = verify.post(f"/v2/Services/{SERVICE}", **parameters)

    assert (response.status, response.body) == (200, before)


@pytest.mark.parametrize(
    ("parameters", "error"),
    [
        ({"CodeLength": "3"}, (400, 60200)),
        ({"FriendlyName": "http://x"}, (400, 60200)),
        ({"Psd2Enabled": "true"}, (403, 60204)),
    ],
)
def test_invalid_update_of_default_service_gets_error_of_any_service(
    verify, parameters, error
):
    response = verify.post(f"/v2/Services/{SERVICE}", **parameters)

    assert response.error[:2] == error


def test_rate_limit_of_default_service_is_stored_and_keeps_its_settings(verify_with):
    verify = verify_with(**OWN_SETTINGS)

    created = verify.post(f"/v2/Services/{OWN}/RateLimits", UniqueName="ip")

    body = verify.get(f"/v2/Services/{OWN}").body
    assert created.status == 201
    assert (body["friendly_name"], body["code_length"]) == ("My shop", 8)


def test_service_sets_brand_code_length_and_warning(verify, outbox):
    plain = verify.service(CodeLength=4)
    warned = verify.service(FriendlyName="Bank", DoNotShareWarningEnabled="true")

    verify.send(service=plain)
    verify.send(service=warned)

    first, second = (message.body for message in outbox.messages)
    assert re.fullmatch(r"\d{4} is your Shop code\. It expires in 10 min\.", first)
    assert second.endswith("Don't share it.")


def test_template_overrides_warning(verify, outbox):
    listed = verify.get("/v2/Templates").body["templates"]
    by_name = {item["friendly_name"]: item["sid"] for item in listed}
    sid = verify.service(DefaultTemplateSid=by_name["Code, do not share"])

    verify.send(service=sid)
    verify.send(service=sid, TemplateSid=by_name["Code"])

    endings = [message.body.endswith("share it.") for message in outbox.messages]
    assert endings == [True, False]


@pytest.mark.parametrize(
    ("name", "count"), [("", 2), ("Code", 1), ("code", 0), ("Nothing", 0)]
)
def test_templates_can_be_filtered_by_name(verify, name, count):
    response = verify.get("/v2/Templates", FriendlyName=name)

    assert len(response.body["templates"]) == count


def test_templates_have_every_language(verify):
    listed = verify.get("/v2/Templates").body["templates"]

    for template in listed:
        translations = template["translations"]
        assert translations.keys() == LOCALES
        assert [
            locale
            for locale, text in translations.items()
            if text["is_default_translation"]
        ] == ["en"]
        for locale, text in translations.items():
            assert text["locale"] == locale
            assert "{{code}}" in text["text"]
            assert "{{friendly_name}}" in text["text"]
            assert "{{ttl}}" in text["text"]


def test_unknown_template_is_rejected(verify):
    response = verify.send(TemplateSid=f"HJ{'9' * 32}")

    assert response.error == (400, 60228, "Template was not found")


def test_service_can_allow_custom_codes(verify, outbox):
    sid = verify.service(CustomCodeEnabled="true")

    verify.send(service=sid, CustomCode="AbC123")

    assert outbox.messages[0].body.startswith("AbC123 is your Shop code.")
    assert verify.check("abc123", sid).body["status"] == "pending"
    assert verify.check("AbC123", sid).body["status"] == "approved"


def test_custom_code_is_rejected_by_default(verify):
    response = verify.send(CustomCode="123456")

    assert response.error == (403, 60204, "Service does not support this feature")


@pytest.mark.parametrize("code", ["123", "12345678901", "a b!c"])
def test_malformed_custom_code_is_rejected(verify, code):
    response = verify.send(
        service=verify.service(CustomCodeEnabled="true"), CustomCode=code
    )

    assert response.error == (400, 60200, "Invalid parameter: CustomCode")


@pytest.mark.parametrize(
    ("parameters", "invalid"),
    [
        ({}, "FriendlyName"),
        ({"FriendlyName": "x" * 31}, "FriendlyName"),
        ({"FriendlyName": "x" * 5_000}, "FriendlyName"),
        ({"FriendlyName": "call 12345"}, "FriendlyName"),
        ({"FriendlyName": "http://x"}, "FriendlyName"),
        ({"FriendlyName": "Shop", "CodeLength": "3"}, "CodeLength"),
        ({"FriendlyName": "Shop", "CodeLength": "11"}, "CodeLength"),
        ({"FriendlyName": "Shop", "CodeLength": "six"}, "CodeLength"),
        ({"FriendlyName": "Shop", "LookupEnabled": "maybe"}, "LookupEnabled"),
        ({"FriendlyName": "Shop", "TtsName": "x" * 65}, "TtsName"),
        ({"FriendlyName": "Shop", "DefaultTemplateSid": "HJ1"}, "DefaultTemplateSid"),
    ],
)
def test_invalid_parameter_is_rejected_by_name(verify, parameters, invalid):
    response = verify.post("/v2/Services", **parameters)

    assert response.error == (400, 60200, f"Invalid parameter: {invalid}")


def test_psd2_is_rejected(verify):
    response = verify.post("/v2/Services", FriendlyName="Bank", Psd2Enabled="true")

    assert response.error == (403, 60204, "Service does not support this feature")


def test_pages_cover_every_service(verify):
    created = [verify.service(FriendlyName=f"Shop {n}") for n in range(5)]
    pages, url = [], "/v2/Services?PageSize=2"
    while url:
        body = verify.get(url.removeprefix("http://localhost")).body
        pages.append([service["sid"] for service in body["services"]])
        url = body["meta"]["next_page_url"]

    assert [len(page) for page in pages] == [2, 2, 2]
    assert sorted(chain.from_iterable(pages)) == sorted([SERVICE, *created])


def test_previous_page_url_returns_previous_page(verify):
    for n in range(5):
        verify.service(FriendlyName=f"Shop {n}")
    first = verify.get("/v2/Services", PageSize=2).body
    second = verify.get(path_of(first["meta"]["next_page_url"])).body

    back = verify.get(path_of(second["meta"]["previous_page_url"])).body

    assert first["meta"]["previous_page_url"] is None
    assert back["services"] == first["services"]


def test_deleting_between_pages_skips_no_service(verify):
    for n in range(4):
        verify.service(FriendlyName=f"Shop {n}")
    url, sids = "/v2/Services?PageSize=2", []
    while url:
        body = verify.get(path_of(url)).body
        for service in body["services"]:
            sids.append(service["sid"])
            if service["sid"] != SERVICE:
                verify.delete(f"/v2/Services/{service['sid']}")
        url = body["meta"]["next_page_url"]

    assert len(sids) == 5


def path_of(url):
    return url.removeprefix("http://localhost")


@pytest.mark.parametrize(
    ("query", "parameter"),
    [
        ({"PageSize": "0"}, "PageSize"),
        ({"PageSize": "many"}, "PageSize"),
        ({"Page": "-1"}, "Page"),
        ({"PageToken": "PA\x00"}, "PageToken"),
        ({"PageToken": "nonsense"}, "PageToken"),
    ],
)
def test_invalid_page_is_rejected(verify, query, parameter):
    response = verify.get("/v2/Services", **query)

    assert response.error == (400, 60200, f"Invalid parameter: {parameter}")


def test_empty_parameter_of_a_page_counts_as_missing(verify):
    empty = {"PageSize": "", "Page": "", "PageToken": ""}

    meta = verify.get("/v2/Services", **empty).body["meta"]

    assert (meta["page"], meta["page_size"]) == (0, 50)


def test_page_size_is_capped(verify):
    body = verify.get("/v2/Services", PageSize=10**9).body

    assert body["meta"]["page_size"] == 1_000


def test_former_default_service_keeps_own_verifications(app_with, outbox):
    keys = {"OTP_API_KEYS": f"{ACCOUNT}:{TOKEN}"}
    old = f"VA{'1' * 32}"
    before = Verify(app_with(OTP_SERVICE_SID=old, **keys).test_client())
    before.post(f"/v2/Services/{old}/RateLimits", UniqueName="ip")
    after = Verify(app_with(**keys).test_client())

    after.send(service=old)

    assert after.check(outbox.code, SERVICE).error[:2] == (404, 20404)
    assert after.check(outbox.code, old).body["status"] == "approved"


def test_page_after_last_is_empty(verify):
    body = verify.get("/v2/Services", Page=1_000_000).body

    assert body["services"] == []
    assert body["meta"]["next_page_url"] is None


def test_urls_use_public_url(verify_with):
    verify = verify_with(OTP_PUBLIC_URL="https://otp.example.com/")

    body = verify.get("/v2/Services", PageSize=1).body

    assert body["meta"]["url"].startswith("https://otp.example.com/v2/Services?")
    assert body["services"][0]["url"].startswith("https://otp.example.com/v2/")


def urls_of(client, **headers):
    """Return the first part of every URL in the list of services."""
    response = client.get(
        "/v2/Services",
        query_string={"PageSize": "1"},
        headers={name.replace("_", "-"): value for name, value in headers.items()},
    )
    body = response.get_json()
    [service] = body["services"]
    urls = [
        body["meta"]["url"],
        body["meta"]["first_page_url"],
        service["url"],
        *service["links"].values(),
    ]
    return {url.partition("/v2/")[0] for url in urls}


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"Host": "otp.example.com:8080"}, "http://otp.example.com:8080"),
        (
            {"Host": "otp.example.com", "X_Forwarded_Proto": "https"},
            "https://otp.example.com",
        ),
        (
            {"Host": "verify.twilio.com:443", "X_Forwarded_Proto": "https"},
            "https://verify.twilio.com",
        ),
        (
            {"Host": "[2001:db8::1]:8443", "X_Forwarded_Proto": "https"},
            "https://[2001:db8::1]:8443",
        ),
        (
            {"Host": "otp.example.com", "X_Forwarded_Proto": "https, ftp"},
            "http://otp.example.com",
        ),
        (
            {
                "Host": "otp.example.com",
                "X_Forwarded_Proto": "https",
                "X_Forwarded_Host": "evil.example",
                "X_Forwarded_Port": "1",
                "X_Forwarded_Prefix": "/evil",
                "Forwarded": "host=evil.example",
            },
            "https://otp.example.com",
        ),
    ],
)
def test_urls_have_host_and_scheme_of_the_proxy(app_with, headers, expected):
    client = app_with(OTP_TRUSTED_PROXIES="1").test_client()

    assert urls_of(client, **headers) == {expected}


@pytest.mark.parametrize("host", ["evil.example/x", "evil.example?", "a b", "@", ""])
def test_urls_of_a_request_with_invalid_host_have_the_address_of_the_server(
    app_with, host
):
    assert urls_of(app_with().test_client(), Host=host) == {"http://localhost"}


def test_scheme_of_a_client_without_proxy_is_ignored(app_with):
    client = app_with().test_client()

    assert urls_of(client, X_Forwarded_Proto="https") == {"http://localhost"}


def test_public_url_is_independent_of_the_request(app_with):
    client = app_with(
        OTP_TRUSTED_PROXIES="1", OTP_PUBLIC_URL="https://otp.example.com"
    ).test_client()

    urls = urls_of(client, Host="evil.example", X_Forwarded_Proto="http")

    assert urls == {"https://otp.example.com"}


@pytest.mark.parametrize("length", [3, 4, 5])
def test_totp_code_length_under_six_is_rejected(verify, length):
    response = verify.post("/v2/Services", FriendlyName="Shop", Totp__CodeLength=length)

    assert response.error == (400, 60200, "Invalid parameter: Totp.CodeLength")


def test_stored_totp_code_length_under_six_is_returned_as_six(verify, store):
    sid = verify.service()
    old = store.services.get(sid)
    new = replace(old, passthrough={"totp.code_length": 4})
    store.services.compare_and_set(old, new)

    assert verify.get(f"/v2/Services/{sid}").body["totp"]["code_length"] == 6
