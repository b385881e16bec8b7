from __future__ import annotations

import pytest

from otp_engine import config
from otp_engine.config.proxies import Proxy
from otp_engine.errors import InvalidSettings
from tests.support.settings import PRODUCTION

NUMBER = {"TWILIO_MESSAGING_SERVICE_SID": ""}
PROXY = Proxy(url="http://proxy:3128")


def twilio(**environ):
    settings = config.load(PRODUCTION | environ).twilio
    assert settings
    return settings


def problems(**environ):
    with pytest.raises(InvalidSettings) as raised:
        config.load(PRODUCTION | environ)
    return raised.value.problems


@pytest.mark.parametrize(
    "value",
    [
        "+15005550006",
        "+4917612345678",
        "12345",
        "729725",
        "ACME",
        "Acme Shop",
        "A&B-2_c",
    ],
)
def test_number_short_code_and_sender_id_are_accepted(value):
    assert twilio(**NUMBER, TWILIO_FROM=value).from_ == value


@pytest.mark.parametrize(
    "value",
    [
        "+15005550006x",
        "+1 500 555 0006",
        "+05005550006",
        "+150055",
        "15005550006",
        "+1500555000612345",
        "+\u0661\u0665\u0660\u0660\u0665\u0665\u0665\u0660\u0660\u0660\u0666",
        "12",
        "123456789",
        "1234 5678",
        "Twelve chars",
        "Caf\u00e9",
        "Acme!",
        "Ac\tme",
        "whatsapp:+15005550006",
        "'+15005550006",
    ],
)
def test_other_sender_is_a_problem(value):
    (problem,) = problems(**NUMBER, TWILIO_FROM=value)

    assert problem.startswith("TWILIO_FROM must be a number such as +15005550006")


def test_quoted_sender_is_a_problem():
    reported = problems(**NUMBER, TWILIO_FROM='"+15005550006"')

    assert reported == ("TWILIO_FROM has quotes around its value: remove them",)


def test_messaging_service_as_sender_is_a_problem_with_the_right_setting():
    (problem,) = problems(**NUMBER, TWILIO_FROM="MG" + "1" * 32)

    assert "use TWILIO_MESSAGING_SERVICE_SID" in problem


@pytest.mark.parametrize(
    "environ",
    [
        {"HTTPS_PROXY": "http://proxy:3128"},
        {"https_proxy": "http://proxy:3128"},
        {"HTTPS_PROXY": "proxy:3128"},
        {"HTTPS_PROXY": " http://proxy:3128/ "},
        {"ALL_PROXY": "http://proxy:3128"},
        {"all_proxy": "http://proxy:3128"},
        {"https_proxy": "http://proxy:3128", "HTTPS_PROXY": "http://other:1"},
        {"HTTPS_PROXY": "http://proxy:3128", "ALL_PROXY": "http://other:1"},
        {"HTTPS_PROXY": "http://proxy:3128", "HTTP_PROXY": "http://other:1"},
        {"HTTPS_PROXY": "http://proxy:3128", "NO_PROXY": "localhost, example.com"},
        {"HTTPS_PROXY": "http://proxy:3128", "NO_PROXY": "lio.com"},
        {
            "HTTP_PROXY": "http://proxy:3128",
            "NO_PROXY": "10.0.0.0/8",
            "TWILIO_API_BASE_URL": "http://192.0.2.1",
        },
        {
            "HTTP_PROXY": "http://proxy:3128",
            "TWILIO_API_BASE_URL": "http://twilio.internal",
        },
    ],
)
def test_proxy_of_the_environment_is_used(environ):
    assert twilio(**environ).proxy == PROXY


@pytest.mark.parametrize(
    "environ",
    [
        {},
        {"HTTP_PROXY": "http://proxy:3128"},
        {"HTTPS_PROXY": ""},
        {"HTTPS_PROXY": "http://proxy:3128", "NO_PROXY": "*"},
        {"HTTPS_PROXY": "http://proxy:3128", "NO_PROXY": "x, twilio.com"},
        {"HTTPS_PROXY": "http://proxy:3128", "NO_PROXY": ".twilio.com"},
        {"HTTPS_PROXY": "http://proxy:3128", "no_proxy": "API.twilio.com:443"},
        {
            "HTTP_PROXY": "http://proxy:3128",
            "NO_PROXY": "::1, 10.0.0.0/8",
            "TWILIO_API_BASE_URL": "http://10.1.2.3:8080",
        },
        {
            "HTTPS_PROXY": "http://proxy:3128",
            "TWILIO_API_BASE_URL": "http://twilio.internal",
        },
    ],
)
def test_excluded_host_has_no_proxy(environ):
    assert twilio(**environ).proxy is None


def test_password_of_the_proxy_is_decoded_and_not_shown():
    settings = twilio(HTTPS_PROXY="https://otp:s3cr3t%40x@proxy")

    assert settings.proxy == Proxy(url="https://proxy:443", login="otp:s3cr3t@x")
    assert "s3cr3t" not in repr(settings)


@pytest.mark.parametrize(
    "value",
    [
        *("socks5://:s3cr3t@proxy:1080", "http://", "http://:s3cr3t@h:x", "ftp://h"),
        *("http://[:s3cr3t@h", "http://:s3/cr3t@h", ":s3cr3t@[::1"),
    ],
)
def test_other_proxy_is_a_problem_without_its_password(value):
    (problem,) = problems(HTTPS_PROXY=value)

    assert problem.startswith("HTTPS_PROXY must be the http or https URL of a proxy")
    assert "s3cr3t" not in problem


@pytest.mark.parametrize("value", ["http://p p:80", "http://p;q:80", "http://${P}"])
def test_proxy_without_a_host_name_is_a_problem(value):
    (problem,) = problems(HTTPS_PROXY=value)

    assert problem.startswith("HTTPS_PROXY must be the http or https URL of a proxy")


def test_password_of_the_proxy_without_a_user_name_is_used():
    assert twilio(HTTPS_PROXY="http://:s3cr3t@proxy").proxy.login == ":s3cr3t"


def test_login_of_the_proxy_outside_of_ascii_is_a_problem():
    (problem,) = problems(HTTPS_PROXY="http://otp:s3cr3t\u03a9@proxy")

    assert problem == "HTTPS_PROXY must have a user name and a password in ASCII"


@pytest.mark.parametrize("name", ["TWILIO_REGION", "TWILIO_EDGE"])
@pytest.mark.parametrize("value", ["a.b", "ie1/", "-ie1", "i e", "x" * 33, "evil.com#"])
def test_part_of_another_host_is_a_problem(name, value):
    (problem,) = problems(**{name: value})

    assert problem.startswith(f"{name} must be a part of a host name")


def test_region_in_capitals_is_the_same_region():
    assert twilio(TWILIO_REGION="IE1").region == "ie1"


def test_region_without_effect_is_warned_of():
    environ = {"TWILIO_REGION": "ie1", "TWILIO_API_BASE_URL": "https://example.com"}

    warnings = config.load(PRODUCTION | environ).warnings

    assert any(text.startswith("TWILIO_REGION and TWILIO_EDGE") for text in warnings)
