from __future__ import annotations

import pytest
from flask import Flask

from otp_engine import errors
from otp_engine.api import error_handlers


@pytest.mark.parametrize(
    ("error", "status", "name"),
    [
        (errors.InvalidIdentity(), 400, "invalid_identity"),
        (errors.InvalidFactor("skew", "must be from 0 to 2"), 400, "invalid_factor"),
        (errors.FactorsNotConfigured(), 403, "totp_not_configured"),
        (errors.EntityNotFound(), 404, "entity_not_found"),
        (errors.FactorNotFound(), 404, "factor_not_found"),
        (errors.EntityExists(), 409, "entity_exists"),
        (errors.FactorExists(), 409, "factor_exists"),
        (errors.FactorUnverified(), 409, "factor_unverified"),
        (errors.FactorAlreadyVerified(), 409, "factor_already_verified"),
        (errors.TooManyFactors(), 409, "too_many_factors"),
        (errors.ChallengeNotFound(), 404, "challenge_not_found"),
        (errors.ChallengeAlreadyApproved(), 409, "challenge_already_approved"),
        (errors.ChallengeExpired(), 409, "challenge_expired"),
    ],
    ids=lambda value: getattr(value, "error_code", None),
)
def test_factor_error_has_its_status_and_its_name(error, status, name):
    app = Flask("test")

    with app.app_context():
        response = app.make_response(error_handlers.handle(error))

    assert response.status_code == status
    assert response.json == {"msg": error.message, "error": name}
