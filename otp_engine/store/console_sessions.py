"""The sessions of operators in the console: `otp:{<id>}:console_session`."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import timedelta

from otp_engine.store import keys, lua_codec
from otp_engine.store.lua_scripts import LuaScript
from otp_engine.store.redis_client import RedisClient

IDLE_TTL = timedelta(minutes=30)
"""How long a session lasts without use."""

MAX_TTL = timedelta(hours=12)
"""How long a session lasts in any case."""


@dataclass(frozen=True, slots=True)
class ConsoleSession:
    """The session of an operator.

    Attributes:
        operator: Name of the operator.
        credential: What the operator signed in with: a MAC with the key of the
            operator, with which the session ends, or a method without a key.
    """

    operator: str
    credential: str = field(repr=False)


class RedisConsoleSessions:
    """Stores sessions by the digest of their tokens.

    A dump of Redis contains no token, so it opens no session.
    """

    def __init__(self, client: RedisClient, *, replicas: int = 0) -> None:
        """Store the sessions in Redis.

        Args:
            client: Executes the scripts.
            replicas: Number of replicas that must acknowledge a write.
        """
        self._client = client
        self._open = LuaScript(client, "open_console_session", replicas=replicas)
        self._use = LuaScript(client, "use_console_session")

    def open(self, token: bytes, session: ConsoleSession) -> None:
        """Store a new session.

        Args:
            token: The token of its cookie.
            session: The session.

        Raises:
            StoreUnavailable: Redis did not reply.
        """
        self._open.run(
            [_key(token)],
            session.operator,
            session.credential,
            lua_codec.to_ms(IDLE_TTL),
            lua_codec.to_ms(MAX_TTL),
        )

    def use(self, token: bytes, *, extend: bool) -> ConsoleSession | None:
        """Return the session of a token.

        Args:
            token: The token of a cookie.
            extend: Whether the session lasts longer because of this use.

        Returns:
            None without such a session.

        Raises:
            StoreUnavailable: Redis did not reply.
        """
        idle = lua_codec.to_ms(IDLE_TTL) if extend else 0
        reply = self._use.run([_key(token)], idle)
        return ConsoleSession(*(text.decode() for text in reply)) if reply else None

    def close(self, token: bytes) -> None:
        """Delete the session of a token.

        Raises:
            StoreUnavailable: Redis did not reply.
        """
        key = _key(token)
        self._client.execute(lambda redis: redis.delete(key), key)


def _key(token: bytes) -> str:
    return keys.console_session(hashlib.sha256(token).hexdigest())
