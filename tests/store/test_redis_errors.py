"""The words for errors that the tests of the probe cannot cause."""

from __future__ import annotations

import pytest
from redis.exceptions import (
    AuthenticationError,
    BusyLoadingError,
    InvalidResponse,
    MasterDownError,
    MovedError,
    NoPermissionError,
    ReadOnlyError,
    RedisError,
    ResponseError,
)
from redis.exceptions import (
    ConnectionError as RedisConnectionError,
)
from redis.exceptions import (
    TimeoutError as RedisTimeoutError,
)

from otp_engine.store import redis_errors

# As Redis 6.2 words the error of a script.
_IN_SCRIPT = "Error running script (call to f_1): @user_script:9: "


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (BusyLoadingError("Redis is loading the dataset in memory"), "is loading its"),
        (MasterDownError("Link with MASTER is down"), "is a replica without"),
        (MovedError("1 127.0.0.1:6379"), "is a node of a Cluster"),
        (RedisTimeoutError("Timeout reading from socket"), "does not answer in time"),
        (InvalidResponse("Protocol Error: b'HTTP/1.1'"), "does not answer as a Redis"),
        (RedisConnectionError("max number of clients reached"), "has no room for more"),
        (RedisConnectionError("s3cr3t"), "does not answer"),
        (ResponseError("s3cr3t"), "has an error"),
        (
            ReadOnlyError("You can't write against a read only replica."),
            "is a read-only",
        ),
        (ResponseError(f"{_IN_SCRIPT}-READONLY You can't write"), "is a read-only"),
        (ResponseError(f"{_IN_SCRIPT}-OOM command not allowed"), "has no memory left"),
        (
            ResponseError(f"{_IN_SCRIPT}-MISCONF Redis is configured"),
            "accepts no writes",
        ),
        (
            NoPermissionError(
                "this user has no permissions to run the 'evalsha' command or its"
                " subcommand"
            ),
            "does not permit the user EVALSHA",
        ),
        (
            ResponseError(f"{_IN_SCRIPT}The user executing the script can't run this"),
            "does not permit the user a command",
        ),
        (
            ResponseError(
                f"{_IN_SCRIPT}The user executing the script can't access at least one"
                " of the keys mentioned in the command arguments"
            ),
            "does not permit the user the keys otp:*",
        ),
        (
            ResponseError("DENIED Redis is running in protected mode because"),
            "is in protected mode",
        ),
        (
            ResponseError("unknown command 'SENTINEL', with args beginning with: 'm'"),
            "is no Sentinel",
        ),
        (ResponseError("unknown command `XTRIM`"), "does not know XTRIM: it is older"),
        (ResponseError("unknown command 'evalsha', with"), "does not know EVALSHA"),
        (
            ResponseError("Unknown Redis command called from script script: f_1"),
            "does not know a command",
        ),
        (
            ResponseError("BUSY Redis is busy running a script."),
            "is busy with a script",
        ),
        (
            ResponseError("WRONGTYPE Operation against a key holding the wrong kind"),
            "has a key otp:* of another program",
        ),
        (RedisConnectionError("Connection not ready"), "refuses connections: see"),
    ],
)
def test_error_is_described_without_its_text(error: RedisError, words):
    described = redis_errors.describe(error)

    assert described.startswith(words)
    assert "s3cr3t" not in described


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (ResponseError("NOAUTH Authentication required."), "requires a password"),
        (AuthenticationError("invalid password"), "refuses the password"),
    ],
)
def test_reply_after_a_lost_connection_is_described_by_itself(reply, words):
    reply.__context__ = RedisConnectionError("lost")
    reply.__context__.__context__ = BrokenPipeError(32, "Broken pipe")

    assert redis_errors.describe(reply).startswith(words)
