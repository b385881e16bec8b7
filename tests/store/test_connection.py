"""Connections to Redis, and the errors without one."""

from __future__ import annotations

import socket
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


@pytest.mark.parametrize(
    "url",
    [
        "rediss://localhost?ssl_nonsense=1",
        "rediss://localhost?ssl_cert_reqs=nonsense",
        "rediss://localhost?ssl_ca_certs=/nonexistent/ca.pem",
        "redis+sentinel://localhost/otp?ssl_ca_certs=/etc/hostname",
        "redis+cluster://localhost?db=1",
        "rediss+sentinel://localhost/otp?ssl_nonsense=1",
        "rediss+sentinel://localhost/otp?db=1",
        "rediss+sentinel://localhost/otp?ssl_ca_certs=/nonexistent/ca.pem",
        "rediss+cluster://localhost?ssl_cert_reqs=nonsense",
        "rediss+cluster://localhost?ssl_check_hostname=no&socket_timeout=9",
    ],
)
def test_option_without_effect_raises_invalid_settings(url):
    with pytest.raises(InvalidSettings, match="REDIS_URL"):
        connect(url, QUICK)
