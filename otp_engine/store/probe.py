"""A probe of Redis: whether it would serve a send, and what the user may not do."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import timedelta

from otp_engine.errors import StoreUnavailable
from otp_engine.store import keys, lua_codec, redis_errors
from otp_engine.store.connection import RedisCommands
from otp_engine.store.lua_scripts import LuaScript
from otp_engine.store.redis_client import RedisClient

log = logging.getLogger(__name__)

_TTL = lua_codec.to_ms(timedelta(seconds=10))

SEND_AND_CHECK = (
    "TIME",
    *("GET *", "EXISTS *", "PTTL *"),
    *("HGET * f", "HGETALL *", "HMGET * f", "HRANDFIELD *"),
    *("HSET * f v", "HSETNX * f v", "HDEL * f"),
    *("ZADD * 1 m", "ZREM * m", "ZREMRANGEBYSCORE * 0 1", "ZSCORE * m"),
    *("ZCARD *", "ZCOUNT * 0 1", "ZRANGE * 0 1", "ZREVRANGE * 0 1"),
    *("LINDEX * 0", "SISMEMBER * m"),
    *("DECR *", "INCR *", "DEL *", "PEXPIRE * 1", "PEXPIREAT * 1"),
)
"""The commands of sends and checks; those after DEL find no key to change."""

OTHERS = (
    *("HSCAN * 0", "HVALS *", "LPUSH * v", "LRANGE * 0 0", "LSET * 0 v", "LTRIM * 0 0"),
    *(
        "XADD * 1-1 f v",
        "XLEN *",
        "XTRIM * MAXLEN 1",
        "XRANGE * - +",
        "XREVRANGE * + -",
    ),
    *("SADD * m", "SREM * m", "MGET *", "PERSIST *"),
)
"""The commands of events, the policy, services, the safe list and the inbox."""

# One key for each kind of hash tag; see `keys`. Those of phones and records are random.
_TAGS = (
    *("shared", "probe", "events", "services", "policy_versions", "safe_list"),
    "factors",
)


class Probe:
    """Runs what a send runs, on keys of its own."""

    def __init__(self, client: RedisClient, *, replicas: int = 0) -> None:
        """Load the script.

        Args:
            client: Executes it.
            replicas: Number of replicas that must acknowledge the write.
        """
        self._client = client
        self._script = LuaScript(client, "probe", replicas=replicas)

    def check_send(self) -> None:
        """Check that a send could be served, in one round trip.

        In a Cluster this uses the node of the shared limits, because most sends need
        it. The service stays ready while another node does not reply.

        Raises:
            StoreUnavailable: Redis did not reply, could not write, or denied commands.
        """
        self._run(keys.probe("shared"), SEND_AND_CHECK)

    def check_everything(self) -> None:
        """Check every command on every kind of key.

        Raises:
            StoreUnavailable: As for `check_send`.
        """
        for tag in _TAGS:
            # OTHERS first: the last ones of SEND_AND_CHECK delete the key.
            self._run(keys.probe(tag), OTHERS + SEND_AND_CHECK)
        self._client.execute(_transaction, keys.probe("events"))
        # Redis has the scripts of an earlier start until it restarts.
        self._client.execute(_evaluate, keys.probe("events"))

    def _run(self, key: str, commands: tuple[str, ...]) -> None:
        denied, unknown = self._script.run([key], _TTL, *commands)
        reasons = []
        if denied:
            reasons.append(f"does not permit the user {_list(denied)}")
        if unknown:
            reasons.append(redis_errors.unknown_command(_list(unknown)))
        if reasons:
            reason = ", and ".join(reasons)
            log.error("redis: %s", reason)
            raise StoreUnavailable(reason)


def _list(names: Sequence[bytes]) -> str:
    return ", ".join(dict.fromkeys(name.decode() for name in names))


def _evaluate(redis: RedisCommands) -> None:
    redis.eval("return 1", 1, keys.probe("events"))


def _transaction(redis: RedisCommands) -> None:
    with redis.pipeline(transaction=True) as pipeline:
        pipeline.delete(keys.probe("events"))
        pipeline.execute()
