from __future__ import annotations

import pytest

from otp_engine.domain.provider_rejections import ProviderRejection
from otp_engine.errors import (
    CountryNotAllowed,
    DeliveryFailed,
    InvalidPhone,
    NumberTypeNotAllowed,
    OTPError,
    ProviderUnavailable,
    RecipientOptedOut,
)
from otp_engine.senders.twilio_errors import to_error


def with_code(error: OTPError, code: int | None) -> OTPError:
    error.provider_error = code
    return error


@pytest.mark.parametrize(
    "error",
    [
        with_code(DeliveryFailed(), 30006),
        with_code(InvalidPhone(), 21211),
        with_code(CountryNotAllowed(), 21408),
        with_code(NumberTypeNotAllowed(), 21614),
        with_code(RecipientOptedOut(), 21610),
    ],
)
def test_rejection_of_the_number_is_stored(error):
    rejection = ProviderRejection.from_error(error)

    assert rejection == ProviderRejection(error.error_code, error.provider_error)


@pytest.mark.parametrize(
    "error",
    [
        with_code(DeliveryFailed(retry_elsewhere=True), 20003),
        with_code(DeliveryFailed(), None),
        ProviderUnavailable(),
    ],
)
def test_rejection_for_another_reason_is_not_stored(error):
    assert ProviderRejection.from_error(error) is None


@pytest.mark.parametrize(("status", "code"), [(401, 20003), (400, 21606), (403, 20005)])
def test_rejection_of_the_twilio_account_or_sender_is_not_stored(status, code):
    error = with_code(to_error(status, code), code)

    assert ProviderRejection.from_error(error) is None
