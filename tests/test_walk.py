"""The walk of a request stays short, and computes no pseudonym twice."""

from __future__ import annotations

import pytest

from tests.walk import walks


@pytest.fixture(scope="module")
def taken():
    return walks()


@pytest.mark.parametrize(
    ("request_name", "calls", "files"),
    [
        ("POST /auth/send_otp", 146, 38),
        ("POST /auth/verify_otp, wrong", 98, 35),
        ("POST /auth/verify_otp, right", 119, 36),
        ("POST /v2 Verifications", 186, 49),
        ("POST /v2 VerificationCheck", 146, 47),
    ],
)
def test_request_goes_through_few_calls_and_files(taken, request_name, calls, files):
    walk = taken[request_name]

    assert len(walk.calls) <= calls
    assert len(set(walk.files)) <= files


def test_request_computes_each_pseudonym_once(taken):
    counts = {
        (name, kind): count
        for name, walk in taken.items()
        for (kind, _), count in walk.digests.items()
    }

    assert {kind for _, kind in counts} == {"address", "event", "phone"}
    assert set(counts.values()) == {1}
