from __future__ import annotations

import base64

import pytest

from otp_engine import config
from otp_engine.errors import InvalidSettings
from tests.support.settings import PEPPER, PRODUCTION


def text(secret: bytes) -> str:
    return base64.b64encode(secret).decode()


KEY = text(bytes(range(32)))
NEW = text(bytes(range(1, 33)))


def problems(environ):
    with pytest.raises(InvalidSettings) as caught:
        config.load(environ)
    return caught.value.problems


def test_production_without_factor_key_has_no_factors():
    settings = config.load(PRODUCTION)

    assert settings.factor_keys == ()
    assert settings.warnings == ()


def test_dev_mode_without_redis_has_a_random_factor_key():
    first = config.load({"OTP_DEV": "1"})
    second = config.load({"OTP_DEV": "1"})

    assert len(first.factor_keys[0].secret) == 32
    assert first.factor_keys != second.factor_keys


def test_dev_mode_with_redis_has_no_factor_key_of_its_own():
    settings = config.load(
        {"OTP_DEV": "1", "REDIS_URL": "redis://localhost", "OTP_PEPPER": PEPPER}
    )

    assert settings.factor_keys == ()


def test_rotation_keeps_new_factor_key_before_previous_one():
    environ = PRODUCTION | {"OTP_FACTOR_KEY": NEW, "OTP_FACTOR_KEY_PREVIOUS": KEY}

    settings = config.load(environ)

    assert [text(key.secret) for key in settings.factor_keys] == [NEW, KEY]
    assert [warning.split()[0] for warning in settings.warnings] == [
        "OTP_FACTOR_KEY_PREVIOUS"
    ]


@pytest.mark.parametrize(
    ("changes", "phrase"),
    [
        ({"OTP_FACTOR_KEY": "not base64!"}, "OTP_FACTOR_KEY must be base64"),
        ({"OTP_FACTOR_KEY": text(b"k" * 31)}, "OTP_FACTOR_KEY must have at least 32"),
        ({"OTP_FACTOR_KEY": text(bytes(32))}, "OTP_FACTOR_KEY has fewer than 8"),
        ({"OTP_FACTOR_KEY": PEPPER}, "OTP_FACTOR_KEY is the same as a pepper"),
        (
            {"OTP_FACTOR_KEY": text(b"for-the-local-stack-only: factors")},
            "OTP_FACTOR_KEY is the published factor key of the local stack",
        ),
        (
            {"OTP_FACTOR_KEY_PREVIOUS": KEY},
            "OTP_FACTOR_KEY is not set: OTP_FACTOR_KEY_PREVIOUS has no effect",
        ),
        (
            {"OTP_FACTOR_KEY": KEY, "OTP_FACTOR_KEY_PREVIOUS": KEY},
            "OTP_FACTOR_KEY_PREVIOUS is the same as OTP_FACTOR_KEY",
        ),
        (
            {"OTP_FACTOR_KEY": KEY, "OTP_FACTOR_KEY_PREVIOUS": PEPPER},
            "OTP_FACTOR_KEY_PREVIOUS is the same as a pepper",
        ),
        (
            {"OTP_FACTOR_KEY": KEY, "OTP_FACTOR_KEY_PREVIOUS": text(bytes(32))},
            "OTP_FACTOR_KEY_PREVIOUS has fewer than 8",
        ),
    ],
)
def test_unsafe_factor_key_is_rejected(changes, phrase):
    (problem,) = problems(PRODUCTION | changes)

    assert problem.startswith(phrase)


def test_predictable_factor_key_is_accepted_in_dev_mode():
    environ = {"OTP_DEV": "1", "OTP_FACTOR_KEY": text(bytes(32))}

    assert config.load(environ).factor_keys[0].secret == bytes(32)


def test_command_reads_the_factor_key_of_the_service():
    environ = {
        "REDIS_URL": "redis://127.0.0.1",
        "OTP_PEPPER": PEPPER,
        "OTP_FACTOR_KEY": KEY,
    }

    assert text(config.load_for_command(environ).factor_keys[0].secret) == KEY


def test_settings_show_no_factor_key():
    settings = config.load(
        PRODUCTION | {"OTP_FACTOR_KEY": text(b"secret-of-the-factors-0123456789")}
    )

    assert "secret-of-the" not in repr(settings)
