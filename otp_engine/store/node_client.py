"""A client of one server that executes a command at the cost of two system calls.

redis-py needs about 35 µs of processor time more for each: it locks its pool twice and
prepares a retry, telemetry and notifications, none of which is in use here. So this
client keeps connections of redis-py from one command to the next. redis-py still opens
them, with TLS and by Sentinel, and runs pipelines on others.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from operator import methodcaller
from typing import Any

import redis
from hiredis import pack_command
from redis.connection import Connection, ConnectionPool, HiredisRespSerializer
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import ResponseError

_pack = HiredisRespSerializer().pack
_read_reply = methodcaller("read_response")


class NodeClient(redis.Redis):
    """Executes commands on idle connections, the one in use last first.

    A connection is idle only after its whole reply was read. After any other result,
    a timeout or an interruption included, it is closed: the late reply would be that
    of another command.
    """

    def __init__(self, *, connection_pool: ConnectionPool) -> None:
        """Use the connections of *connection_pool*."""
        super().__init__(connection_pool=connection_pool)
        # For the pool these are in use. The methods of a list are atomic, so threads
        # need no lock.
        self._idle: list[Connection] = []

    def execute_command(self, *args: Any, **options: Any) -> Any:  # noqa: ANN401 - as redis-py's method
        """Execute a command; see `redis.Redis.execute_command`.

        Raises:
            redis.RedisError: Redis did not reply, or replied with an error.
        """
        read = partial(super().parse_response, command_name=args[0], **options)
        return self._exchange(_pack(*args), read)

    def evalsha(self, sha: str, numkeys: int, *keys_and_args: Any) -> Any:  # noqa: ANN401 - as redis-py's method
        """Run a script by its digest, faster than `execute_command`.

        Args:
            sha: The SHA-1 of its text.
            numkeys: Number of keys.
            keys_and_args: The keys, then the other arguments.

        Raises:
            redis.RedisError: Redis did not reply, or replied with an error.
        """
        command = pack_command(("EVALSHA", sha, numkeys, *keys_and_args))
        return self._exchange([command], _read_reply)

    def close_idle(self) -> None:
        """Close the connections that no command uses."""
        while connection := self._pop():
            self._close(connection)
        self.connection_pool.disconnect(inuse_connections=False)

    def _exchange(self, command: list[bytes], read: Callable[[Connection], Any]) -> Any:  # noqa: ANN401 - a reply
        connection = self._acquire()
        try:
            connection.send_packed_command(command, check_health=False)
            reply = read(connection)
        except ResponseError:
            # This is a whole reply too.
            self._idle.append(connection)
            raise
        except BaseException:
            self._close(connection)
            raise
        self._idle.append(connection)
        return reply

    def _acquire(self) -> Connection:
        while connection := self._pop():
            if self._is_usable(connection):
                return connection
            self._close(connection)
        return self.connection_pool.get_connection()

    def _pop(self) -> Connection | None:
        try:
            return self._idle.pop()
        except IndexError:
            return None

    def _is_usable(self, connection: Connection) -> bool:
        """Return whether an idle connection can execute the next command.

        Redis can have closed it, a fork can have copied it, and Sentinel can have named
        another primary. Unread bytes would be the reply of another command.
        """
        try:
            return bool(
                connection.pid == os.getpid()
                and self.connection_pool.owns_connection(connection)
                and connection.is_connected
                and not connection.can_read()
            )
        except (RedisConnectionError, OSError):
            return False

    def _close(self, connection: Connection) -> None:
        connection.disconnect()
        self.connection_pool.release(connection)
