from __future__ import annotations

import pytest
from flask import Flask

from otp_engine import errors
from otp_engine.api.verify_v2.errors import handle

PATH = "/v2/Services/VA00000000000000000000000000000000/Entities/person-1"


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (errors.InvalidIdentity(), 400, 60306),
        (errors.InvalidFactor("skew", "must be from 0 to 2"), 400, 60306),
        (errors.FactorsNotConfigured(), 403, 60204),
        (errors.EntityNotFound(), 404, 20404),
        (errors.FactorNotFound(), 404, 20404),
        (errors.EntityExists(), 409, 60301),
        (errors.FactorUnverified(), 403, 60318),
        (errors.FactorAlreadyVerified(), 409, 60317),
        (errors.TooManyFactors(), 400, 60315),
    ],
    ids=lambda value: getattr(value, "error_code", None),
)
def test_factor_error_has_its_status_and_its_code(error, status, code):
    with Flask("test").test_request_context(PATH):
        body, actual, _ = handle(error)

    assert (actual, body["status"], body["code"]) == (status, status, code)
