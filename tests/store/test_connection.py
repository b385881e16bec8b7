"""Connections to Redis, and the errors without one."""

from __future__ import annotations

import socket
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from datetime import timedelta
from typing import Any

import pytest
import redis

from otp_engine.domain.phones.phone_keys import PhoneKey
from otp_engine.domain.policy.policy import Policy
from otp_engine.errors import InvalidSettings, StoreUnavailable
from otp_engine.store.connection import connect
from otp_engine.store.redis_store import RedisStore
from tests.support import certificates, redis_server

PHONE = PhoneKey("digest")
QUICK = timedelta(milliseconds=200)
TIMEOUT = timedelta(seconds=5)
TOPOLOGIES = ("server", "sentinel", "cluster")


def test_refused_connection_raises_store_unavailable():
    store = RedisStore(connect(f"redis://127.0.0.1:{redis_server.free_port()}", QUICK))

    with pytest.raises(StoreUnavailable):
        store.ping()


def test_hanging_redis_raises_store_unavailable():
    with socket.create_server(("127.0.0.1", 0)) as hole:
        port = hole.getsockname()[1]
        store = RedisStore(connect(f"redis://127.0.0.1:{port}", QUICK))

        with pytest.raises(StoreUnavailable):
            store.ping()


def test_restarted_redis_is_reached_again(tmp_path):
    with redis_server.redis_on_a_socket(tmp_path) as url:
        store = RedisStore(connect(url, QUICK))
        store.ping()
    with pytest.raises(StoreUnavailable):
        store.ping()

    with redis_server.redis_on_a_socket(tmp_path):
        store.ping()


def test_flushed_script_is_sent_again(real_redis):
    store = RedisStore(real_redis)
    assert not store.get_phone_state(PHONE, Policy()).live
    store.release_send(PHONE, idempotency_key=b"t" * 8)
    real_redis.script_flush()

    store.release_send(PHONE, idempotency_key=b"t" * 8)


def test_approval_without_a_required_replica_raises_store_unavailable(
    real_redis, policy
):
    # The Redis of the tests has no replica.
    store = RedisStore(real_redis, replicas=1)

    with pytest.raises(StoreUnavailable):
        store.approve(PHONE, idempotency_key=b"t" * 8, verification_id=b"i" * 16)


class Tls:
    """Redis servers with TLS; clients trust the authority `ours`."""

    def __init__(self, folder):
        self.folder = folder
        self.ours = certificates.authority(folder, "ours")
        self.other = certificates.authority(folder, "other")
        # Servers trust both, so that only clients reject a certificate of `other`.
        self.both = folder / "both.pem"
        self.both.write_text(self.ours.path.read_text() + self.other.path.read_text())

    @contextmanager
    def server(self, certificate):
        with redis_server.redis_with_tls(self.folder, self.both, *certificate) as port:
            yield f"rediss://127.0.0.1:{port}"

    @contextmanager
    def sentinel(self, certificate, primary=None):
        """Run a primary and its Sentinel; *primary* may have its own certificate."""
        settings = self.folder / "sentinel.conf"
        primary = primary or certificate
        with redis_server.redis_with_tls(self.folder, self.both, *primary) as port:
            settings.write_text(f"sentinel monitor otp 127.0.0.1 {port} 1\n")
            with redis_server.sentinel_with_tls(
                settings, self.both, *certificate
            ) as own:
                yield f"rediss+sentinel://127.0.0.1:{own}/otp"

    @contextmanager
    def cluster(self, certificate):
        options = ("--cluster-enabled", "yes")
        tls = ("--tls-cluster", "yes", *certificate)
        with redis_server.redis_with_tls(
            self.folder, self.both, *options, *tls
        ) as port:
            with redis.Redis(
                port=port, ssl=True, ssl_ca_certs=self.both, ssl_check_hostname=False
            ) as node:
                redis_server.serve_every_slot(node)
            yield f"rediss+cluster://127.0.0.1:{port}"

    def ping(self, url, *options):
        query = "&".join([f"ssl_ca_certs={self.ours.path}", *options])
        RedisStore(connect(f"{url}?{query}", TIMEOUT)).ping()


def connected(url):
    client: Any = connect(url, TIMEOUT)
    return closing(client)


@pytest.fixture
def tls(tmp_path):
    return Tls(tmp_path)


@pytest.mark.parametrize("topology", TOPOLOGIES)
def test_redis_with_tls_is_reached(tls, topology):
    with getattr(tls, topology)(tls.ours.server_options()) as url:
        tls.ping(url)


def test_tls_client_opens_one_connection(tls):
    with tls.server(tls.ours.server_options()) as server:
        url = f"{server}?ssl_ca_certs={tls.ours.path}"
        with connected(url) as client:
            before = client.info("stats")["total_connections_received"]
            for _ in range(20):
                with connected(url) as other:
                    other.ping()
            after = client.info("stats")["total_connections_received"]

    assert after - before == 20


