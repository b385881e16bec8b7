from __future__ import annotations

import pytest

from otp_engine import config
from otp_engine.config import setting_warnings
from otp_engine.domain.services import Service
from tests.support.settings import PRODUCTION


def warnings_of(**environ):
    return [
        warning
        for warning in config.load(PRODUCTION | environ).warnings
        if "segment" in warning
    ]


def test_brand_outside_of_gsm_7_is_warned_of_with_the_languages():
    (warning,) = warnings_of(OTP_BRAND="\u010cesk\u00e1 spo\u0159itelna")

    assert warning.startswith("OTP_BRAND ")
    assert " of 41 languages (af, ca," in warning
    assert " fr," in warning


def test_long_brand_is_warned_of_in_languages_outside_of_gsm_7_only():
    (warning,) = warnings_of(OTP_BRAND="A" * 40)

    assert "(ar, el, he, hi, ja, kn, ko, mr, ru, te, th, uk)" in warning


def test_name_of_the_default_service_is_warned_of():
    (warning,) = warnings_of(OTP_SERVICE_NAME="\u010cesk\u00e1 spo\u0159itelna")

    assert warning.startswith("OTP_SERVICE_NAME ")


@pytest.mark.parametrize("brand", ["OTP Engine", "Acme", "Caf\u00e9"])
def test_brand_that_fits_has_no_warning(brand):
    assert warnings_of(OTP_BRAND=brand) == []


def test_name_of_a_service_is_warned_of():
    service = Service(sid="VA" + "1" * 32, brand="\u010cesk\u00e1 spo\u0159itelna")

    (warning,) = setting_warnings.service_warnings(service)

    assert "FriendlyName" in warning
