from __future__ import annotations

import pytest

from otp_engine import config
from otp_engine.config import setting_warnings
from otp_engine.config.console_settings import ConsoleSettings
from otp_engine.crypto import api_keys
from otp_engine.errors import InvalidSettings
from tests.support.operators import ALICE, BOB, KEYS
from tests.support.settings import PRODUCTION, RELAXED


def problems(**environ):
    with pytest.raises(InvalidSettings) as raised:
        config.load(PRODUCTION | environ)
    return raised.value.problems


def test_console_is_off_by_default():
    settings = config.load(PRODUCTION)

    assert settings.console == ConsoleSettings()
    assert not settings.has_console


def test_console_is_on_without_a_sign_in_in_dev_mode():
    settings = config.load(RELAXED)

    assert settings.has_console
    assert not settings.console.has_sign_in


def test_console_of_dev_mode_with_a_real_sender_is_off():
    environ = RELAXED | {key: PRODUCTION[key] for key in PRODUCTION if "TWILIO" in key}
    settings = config.load(
        environ
        | {"OTP_API_KEYS": f"shop:{ALICE}", "OTP_PEPPER": PRODUCTION["OTP_PEPPER"]}
    )

    assert not settings.has_console


def test_keys_of_operators_are_loaded():
    settings = config.load(PRODUCTION | {"OTP_CONSOLE_KEY": KEYS})

    assert [key.name for key in settings.console.keys] == ["alice", "bob"]
    assert settings.has_console


def test_operator_may_have_two_keys():
    two = f"{api_keys.env_entry('alice', ALICE)},{api_keys.env_entry('alice', BOB)}"

    assert len(config.load(PRODUCTION | {"OTP_CONSOLE_KEY": two}).console.keys) == 2


@pytest.mark.parametrize(
    ("keys", "problem"),
    [
        (ALICE, "must be comma-separated name:secret pairs"),
        ("alice:short", "must have secrets of at least 128 bits"),
        (f"alice:{ALICE},bob:{ALICE}", "must have a different secret"),
        (f"{'x' * 40}:{ALICE}", "must be the name of a person"),
        ("anonymous:0123456789abcdef0123456789abcdef", "reserved name"),
    ],
)
def test_unsafe_keys_are_problems(keys, problem):
    [found] = problems(OTP_CONSOLE_KEY=keys)

    assert found.startswith("OTP_CONSOLE_KEY ")
    assert problem in found
    assert ALICE not in found


def test_key_of_a_client_is_a_problem():
    [found] = problems(OTP_CONSOLE_KEY=KEYS, OTP_API_KEYS=f"shop:{ALICE}")

    assert "in common with OTP_API_KEYS" in found


def test_weak_key_is_a_warning_in_dev_mode():
    settings = config.load(RELAXED | {"OTP_CONSOLE_KEY": "alice:short"})

    assert any("the key of alice has fewer" in text for text in settings.warnings)


def test_user_header_without_proxies_is_a_problem():
    [found] = problems(OTP_CONSOLE_USER_HEADER="X-Forwarded-Email")

    assert found.startswith("OTP_CONSOLE_USER_HEADER requires OTP_TRUSTED_PROXIES")


@pytest.mark.parametrize(
    "header", ["X_User", "X User", "X-Forwarded-For", "authorization", "Host", "x" * 65]
)
def test_header_that_a_client_sets_is_a_problem(header):
    [found] = problems(OTP_CONSOLE_USER_HEADER=header, OTP_TRUSTED_PROXIES="1")

    assert found.startswith("OTP_CONSOLE_USER_HEADER must be the name of a header")


@pytest.mark.parametrize(
    ("header", "spellings"),
    [
        ("X-Forwarded-Email", "X-Forwarded-Email and X_Forwarded_Email from"),
        ("ConsoleOperator", "ConsoleOperator from"),
    ],
)
def test_user_header_is_a_warning_with_its_spellings(header, spellings):
    proxy = {"OTP_CONSOLE_USER_HEADER": header, "OTP_TRUSTED_PROXIES": "1"}
    settings = config.load(PRODUCTION | proxy)

    assert any(f"the proxy must remove {spellings}" in w for w in settings.warnings)


def test_console_over_http_is_a_warning():
    settings = config.load(
        PRODUCTION
        | {"OTP_CONSOLE_KEY": KEYS, "OTP_PUBLIC_URL": "http://otp.example.com"}
    )

    assert any("the console is on" in text for text in settings.warnings)


def test_console_of_dev_mode_on_all_interfaces_is_a_warning():
    [warning] = setting_warnings.host_warnings(config.load(RELAXED), "0.0.0.0")

    assert "/console" in warning


def test_console_with_keys_on_all_interfaces_is_not_exposed():
    settings = config.load(RELAXED | {"OTP_CONSOLE_KEY": KEYS})

    [warning] = setting_warnings.host_warnings(settings, "0.0.0.0")

    assert "/console" not in warning
