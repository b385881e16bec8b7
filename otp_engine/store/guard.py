"""The pumping guard for operators: its places, and suspensions by hand."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from functools import partial

from otp_engine.domain.pumping_guard.listing import ListedPlace, level_of
from otp_engine.domain.pumping_guard.places import Level, Place
from otp_engine.domain.pumping_guard.rules import Suspension
from otp_engine.store import keys, lua_codec
from otp_engine.store.connection import RedisCommands
from otp_engine.store.lua_scripts import LuaScript
from otp_engine.store.redis_client import RedisClient

_PART = 1_000
_NO_PLACE = frozenset({"usual"})


class RedisGuardStore:
    """Lists, deletes and suspends places; implements `domain.ports.GuardStore`."""

    def __init__(self, client: RedisClient, *, replicas: int = 0) -> None:
        """Read the guard from Redis.

        Args:
            client: Executes the commands.
            replicas: Number of replicas that must acknowledge a change.
        """
        self._client = client
        self._list_places = LuaScript(client, "list_places")
        self._read_places = LuaScript(client, "read_places")
        self._suspend_place = LuaScript(client, "suspend_place", replicas=replicas)

    def list_places(self) -> list[ListedPlace]:
        """Return the places that are not quiet."""
        return self._list(lambda _, place: not place.is_quiet())

    def list_notable(self) -> list[ListedPlace]:
        """Return the suspended places, and the countries that are not quiet."""
        # There are many other places, and to build one takes most of the time.
        return self._list(
            lambda level, place: (
                place.is_suspended or (level is Level.COUNTRY and not place.is_quiet())
            )
        )

    def read_places(self, prefixes: Sequence[str]) -> list[ListedPlace]:
        """Return the places with these names, which can be empty."""
        now, texts = self._texts(prefixes)
        return [
            ListedPlace.of(name, Place.parse(text).read(level_of(name), now)[0])
            for name, text in zip(prefixes, texts, strict=True)
        ]

    def list_suspensions(self) -> list[Suspension]:
        """Return the suspensions, the one with the latest end first."""
        suspensions = [
            suspension
            for place in self.list_notable()
            if (suspension := place.suspension)
        ]
        return sorted(suspensions, key=lambda found: found.until, reverse=True)

    def clear(self, prefix: str) -> int:
        """Delete a place and all places in it; return how many there were."""
        level = level_of(prefix)
        names = [
            name
            for name, _, _ in self._fields()
            if name == prefix
            or (level is not Level.COUNTRY and name.startswith(prefix))
        ]
        deleted = 0
        for start in range(0, len(names), _PART):
            delete = partial(_delete, names=names[start : start + _PART])
            deleted += self._client.execute(delete, keys.GUARD)
        return deleted

    def suspend(self, prefix: str, until: datetime) -> None:
        """Suspend a place until a time."""
        self._suspend_place.run(
            [keys.GUARD], prefix, level_of(prefix), lua_codec.to_epoch_ms(until)
        )

    def _texts(self, names: Sequence[str]) -> tuple[int, list[str]]:
        """Return the time in milliseconds since 1970, and the text of each field."""
        if not names:
            return 0, []
        now, *texts = self._read_places.run([keys.GUARD], *names)
        return now, [text.decode() for text in texts]

    def _list(self, selects: Callable[[Level, Place], bool]) -> list[ListedPlace]:
        places = {}
        for name, text, now in self._fields():
            if name in _NO_PLACE or name.startswith("$"):
                continue
            level = level_of(name)
            place, _ = Place.parse(text).read(level, now)
            if selects(level, place):
                places[name] = ListedPlace.of(name, place)
        return list(places.values())

    def _fields(self) -> Iterator[tuple[str, str, int]]:
        """Yield each field, its text, and the time in milliseconds since 1970.

        A field can occur twice, as Redis documents for HSCAN.
        """
        cursor = b"0"
        while True:
            now, cursor, fields = self._list_places.run([keys.GUARD], cursor, _PART)
            for name, text in zip(fields[::2], fields[1::2], strict=True):
                yield name.decode(), text.decode(), now
            if cursor == b"0":
                return


def _delete(redis: RedisCommands, names: list[str]) -> int:
    return redis.hdel(keys.GUARD, *names)
