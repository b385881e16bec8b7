from __future__ import annotations

import pytest

from tests.walk import walks


@pytest.fixture(scope="module")
def measured():
    return walks()


@pytest.mark.parametrize(
    ("request_name", "calls", "files"),
    [
        ("POST /auth/send_otp", 265, 75),
        ("POST /auth/verify_otp, wrong", 115, 43),
        ("POST /auth/verify_otp, right", 145, 47),
        ("POST /auth/totp/verify, right", 142, 47),
        ("POST /v2 Verifications", 311, 90),
        ("POST /v2 VerificationCheck", 167, 57),
    ],
)
def test_walk_has_few_calls_and_files(measured, request_name, calls, files):
    walk = measured[request_name]

    assert len(walk.calls) <= calls
    assert len(set(walk.files)) <= files


def test_request_computes_each_pseudonym_once(measured):
    counts = {
        (name, kind): count
        for name, walk in measured.items()
        for (kind, _), count in walk.pseudonyms.items()
    }

    assert {kind for _, kind in counts} == {
        *("address", "block", "delivery", "event", "phone"),
        *("entity", "identity event"),
    }
    assert set(counts.values()) == {1}
