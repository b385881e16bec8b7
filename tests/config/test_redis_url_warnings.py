from __future__ import annotations

import pytest

from otp_engine import config
from otp_engine.config import redis_url_warnings, redis_urls
from tests.support.settings import PRODUCTION


@pytest.mark.parametrize(
    ("kind", "path"), [("", ""), ("+sentinel", "/name"), ("+cluster", "")]
)
@pytest.mark.parametrize(
    ("option", "phrase"),
    [
        ("ssl_cert_reqs=none", "ssl_cert_reqs off"),
        ("db=0&ssl_cert_reqs=none", "ssl_cert_reqs off"),
        ("ssl_check_hostname=false", "ssl_check_hostname off"),
        ("ssl_check_hostname=No", "ssl_check_hostname off"),
    ],
)
def test_redis_without_tls_verification_is_warned_of(kind, path, option, phrase):
    url = f"rediss{kind}://:s3cr3t@redis.example.com{path}?{option}"

    (warning,) = redis_url_warnings.collect_warnings(redis_urls.parse(url))

    assert phrase in warning
    assert "s3cr3t" not in warning


@pytest.mark.parametrize(
    "url",
    [
        "redis://:s3cr3t@redis.example.com",
        "redis://user:s3cr3t@10.0.0.5:6379/0",
        "redis://:s3cr3t@[fd00::1]:6379",
        "redis://redis.example.com?password=s3cr3t",
        "redis+sentinel://:s3cr3t@localhost:1,10.0.0.5:2/name",
        "redis+cluster://:s3cr3t@redis.example.com",
    ],
)
def test_redis_password_without_tls_is_warned_of(url):
    (warning,) = redis_url_warnings.collect_warnings(redis_urls.parse(url))

    assert "no TLS" in warning
    assert "s3cr3t" not in warning


@pytest.mark.parametrize(
    "url",
    [
        "redis://redis.example.com",
        "redis://user@redis.example.com",
        "redis://:s3cr3t@redis:6379/0",
        "redis://:s3cr3t@127.0.0.1",
        "redis://:s3cr3t@[::1]:6379",
        "redis+sentinel://:s3cr3t@one:1,two:2/name",
        "unix://:s3cr3t@/run/redis.sock",
        "rediss://:s3cr3t@redis.example.com?ssl_cert_reqs=required",
        "rediss+sentinel://:s3cr3t@redis.example.com/name?ssl_check_hostname=true",
    ],
)
def test_local_or_verified_redis_has_no_warning(url):
    assert redis_url_warnings.collect_warnings(redis_urls.parse(url)) == []


def test_warning_about_the_redis_url_is_one_of_the_settings():
    url = "redis://:s3cr3t@redis.example.com"

    (warning,) = config.load(PRODUCTION | {"REDIS_URL": url}).warnings

    assert "no TLS" in warning
