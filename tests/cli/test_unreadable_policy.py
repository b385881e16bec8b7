"""Commands while the live policy has a value that only another release can read."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from otp_engine import config
from otp_engine.domain.policy.signed_versions import SignedPolicyVersions
from otp_engine.domain.policy.versions import PolicyVersion
from otp_engine.store.redis_store import RedisStore
from tests.support.command_line import run


@pytest.mark.parametrize(
    "command",
    [
        ("inspect", "9445012345"),
        ("budget",),
        ("guard", "lift", "+22177", "--dry-run"),
        ("policy", "show"),
        ("policy", "try", "sends_total", "5/1h"),
        ("policy", "set", "ttl", "5m", "--dry-run"),
    ],
    ids=" ".join,
)
def test_command_states_that_the_live_policy_is_of_another_release(
    command, environ, real_redis
):
    settings = config.load(environ)
    store = RedisStore(real_redis)
    SignedPolicyVersions(store.policy_versions, settings.peppers).add(
        PolicyVersion(
            version=1,
            created_at=datetime.now(UTC),
            author="alice",
            values={"max_sends": "many"},
        )
    )

    result = run(*command, **environ)

    assert "! the live version is invalid in this release: max_sends" in result.stderr
    assert result.exception is None or isinstance(result.exception, SystemExit)
