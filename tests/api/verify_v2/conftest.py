from __future__ import annotations

import pytest

from tests.support.totp_client import TotpClient
from tests.support.verify_client import ACCOUNT, TOKEN, Verify


@pytest.fixture
def verify(app_with) -> Verify:
    app = app_with(
        OTP_API_KEYS=f"{ACCOUNT}:{TOKEN}",
        OTP_SENDS_PER_PHONE="off",
        OTP_FAILED_CHECKS_PER_PHONE="1000/1h",
    )
    return Verify(app.test_client())


@pytest.fixture
def verify_with(app_with):
    def build(user=ACCOUNT, password=TOKEN, **environ):
        return Verify(app_with(**environ).test_client(), user, password)

    return build


@pytest.fixture
def totp(verify) -> TotpClient:
    return TotpClient(verify)
