"""Fixtures of the tests of the domain."""

from __future__ import annotations

import pytest

from otp_engine.domain.models import CheckRequest


@pytest.fixture
def check_request(alice):
    """Return a function that makes a check of Alice's code."""

    def make(code: str, client_ip: str | None = None) -> CheckRequest:
        return CheckRequest(number=alice.number, code=code, client_ip=client_ip)

    return make
