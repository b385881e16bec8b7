from __future__ import annotations

import pytest

from otp_engine import config
from otp_engine.errors import InvalidSettings

TELEGRAM = {
    "OTP_DEV": "1",
    "OTP_SENDER": "telegram",
    "OTP_API_KEYS": "shop:shop-secret-0123456789abcdef",
    "TELEGRAM_GATEWAY_TOKEN": "AAGatewayToken",
}


@pytest.mark.parametrize("text", ["@acme_codes", "acme_codes"])
def test_sender_is_a_user_name_without_the_sign(text):
    loaded = config.load(TELEGRAM | {"TELEGRAM_GATEWAY_SENDER": text})

    assert loaded.telegram is not None
    assert loaded.telegram.sender_username == "acme_codes"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("TELEGRAM_GATEWAY_TOKEN", ""),
        ("TELEGRAM_GATEWAY_TOKEN", "two words"),
        ("TELEGRAM_GATEWAY_SENDER", "https://t.me/acme"),
        ("TELEGRAM_GATEWAY_URL", "gateway.example.com"),
    ],
)
def test_missing_or_malformed_variable_is_a_problem(name, value):
    with pytest.raises(InvalidSettings) as error:
        config.load(TELEGRAM | {name: value})

    [problem] = error.value.problems
    assert problem.startswith(name)


def test_variables_are_ignored_without_the_provider():
    loaded = config.load(TELEGRAM | {"OTP_SENDER": "console"})

    assert loaded.telegram is None


def test_repr_of_settings_contains_no_token():
    assert "AAGatewayToken" not in repr(config.load(TELEGRAM))
