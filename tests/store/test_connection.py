"""How Redis is reached, and what is said when it is not."""

from __future__ import annotations

import socket
import time
from datetime import timedelta

import pytest

from otp_engine.domain.policy import Policy
from otp_engine.errors import StoreUnavailable
from otp_engine.store.connection import connect
from otp_engine.store.verifications import RedisStore
from tests import servers

QUICK = timedelta(milliseconds=200)


def test_a_refused_connection_is_unavailable_at_once():
    store = RedisStore(connect(f"redis://127.0.0.1:{servers.free_port()}", QUICK))
    began = time.monotonic()

    with pytest.raises(StoreUnavailable):
        store.ping()

    assert time.monotonic() - began < 1


def test_a_redis_that_never_answers_is_unavailable_within_a_second():
    with socket.create_server(("127.0.0.1", 0)) as hole:
        port = hole.getsockname()[1]
        store = RedisStore(connect(f"redis://127.0.0.1:{port}", QUICK))
        began = time.monotonic()

        with pytest.raises(StoreUnavailable):
            store.ping()

    assert time.monotonic() - began < 1


def test_a_restarted_redis_is_found_again(tmp_path):
    with servers.redis_on_a_socket(tmp_path) as url:
        store = RedisStore(connect(url, QUICK))
        store.ping()
    with pytest.raises(StoreUnavailable):
        store.ping()

    with servers.redis_on_a_socket(tmp_path):
        store.ping()


def test_scripts_that_redis_has_forgotten_are_sent_again(real_client):
    store = RedisStore(real_client)
    assert not store.standing("nobody", Policy()).live
    store.withdraw("nobody", token=b"t" * 8)
    real_client.script_flush()

    store.withdraw("nobody", token=b"t" * 8)


def test_an_approval_waits_for_the_replicas_it_was_promised(real_client, policy):
    """The server of the tests has no replica, so one cannot have it."""
    store = RedisStore(real_client, replicas=1)

    with pytest.raises(StoreUnavailable):
        store.approve("nobody", token=b"t" * 8, id=b"i" * 16)