@pytest.mark.parametrize("version", ["1.2", "1.3"])
@pytest.mark.parametrize("topology", TOPOLOGIES)
def test_every_fresh_tls_connection_is_used(tls, topology, version):
    options = ("--tls-protocols", f"TLSv{version}", *tls.ours.server_options())
    with getattr(tls, topology)(options) as url:
        for _ in range(20):
            tls.ping(url)


def test_simultaneous_fresh_tls_connections_are_used(tls):
    with tls.server(tls.ours.server_options()) as server:
        url = f"{server}?ssl_ca_certs={tls.ours.path}"
        with connected(url) as observer, connected(url) as client:
            store = RedisStore(client)
            before = observer.info("stats")["total_connections_received"]
            with ThreadPoolExecutor(16) as threads:
                pings = [threads.submit(store.ping) for _ in range(200)]
            after = observer.info("stats")["total_connections_received"]

    assert not [ping for ping in pings if ping.exception()]
    # At most one a thread: none had to be replaced.
    assert after - before <= 16


@pytest.mark.parametrize("topology", TOPOLOGIES)
def test_certificate_of_another_authority_is_rejected(tls, topology):
    with (
        getattr(tls, topology)(tls.other.server_options()) as url,
        pytest.raises(StoreUnavailable),
    ):
        tls.ping(url)


@pytest.mark.parametrize("topology", TOPOLOGIES)
def test_certificate_for_another_address_is_rejected(tls, topology):
    elsewhere = tls.ours.server_options("127.0.0.9")
    with getattr(tls, topology)(elsewhere) as url:
        with pytest.raises(StoreUnavailable):
            tls.ping(url)

        tls.ping(url, "ssl_check_hostname=no")


def test_certificate_of_primary_is_verified_after_trusted_sentinel(tls):
    ours, other = tls.ours.server_options(), tls.other.server_options()
    with (
        tls.sentinel(ours, primary=other) as url,
        pytest.raises(StoreUnavailable),
    ):
        tls.ping(url)


def test_certificate_of_sentinel_is_verified_before_trusted_primary(tls):
    ours, other = tls.ours.server_options(), tls.other.server_options()
    with (
        tls.sentinel(other, primary=ours) as url,
        pytest.raises(StoreUnavailable),
    ):
        tls.ping(url)


@pytest.mark.parametrize("topology", ["sentinel", "cluster"])
def test_url_without_tls_cannot_reach_redis_with_tls(tls, topology):
    with getattr(tls, topology)(tls.ours.server_options()) as url:
        plain = url.replace("rediss", "redis", 1)

        with pytest.raises(StoreUnavailable):
            RedisStore(connect(plain, QUICK)).ping()


@pytest.mark.parametrize("database", ["/3", "?db=3"])
def test_database_of_the_url_is_used(tmp_path, database):
    with redis_server.redis_on_a_port(tmp_path) as port:
        with connected(f"redis://127.0.0.1:{port}{database}") as client:
            client.set("key", "value")

        with connected(f"redis://127.0.0.1:{port}") as default:
            assert list(default.info("keyspace")) == ["db3"]


def test_socket_url_with_database_and_password_is_used(tmp_path):
    with redis_server.redis_on_a_socket(tmp_path, "--requirepass", "p@ss") as url:
        path = url.removeprefix("unix://")
        with connected(f"unix://:p%40ss@{path}?db=3") as client:
            client.set("key", "value")

            assert list(client.info("keyspace")) == ["db3"]


def test_sentinel_url_with_database_and_both_passwords_is_used(tmp_path):
    settings = tmp_path / "sentinel.conf"
    with redis_server.redis_on_a_port(tmp_path, "--requirepass", "p@ss") as port:
        settings.write_text(
            f"sentinel monitor otp 127.0.0.1 {port} 1\n"
            "sentinel auth-pass otp p@ss\n"
            "requirepass s3ntinel\n"
        )
        with redis_server.sentinel_on_a_port(settings) as own:
            url = f"redis+sentinel://:p%40ss@127.0.0.1:{own}/otp/3"
            with connected(f"{url}?sentinel_password=s3ntinel") as client:
                client.set("key", "value")

                assert list(client.info("keyspace")) == ["db3"]


def test_cluster_url_with_user_and_password_is_used(tmp_path):
    user = ("--user", "otp", "on", ">p@ss", "~*", "+@all")
    options = ("--cluster-enabled", "yes", *user)
    with redis_server.redis_on_a_port(tmp_path, *options) as p:
        with redis.Redis(port=p) as node:
            redis_server.serve_every_slot(node)
            node.config_set("requirepass", "other")

        RedisStore(connect(f"redis+cluster://otp:p%40ss@127.0.0.1:{p}", TIMEOUT)).ping()


def test_unusable_url_raises_invalid_settings():
    with pytest.raises(InvalidSettings, match="REDIS_URL has the option ssl_nonsense"):
        connect("rediss://localhost?ssl_nonsense=1", QUICK)
