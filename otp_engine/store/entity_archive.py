"""Reads whole entities for an archive, and stores those of one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import chain

from otp_engine.domain.factors.ports import EntityKey, MergeOutcome, RawEntity
from otp_engine.store import keys, lua_codec
from otp_engine.store.connection import RedisCommands
from otp_engine.store.entity_index import EntityIndex
from otp_engine.store.factors import UNVERIFIED_TTL
from otp_engine.store.lua_scripts import LuaScript
from otp_engine.store.redis_client import RedisClient


class RedisEntityArchiveStore:
    """Reads and merges `otp:{<entity>}:entity`.

    Implements `domain.factors.ports.EntityArchiveStore`.
    """

    def __init__(self, client: RedisClient, *, replicas: int = 0) -> None:
        """Read and store entities in Redis.

        Args:
            client: Executes the commands.
            replicas: Number of replicas that must acknowledge each write.
        """
        self._client = client
        self._index = EntityIndex(client, replicas=replicas)
        self._merge = LuaScript(client, "merge_entity", replicas=replicas)

    def read(self, service: str) -> Iterator[RawEntity]:
        """Yield the entities of a service, each as it is at one time.

        Args:
            service: SID of the service.
        """
        for key, entity_id, _ in self._index.members(service):
            entity = self._read(key)
            # Another id: an earlier entity of the same identity.
            if entity and entity.fields[b"id"] == entity_id:
                yield entity

    def merge(
        self, key: EntityKey, fields: Mapping[bytes, bytes], *, expires: bool
    ) -> MergeOutcome:
        """Store an archived entity, unless the stored state is newer.

        Args:
            key: The key of the entity.
            fields: All of its fields.
            expires: Whether the entity expires because none of its factors is verified.
        """
        entity_id = fields[b"id"]
        # With the time of now first: a listing removes old members without an entity.
        self._index.add(key, entity_id, overwrite=False)
        ttl = lua_codec.to_ms(UNVERIFIED_TTL) if expires else 0
        reply = self._merge.run(
            [keys.entity(key)], ttl, *chain.from_iterable(fields.items())
        )
        outcome = MergeOutcome(reply.decode())
        if outcome is MergeOutcome.OTHER:
            self._index.remove(key, entity_id)
        else:
            # Also for one that was kept: an earlier call may have ended before this.
            created_at = int(fields[b"created_at"])
            self._index.add_created(key, entity_id, created_at=created_at)
        return outcome

    def _read(self, key: EntityKey) -> RawEntity | None:
        name = keys.entity(key)

        def read(redis: RedisCommands) -> tuple[dict[bytes, bytes], int]:
            # One transaction: an entity that expires between two commands has no TTL.
            with redis.pipeline(transaction=True) as pipeline:
                pipeline.hgetall(name)
                pipeline.pttl(name)
                fields, ttl = pipeline.execute()
            return fields, ttl

        fields, ttl = self._client.execute(read, name)
        if not fields:
            return None
        return RawEntity(digest=key.digest, fields=fields, expires=ttl >= 0)
