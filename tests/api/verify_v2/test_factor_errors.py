from __future__ import annotations

from datetime import timedelta

import pytest
from flask import Flask
from werkzeug.exceptions import NotFound

from otp_engine import errors
from otp_engine.api.verify_v2.errors import handle

PATH = "/v2/Services/VA00000000000000000000000000000000/Entities/person-1"


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (errors.InvalidIdentity(), 400, 60306),
        (errors.InvalidFactor("skew", "must be from 0 to 2"), 400, 60306),
        (errors.FactorsNotConfigured(), 403, 60204),
        (errors.EntityNotFound(), 404, 60392),
        (errors.FactorNotFound(), 404, 60390),
        (errors.EntityExists(), 409, 60301),
        (errors.FactorExists(), 409, 60317),
        (errors.FactorUnverified(), 403, 60318),
        (errors.FactorAlreadyVerified(), 403, 60311),
        (errors.TooManyFactors(), 400, 60315),
        (errors.ChallengeNotFound(), 404, 60391),
        (errors.ChallengeAlreadyApproved(), 403, 60322),
        (errors.ChallengeExpired(), 403, 60323),
    ],
    ids=lambda value: getattr(value, "error_code", None),
)
def test_factor_error_has_its_status_and_its_code(error, status, code):
    with Flask("test").test_request_context(PATH):
        body, actual, _ = handle(error)

    assert (actual, body["status"], body["code"]) == (status, status, code)


@pytest.mark.parametrize(
    ("limit", "code"),
    [
        ("max_factor_tries", 60310),
        ("max_challenge_checks", 60308),
        ("failed_checks_per_factor", 60308),
        ("max_consecutive_failures", 60308),
        ("challenges_per_factor", 60312),
        ("factors_per_entity", 60326),
    ],
)
def test_limit_of_factors_has_its_code(limit, code):
    with Flask("test").test_request_context(PATH):
        error = errors.RateLimited(limit, retry_after=timedelta(minutes=1))
        body, status, headers = handle(error)

    assert (status, body["code"]) == (429, code)
    assert headers == {"OTP-Retry-After": "60"}


def test_unverified_factor_without_tries_has_its_code_and_no_wait():
    with Flask("test").test_request_context(PATH):
        body, status, headers = handle(errors.TooManyTries())

    assert (status, body["code"]) == (429, 60310)
    assert headers == {}


def test_consecutive_failures_of_a_phone_keep_their_code():
    with Flask("test").test_request_context("/v2/Services/VA1/VerificationCheck"):
        error = errors.RateLimited("max_consecutive_failures", retry_after=timedelta())
        body, status, _ = handle(error)

    assert (status, body["code"]) == (429, 60202)


def test_invalid_value_of_a_factor_names_its_parameter():
    with Flask("test").test_request_context(PATH):
        body, _, _ = handle(errors.InvalidFactor("skew", "must be from 0 to 2"))

    assert body["message"] == "Invalid Request: Config.Skew"


@pytest.mark.parametrize(
    ("rest", "shown"),
    [
        ("alice-smith", "ali********"),
        ("alice-smith/Unknown", "ali********/Unk****"),
        ("alice/smith/Factors", "ali**/smi**/Factors"),
        (f"YE{'0' * 32}/Challenges", f"YE0{'*' * 13}/Challenges"),
        (f"alice-smith/Factors/YF{'1' * 32}/x", f"ali********/Factors/YF{'1' * 32}/x"),
        ("9b1deb4d-3b7d/Entities/alice", "9b1**********/Ent*****/ali**"),
        ("", ""),
    ],
)
def test_identity_in_a_path_that_does_not_exist_is_masked(rest, shown):
    path = f"/v2/Services/VA{'0' * 32}/Entities/"
    with Flask("test").test_request_context(path + rest):
        body, _, _ = handle(NotFound())

    assert body["message"] == f"The requested resource {path}{shown} was not found"
