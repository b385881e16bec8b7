"""An embedded Redis with a clock that the test controls.

The scripts use the clock of Redis. With this one, two runs of the same requests have
the same times to the millisecond.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import Any

from fakeredis import FakeRedis, FakeServer
from fakeredis._clients._sync import FakeRedisConnection  # no public name
from fakeredis._core import Database  # no public name
from fakeredis._socket import FakeSocket  # no public name


@dataclass
class MillisecondClock:
    """A clock that stands until a test moves it.

    Attributes:
        now: Milliseconds since 1970. Multiples of 125 are exact as seconds in a float.
    """

    now: int = 1_800_000_000_000

    @property
    def seconds(self) -> float:
        return self.now / 1000


class _ClockedDatabase(Database):
    """A database with keys that expire by the clock."""

    def __init__(self, lock: Any, clock: MillisecondClock) -> None:
        self._clock = clock
        super().__init__(lock)

    @property
    def time(self) -> float:
        return self._clock.seconds

    @time.setter
    def time(self, _wall_clock: float) -> None:
        """Ignore the time that each command sets."""


class _ClockedServer(FakeServer):
    def __init__(self, clock: MillisecondClock) -> None:
        super().__init__()
        self.clock = clock
        self.dbs = defaultdict(lambda: _ClockedDatabase(self.lock, clock))


class _ClockedSocket(FakeSocket):
    _server: Any

    def time(self) -> list[bytes]:
        """Answer the command TIME."""
        seconds, milliseconds = divmod(self._server.clock.now, 1000)
        return [b"%d" % seconds, b"%d" % (milliseconds * 1000)]


class _ClockedConnection(FakeRedisConnection):
    def _connect(self) -> FakeSocket:
        assert self._server
        return _ClockedSocket(
            self._server,
            client_class=self._client_class,
            db=self.db,
            lua_modules=self._lua_modules,
            client_info=self._client_info,
        )


def clocked_redis(clock: MillisecondClock) -> Any:
    """Return a connection to an empty Redis that uses *clock*."""
    return FakeRedis(server=_ClockedServer(clock), connection_class=_ClockedConnection)
