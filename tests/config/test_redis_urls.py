from __future__ import annotations

import ssl

import pytest

from otp_engine import config
from otp_engine.config import redis_urls
from otp_engine.config.redis_urls import RedisUrl
from otp_engine.errors import InvalidSettings
from tests.support import certificates
from tests.support.settings import PRODUCTION

LOGIN = {"username": "otp", "password": "p@ss#/?:,100%"}
ESCAPED = "otp:p%40ss%23%2F%3F%3A%2C100%25"

SENTINEL_LOGIN = "sentinel_username=s&sentinel_password=t"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("redis://localhost", RedisUrl(kind="server", hosts=(("localhost", 6379),))),
        ("redis://h:1/", RedisUrl(kind="server", hosts=(("h", 1),))),
        ("REDIS://H:1", RedisUrl(kind="server", hosts=(("h", 1),))),
        ("redis://h:1/3", RedisUrl(kind="server", hosts=(("h", 1),), database=3)),
        ("redis://h:1?db=3", RedisUrl(kind="server", hosts=(("h", 1),), database=3)),
        ("redis://[fd00::1]:2", RedisUrl(kind="server", hosts=(("fd00::1", 2),))),
        ("redis://[::1]", RedisUrl(kind="server", hosts=(("::1", 6379),))),
        (
            f"redis://{ESCAPED}@h",
            RedisUrl(kind="server", hosts=(("h", 6379),), login=LOGIN),
        ),
        (
            "redis://h?username=otp&password=p%40ss%23%2F%3F%3A%2C100%25",
            RedisUrl(kind="server", hosts=(("h", 6379),), login=LOGIN),
        ),
        (
            "redis://:p@ss@h",
            RedisUrl(kind="server", hosts=(("h", 6379),), login={"password": "p@ss"}),
        ),
        ("rediss://h", RedisUrl(kind="server", hosts=(("h", 6379),))),
        ("unix:///run/r.sock", RedisUrl(kind="socket", name="/run/r.sock")),
        (
            "unix://:pw@/run/my%20r.sock?db=2",
            RedisUrl(
                kind="socket",
                name="/run/my r.sock",
                database=2,
                login={"password": "pw"},
            ),
        ),
        (
            "redis+sentinel://a,b:2/primary",
            RedisUrl(kind="sentinel", hosts=(("a", 26379), ("b", 2)), name="primary"),
        ),
        (
            f"rediss+sentinel://{ESCAPED}@a/primary/4?{SENTINEL_LOGIN}",
            RedisUrl(
                kind="sentinel",
                hosts=(("a", 26379),),
                name="primary",
                database=4,
                login=LOGIN,
                sentinel_login={"username": "s", "password": "t"},
            ),
        ),
        (
            "redis+sentinel://a/primary?db=4",
            RedisUrl(
                kind="sentinel", hosts=(("a", 26379),), name="primary", database=4
            ),
        ),
        (
            f"redis+cluster://{ESCAPED}@a,b:2/0",
            RedisUrl(kind="cluster", hosts=(("a", 6379), ("b", 2)), login=LOGIN),
        ),
    ],
)
def test_url_is_parsed(text, expected):
    parsed = redis_urls.parse(text)

    assert parsed == expected
    assert bool(parsed.tls) == text.startswith("rediss")


