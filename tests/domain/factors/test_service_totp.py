from __future__ import annotations

import pytest

from otp_engine.domain.factors.models import TotpConfig
from otp_engine.domain.factors.service_totp import config_of, issuer_of
from otp_engine.domain.services import DEFAULT, Service


def test_service_without_settings_has_the_default_configuration():
    assert config_of(DEFAULT) == TotpConfig()


def test_settings_of_the_service_are_the_defaults_of_new_factors():
    stored = {"totp.code_length": 8, "totp.time_step": 60, "totp.skew": 0}

    config = config_of(Service(passthrough=stored))

    assert config == TotpConfig(code_length=8, time_step=60, skew=0)


@pytest.mark.parametrize("code_length", [3, 4, 5])
def test_stored_code_length_under_six_counts_as_six(code_length):
    config = config_of(Service(passthrough={"totp.code_length": code_length}))

    assert config.code_length == 6


@pytest.mark.parametrize(
    ("service", "issuer"),
    [
        (Service(brand="Shop", passthrough={"totp.issuer": "My bank"}), "My bank"),
        (Service(brand="Shop", passthrough={"totp.issuer": None}), "Shop"),
        (Service(brand="Shop"), "Shop"),
        (DEFAULT, ""),
    ],
)
def test_issuer_is_that_of_the_service_or_its_brand(service, issuer):
    assert issuer_of(service) == issuer
