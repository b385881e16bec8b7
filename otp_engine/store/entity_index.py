"""The list of the entities of each service."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from functools import partial

from otp_engine.domain.factors.ports import EntityKey
from otp_engine.store import keys, lua_codec
from otp_engine.store.connection import RedisCommands
from otp_engine.store.lua_scripts import LuaScript
from otp_engine.store.redis_client import RedisClient

_PAGE_SIZE = 500


class EntityIndex:
    """Stores `otp:{factors}:entities:<service>`.

    A member is added before its entity is created, and removed after it is deleted, so
    that no entity is missing.
    """

    def __init__(
        self,
        client: RedisClient,
        *,
        replicas: int = 0,
        utcnow: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """List the entities in Redis.

        Args:
            client: Executes the commands.
            replicas: Number of replicas that must acknowledge a new entity.
            utcnow: Returns the time.
        """
        self._client = client
        self._list = LuaScript(client, "list_entity", replicas=replicas)
        self._utcnow = utcnow

    def add(self, key: EntityKey, id: bytes, *, overwrite: bool = True) -> None:
        """Add an entity that is created now.

        Args:
            key: The key of the entity.
            id: Its id, 16 bytes.
            overwrite: Whether an entity that is listed gets this time.
        """
        score = lua_codec.to_epoch_ms(self._utcnow())
        self._add(key, id, score, overwrite=overwrite)

    def add_created(self, key: EntityKey, id: bytes, *, created_at: int) -> None:
        """Add an entity that was created before.

        Args:
            key: The key of the entity.
            id: Its id, 16 bytes.
            created_at: When, in milliseconds since 1970.
        """
        self._add(key, id, created_at, overwrite=True)

    def remove(self, key: EntityKey, id: bytes) -> None:
        """Remove an entity."""
        index, member = keys.entities(key.service), _member(key, id)
        self._client.execute(lambda redis: redis.zrem(index, member), index)

    def members(self, service: str) -> Iterator[tuple[EntityKey, bytes, datetime]]:
        """Yield the key, the id and the creation of each entity, newest first.

        A page starts at the last time of the page before it, and not at a rank, because
        ranks change while others add and remove entities.
        """
        index = keys.entities(service)
        last, seen = float("inf"), set[bytes]()
        while page := [
            (member, score)
            for member, score in self._client.execute(
                partial(_read_page, index=index, last=last, more=len(seen)), index
            )
            if member not in seen
        ]:
            for member, score in page:
                if score != last:
                    last = score
                    seen.clear()
                seen.add(member)
                digest, _, hex_id = member.decode().rpartition(":")
                yield (
                    EntityKey(digest, service),
                    bytes.fromhex(hex_id),
                    lua_codec.from_epoch_ms(int(score)),
                )

    def _add(self, key: EntityKey, id: bytes, score: int, *, overwrite: bool) -> None:
        index, member = keys.entities(key.service), _member(key, id)
        self._list.run([index], member, score, int(overwrite))


def _read_page(
    redis: RedisCommands,
    *,
    index: str,
    last: float,
    more: int,
) -> Sequence[tuple[bytes, float]]:
    return redis.zrange(
        index,
        *(last, "-inf"),
        desc=True,
        byscore=True,
        offset=0,
        num=_PAGE_SIZE + more,
        withscores=True,
    )


def _member(key: EntityKey, id: bytes) -> str:
    return f"{key.digest}:{id.hex()}"