@pytest.mark.parametrize(
    ("query", "verified", "checked", "version"),
    [
        ("", ssl.CERT_REQUIRED, True, ssl.TLSVersion.TLSv1_2),
        ("ssl_check_hostname=no", ssl.CERT_REQUIRED, False, ssl.TLSVersion.TLSv1_2),
        ("ssl_cert_reqs=optional", ssl.CERT_OPTIONAL, True, ssl.TLSVersion.TLSv1_2),
        ("ssl_cert_reqs=none", ssl.CERT_NONE, False, ssl.TLSVersion.TLSv1_2),
        ("ssl_min_version=1.3", ssl.CERT_REQUIRED, True, ssl.TLSVersion.TLSv1_3),
        ("ssl_min_version=772", ssl.CERT_REQUIRED, True, ssl.TLSVersion.TLSv1_3),
    ],
)
def test_tls_options_are_in_the_context(query, verified, checked, version):
    context = redis_urls.parse(f"rediss://h?{query}").tls

    assert context
    assert context.verify_mode == verified
    assert context.check_hostname == checked
    assert context.minimum_version == version


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("localhost:6379", "must start with one of redis, rediss"),
        ("redis:localhost", "must start with"),
        ("redis+tls://localhost", "must start with"),
        ("redis://[::1", "must be a URL"),
        # Hosts and ports
        ("redis://", "must name each host"),
        ("redis:///0", "must name each host"),
        ("redis://h:", "must name each host"),
        ("redis://h:port", "must name each host"),
        ("redis://h:0", "must name each host"),
        ("redis://h:65536", "must name each host"),
        ("redis://::1:6379", "must name each host"),
        ("redis://fd00::1", "must name each host"),
        ("redis://[fd00:1]:6379", "IPv6 address inside of [ ]"),
        ("redis://h%20x", "must name each host"),
        ("redis://a,b", "must name one host"),
        ("redis+sentinel://a,,b/name", "must name each host"),
        ("redis+cluster:///0", "must name each host"),
        # Databases
        ("redis://h/otp", "must have a database from 0 to 9999"),
        ("redis://h/-1", "must have a database"),
        ("redis://h/99999", "must have a database"),
        ("redis://h/1.5", "must have a database"),
        ("redis://h/٣", "must have a database"),
        ("redis://h?db=abc", "must have a database"),
        ("redis://h?db=-1", "must have a database"),
        ("redis://h/1/2", "must have no path, or the number"),
        ("redis://h/1/", "must have no path, or the number"),
        ("redis://h/1?db=1", "in its path and in its options"),
        ("redis://h/1?db=2", "in its path and in its options"),
        ("unix:///run/r.sock?db=x", "must have a database"),
        ("redis+sentinel://h/name/otp", "must have a database"),
        ("redis+sentinel://h/name/1?db=1", "in its path and in its options"),
        ("redis+cluster://h/3", "only database 0"),
        ("redis+cluster://h?db=3", "only database 0"),
        ("rediss+cluster://h/name", "must have a database"),
        # Names
        ("redis+sentinel://h", "name of the Sentinel service"),
        ("redis+sentinel://h/", "name of the Sentinel service"),
        ("redis+sentinel://h/name/1/2", "name of the Sentinel service"),
        ("unix://", "absolute path"),
        ("unix://run/r.sock", "absolute path"),
        # Characters
        ("redis://h/0#1", "must have no fragment"),
        ("redis://h#", "must have no fragment"),
        ("redis://h /0", "must have no spaces"),
        ("redis://h\n/0", "must have no spaces and no control"),
        ("redis://h\t/0", "must have no spaces and no control"),
        ("redis://:%FF@h", "must have UTF-8 text"),
        ("redis://h?password=%FF", "must have options of UTF-8"),
        # Options
        ("redis://h?ssl=true", "has the option ssl without TLS: only rediss://"),
        (
            "redis+sentinel://:pw@h/name?ssl=true",
            "has the option ssl without TLS: only rediss+sentinel://",
        ),
        ("redis+cluster://h?ssl_cert_reqs=none", "only rediss+cluster://"),
        ("rediss://h?ssl=true", "has the option ssl that is not one of db, username"),
        ("unix:///r.sock?ssl=true", "has the option ssl that is not one of"),
        ("redis://h?decode_responses=true", "has the option decode_responses"),
        ("redis://h?socket_timeout=30", "has the option socket_timeout"),
        ("redis://h?socket_connect_timeout=30", "socket_connect_timeout"),
        ("redis://h?timeout=30", "has the option timeout"),
        ("redis://h?retry_on_timeout=true", "has the option retry_on_timeout"),
        ("redis://h?protocol=3", "has the option protocol"),
        ("redis://h?encoding=latin-1", "has the option encoding"),
        ("redis://h?health_check_interval=1", "health_check_interval"),
        ("redis://h?single_connection_client=true", "single_connection_client"),
        ("redis://h?max_connections=1", "has the option max_connections"),
        ("redis://h?host=other", "has the option host"),
        ("redis://h?sentinel_password=pw", "has the option sentinel_password"),
        ("redis://h?db", "has the option db without a value"),
        ("redis://h?password=", "has the option password without a value"),
        ("redis://h?db=1&db=2", "has an option twice"),
        ("redis://:a@h?password=b", "has a password before the @"),
        ("redis://a@h?username=b", "has a username before the @"),
        # TLS
        ("rediss://h?ssl_cert_reqs=CERT_NONE", "must have ssl_cert_reqs as one of"),
        ("rediss://h?ssl_cert_reqs=nonsense", "must have ssl_cert_reqs as one of"),
        ("rediss://h?ssl_check_hostname=maybe", "must have ssl_check_hostname as true"),
        ("rediss://h?ssl_min_version=0.9", "must have ssl_min_version as 1.2"),
        ("rediss://h?ssl_ciphers=nonsense", "OpenSSL cannot use: ssl_ciphers"),
        ("rediss://h?ssl_ca_certs=/nonexistent/ca.pem", "cannot be read"),
        ("rediss://h?ssl_ca_certs=/", "cannot be read: ssl_ca_certs"),
        ("rediss://h?ssl_ca_certs=/etc/hostname", "OpenSSL cannot use: ssl_ca_certs"),
        ("rediss://h?ssl_ca_path=/etc/hostname", "cannot be read: ssl_ca_path"),
        ("rediss://h?ssl_ca_data=nonsense", "OpenSSL cannot use: ssl_ca_certs"),
        ("rediss://h?ssl_certfile=/etc/hostname", "cannot use: ssl_certfile"),
        ("rediss://h?ssl_keyfile=/etc/hostname", "ssl_keyfile without ssl_certfile"),
        ("rediss+sentinel://h/n?ssl_validate_ocsp=true", "ssl_validate_ocsp"),
        ("rediss+cluster://h?ssl_nonsense=1", "has the option ssl_nonsense"),
        ("redis://h;h2", "must name each host"),
        ("redis://${HOST}", "must name each host"),
        ("redis://h\\x", "must name each host"),
        ("redis://a..b", "parts of 1 to 63 characters"),
        (f"redis+sentinel://ok,{'a' * 64}/primary", "parts of 1 to 63 characters"),
        (f"unix:///{'a' * 107}", "at most 107 bytes"),
    ],
)
def test_unusable_url_is_rejected(text, problem):
    with pytest.raises(InvalidSettings) as raised:
        config.load(PRODUCTION | {"REDIS_URL": text})

    (reported,) = raised.value.problems
    assert reported.startswith("REDIS_URL ")
    assert problem in reported


