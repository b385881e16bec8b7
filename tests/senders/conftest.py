"""The fake of Twilio, and settings of its account."""

from __future__ import annotations

import pytest

from otp_engine.config import TwilioSettings
from otp_engine.senders.http_client import PooledHttpClient
from tests.support import twilio_server
from tests.support.twilio_server import ACCOUNT, SERVICE, TOKEN


@pytest.fixture
def twilio():
    with twilio_server.running() as twilio:
        yield twilio


@pytest.fixture
def twilio_settings(twilio):
    return TwilioSettings(
        account_sid=ACCOUNT,
        username=ACCOUNT,
        password=TOKEN,
        service=SERVICE,
        from_=None,
        base_url=twilio.url,
    )


@pytest.fixture
def client():
    return PooledHttpClient(connect=10, respond=1)
