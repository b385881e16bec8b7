from __future__ import annotations

import pytest

from tests import processes, servers, twilio_server


@pytest.fixture
def twilio():
    """A carrier that speaks Twilio's Messages, and keeps what it was given."""
    with twilio_server.running() as twilio:
        yield twilio


@pytest.fixture
def quick(tmp_path, twilio):
    """Production on a Redis of its own, but for hashes that are quick."""
    with servers.redis_on_a_socket(tmp_path) as redis_url:
        yield processes.production(redis_url, twilio.url) | {
            "OTP_ARGON2": "m=64,t=1,p=1"
        }