@pytest.mark.parametrize(
    "text",
    [
        "redis://:s3cr3t/x@h",
        "redis://:s3cr3t#x@h",
        "redis://:x?s3cr3t@h",
        "redis://otp:1?s3cr3t=x@h",
        "redis://otp:1?x=s3cr3t@h",
        "redis://h?s3cr3t=1@x",
        "redis://:x@h/s3cr3t",
        "redis://h?db=s3cr3t",
        "redis://:s3cr3t@h?password=s3cr3t",
        "rediss://h?ssl_password=s3cr3t&ssl_cert_reqs=s3cr3t",
        "rediss://h?ssl_password=s3cr3t&ssl_certfile=/etc/hostname",
        "s3cr3t://h",
    ],
)
def test_problem_contains_no_secret(text):
    with pytest.raises(ValueError, match=r"must|has") as raised:
        redis_urls.parse(text)

    assert "s3cr3t" not in str(raised.value)


def test_representation_contains_no_secret():
    url = "rediss+sentinel://:s3cr3t@h/n?sentinel_password=s3cr3t&ssl_password=s3cr3t"

    assert "s3cr3t" not in repr(redis_urls.parse(url))


def test_encrypted_client_key_without_its_password_is_rejected(tmp_path):
    path = certificates.authority(tmp_path, "ours").client_certificate("pw")
    url = f"rediss://h?ssl_certfile={path}"

    assert redis_urls.parse(f"{url}&ssl_password=pw").tls
    with pytest.raises(ValueError, match="ssl_password"):
        redis_urls.parse(url)
