"""The connections of a client of one server: which are reused, and which are closed."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
import redis
from redis.connection import Connection, ConnectionPool
from redis.sentinel import SentinelConnectionPool

from otp_engine.store.connection import connect
from otp_engine.store.node_client import NodeClient
from otp_engine.store.redis_client import RedisClient
from otp_engine.store.sentinel import refresh_primary
from tests.support import redis_server, scripted_redis

QUICK = timedelta(milliseconds=400)
TIMEOUT = timedelta(seconds=5)
DIGEST = "0" * 40
KEY = "otp:{key}"


def run_script(client):
    return client.evalsha(DIGEST, 1, KEY)


def ping(client):
    return client.execute_command("ECHO", "text")


@pytest.fixture(params=[run_script, ping])
def command(request):
    return request.param


@pytest.fixture
def server(tmp_path):
    with redis_server.redis_on_a_port(tmp_path) as port:
        yield f"redis://127.0.0.1:{port}"


@pytest.fixture
def observer(server):
    with redis.Redis.from_url(server) as observer:
        yield observer


def connections(observer):
    return observer.info("stats")["total_connections_received"]


def connected(url, timeout=TIMEOUT):
    client: Any = connect(url, timeout)
    return client


class InterruptedConnection(Connection):
    """A connection that raises *interruptions* instead of reading replies."""

    def __init__(self, *, interruptions: list[BaseException], **options: Any) -> None:
        super().__init__(**options)
        self.interruptions = interruptions

    def read_response(self, *args: Any, **options: Any) -> Any:
        if self.interruptions:
            raise self.interruptions.pop()
        return super().read_response(*args, **options)


def pooled(server, connection_class=Connection, **options):
    port = server.listener.getsockname()[1]
    plain: dict[str, Any] = {"port": port, "protocol": 2, "driver_info": None}
    pool = ConnectionPool(connection_class, **plain, **options)
    return NodeClient(connection_pool=pool)


def test_commands_in_turn_use_one_connection(server, observer):
    client = connected(server)
    before = connections(observer)

    for _ in range(5):
        client.ping()
        with pytest.raises(redis.exceptions.NoScriptError):
            run_script(client)

    assert connections(observer) == before + 1


def test_simultaneous_commands_get_their_own_replies(server):
    client = connected(server)

    with ThreadPoolExecutor(16) as threads:
        texts = [str(number).encode() for number in range(2_000)]
        assert list(threads.map(client.echo, texts)) == texts


def test_late_reply_is_not_that_of_the_next_command(command):
    with scripted_redis.running([b""], [b":2\r\n"]) as server:
        client = connected(server.url, QUICK)
        with pytest.raises(redis.TimeoutError):
            command(client)
        server.send_late(b":1\r\n")

        assert command(client) == 2


@pytest.mark.parametrize("half", [b":", b"$10\r\nhalf", b"*2\r\n:1\r\n"])
def test_rest_of_a_reply_is_not_that_of_the_next_command(command, half):
    with scripted_redis.running([half], [b":2\r\n"]) as server:
        client = connected(server.url, QUICK)
        with pytest.raises(redis.TimeoutError):
            command(client)
        server.send_late(b":1\r\n:1\r\n")

        assert command(client) == 2


def test_reply_after_an_interruption_is_not_that_of_the_next_command(command):
    with scripted_redis.running([b":1\r\n"], [b":2\r\n"]) as server:
        interruptions = [KeyboardInterrupt()]
        client = pooled(server, InterruptedConnection, interruptions=interruptions)
        with pytest.raises(KeyboardInterrupt):
            command(client)

        assert command(client) == 2
        assert len(server.connections) == 2


def test_second_reply_to_a_command_is_not_that_of_the_next(command):
    with scripted_redis.running([b":1\r\n:1\r\n"], [b":2\r\n"]) as server:
        client = connected(server.url)
        assert command(client) == 1

        assert command(client) == 2


def test_connection_that_redis_closed_is_replaced(server, observer):
    client = connected(server)
    client.ping()
    observer.client_kill_filter(_type="normal", skipme=True)

    client.ping()


def test_forked_process_opens_its_own_connection(server, observer):
    client = connected(server)
    client.ping()
    before = connections(observer)

    child = os.fork()
    if not child:
        os._exit(0 if client.ping() else 1)
    _, status = os.waitpid(child, 0)

    assert status == 0
    assert connections(observer) == before + 1
    assert client.ping()
    assert connections(observer) == before + 1


def test_closed_idle_connections_are_replaced(server, observer):
    client = connected(server)
    client.ping()
    client.close_idle()
    redis_server.wait_until(lambda: observer.info("clients")["connected_clients"] == 1)

    assert client.ping()


@dataclass
class FakeSentinels:
    """Sentinels that name *primary*."""

    primary: scripted_redis.ScriptedRedis

    def discover_master(self, _):
        return self.primary.listener.getsockname()


def test_idle_connection_to_a_former_primary_is_replaced(command):
    with (
        scripted_redis.running([b":1\r\n"] * 2) as former,
        scripted_redis.running([b":2\r\n"]) as primary,
    ):
        sentinels = FakeSentinels(former)
        pool = SentinelConnectionPool("otp", sentinels, protocol=2, driver_info=None)
        client = NodeClient(connection_pool=pool)
        assert command(client) == 1
        sentinels.primary = primary
        refresh_primary(client)

        assert command(client) == 2


def test_connection_to_a_server_that_is_a_replica_now_is_replaced(command):
    with scripted_redis.running(
        [b":1\r\n", b"-READONLY You can't write\r\n"], [b":2\r\n"]
    ) as server:
        client = RedisClient(connected(server.url))
        assert client.execute(command, KEY) == 1

        assert client.execute(command, KEY) == 2
        assert len(server.connections) == 2


def test_connections_stay_below_the_maximum_after_many_interruptions(command):
    with scripted_redis.running(*[[b":2\r\n"]] * 6) as server:
        interruptions = [KeyboardInterrupt()] * 5
        client = pooled(
            server,
            InterruptedConnection,
            interruptions=interruptions,
            max_connections=1,
        )
        while interruptions:
            with pytest.raises(KeyboardInterrupt):
                command(client)

        assert command(client) == 2
