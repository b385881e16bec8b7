"""`otp-engine doctor --url` finds proxies that let a client choose its address."""

from __future__ import annotations

from contextlib import contextmanager

import pytest

from tests.fault_injection import buffering_proxy
from tests.support import certificates, http_server, redis_server, server_process

ANONYMOUS = {"OTP_API_KEYS": "", "OTP_ALLOW_ANONYMOUS": "1"}
ONE_PROXY = {"OTP_TRUSTED_PROXIES": "1"}
OPEN = {"underscores_in_headers off;": "underscores_in_headers on;"}
UNDERSCORES = "a client chooses its IP address with X_Forwarded_For: "
DASHES = "a client chooses its IP address with X-Forwarded-For: "


@contextmanager
def service(environ):
    with server_process.running_server("--workers", "1", **environ) as server:
        yield server.port


def doctor(port, environ):
    url = f"http://127.0.0.1:{port}"
    return url, server_process.run("doctor", "--url", url, **environ)


@pytest.mark.parametrize("clients", [{}, ANONYMOUS], ids=["keys", "anonymous"])
def test_shipped_proxy_passes_and_one_with_underscores_fails(
    own_environ, tmp_path, clients
):
    environ = own_environ | ONE_PROXY | clients
    folders = [tmp_path / name for name in ("shipped", "open")]
    for folder in folders:
        folder.mkdir()
    with (
        service(environ) as port,
        buffering_proxy.in_front_of(port, folders[0]) as shipped,
        buffering_proxy.in_front_of(port, folders[1], changes=OPEN) as unsafe,
    ):
        url, passed = doctor(shipped, environ)
        _, failed = doctor(unsafe, environ)

    assert f"✓ {url}: no client chooses" in passed.stderr
    assert passed.returncode == 0
    assert UNDERSCORES in failed.stderr
    assert DASHES not in failed.stderr
    assert failed.returncode == 1


def test_more_trusted_proxies_than_there_are_fail(own_environ):
    environ = own_environ | ONE_PROXY
    with service(environ) as port:
        _, result = doctor(port, environ)

    assert DASHES in result.stderr
    assert "OTP_TRUSTED_PROXIES is higher" in result.stderr
    assert result.returncode == 1


def test_doctor_without_url_names_the_test_of_trusted_proxies(own_environ):
    with_proxy = server_process.run("doctor", **own_environ | ONE_PROXY)
    without = server_process.run("doctor", **own_environ)

    assert "! OTP_TRUSTED_PROXIES is set: --url URL tests" in with_proxy.stderr
    assert "--url" not in without.stderr
    assert (with_proxy.returncode, without.returncode) == (0, 0)


def test_service_without_trusted_proxies_passes(own_environ):
    with service(own_environ) as port:
        url, result = doctor(port, own_environ)

    assert f"✓ {url}: no client chooses" in result.stderr
    assert result.returncode == 0


def test_url_that_is_not_the_service_fails_with_the_reason(own_environ):
    free = f"http://127.0.0.1:{redis_server.free_port()}"
    with service(own_environ) as port:
        results = {
            url: server_process.run("doctor", "--url", url, **own_environ)
            for url in (
                free,
                f"http://127.0.0.1:{port}/nowhere",
                f"https://127.0.0.1:{port}",
                "otp.example",
                "://[",
            )
        }

    reasons = {
        url: result.stderr.partition(f"✗ {url} was not tested: ")[2].strip()
        for url, result in results.items()
    }
    assert list(reasons.values()) == [
        "no answer: Connection refused",
        "the answer was 404 instead of 401",
        "no TLS connection",
        "it must be an http or https URL: 'otp.example'",
        "it must be an http or https URL: '://['",
    ]
    assert {result.returncode for result in results.values()} == {1}


def test_private_authority_is_named_by_a_variable(own_environ, tmp_path):
    authority = certificates.authority(tmp_path, "ca")
    with http_server.running(authority.issue("127.0.0.1")) as server:
        url = f"https://127.0.0.1:{server.port}"
        unknown = server_process.run("doctor", "--url", url, **own_environ)
        trusted = {"SSL_CERT_FILE": str(authority.path)}
        known = server_process.run("doctor", "--url", url, **own_environ | trusted)

    assert "its certificate is not trusted: " in unknown.stderr
    assert "; add a private authority to those of the system, or " in unknown.stderr
    assert f"{url} was not tested: the answer was 204 instead of 401" in known.stderr


def test_probe_without_the_api_keys_of_the_service_names_them(own_environ):
    with service(own_environ) as port:
        url, result = doctor(port, own_environ | ANONYMOUS)

    reason = "the service has API keys, and OTP_API_KEYS is not set"
    assert f"✗ {url} was not tested: {reason}" in result.stderr
    assert result.returncode == 1


@pytest.mark.parametrize(
    "url", ["http://u:s3cr3t@h", "u:s3cr3t@h", "http://u:s3cr3t@h?x", "://u:s3cr3t@["]
)
def test_password_of_a_rejected_url_is_not_shown(own_environ, url):
    result = server_process.run("doctor", "--url", url, **own_environ)

    assert "was not tested: it must" in result.stderr
    assert "s3cr3t" not in result.stdout + result.stderr


def test_url_without_redis_fails():
    result = server_process.run("doctor", "--url", "http://127.0.0.1", OTP_DEV="1")

    assert "✗ --url needs REDIS_URL" in result.stderr
    assert result.returncode == 1


@pytest.mark.parametrize(
    ("environ", "limit"),
    [
        ({"OTP_AUTH_FAILURES_PER_IP": "off"}, "auth_failures_per_ip"),
        ({"OTP_CHECKS_PER_IP": "off"} | ANONYMOUS, "checks_per_ip"),
    ],
)
def test_probe_without_a_limit_that_counts_fails(own_environ, environ, limit):
    with service(own_environ | environ) as port:
        url, result = doctor(port, own_environ | environ)

    assert f"✗ {url} was not tested: {limit} is off" in result.stderr
    assert result.returncode == 1


CONSOLE = {"OTP_CONSOLE_USER_HEADER": "X-Forwarded-Email"}
OPERATOR = "a client names an operator of the console with X-Forwarded-Email: "
REMOVED = {
    "proxy_set_header Host": 'proxy_set_header X-Forwarded-Email "";\n'
    "            proxy_set_header Host"
}


def test_proxy_that_keeps_the_header_of_operators_fails(own_environ, tmp_path):
    environ = own_environ | ONE_PROXY | CONSOLE
    folders = [tmp_path / name for name in ("kept", "removed")]
    for folder in folders:
        folder.mkdir()
    with (
        service(environ) as port,
        buffering_proxy.in_front_of(port, folders[0]) as kept,
        buffering_proxy.in_front_of(port, folders[1], changes=REMOVED) as removed,
    ):
        _, failed = doctor(kept, environ)
        url, passed = doctor(removed, environ)

    assert OPERATOR in failed.stderr
    assert failed.returncode == 1
    assert f"✓ {url}: no client names an operator" in passed.stderr
    assert passed.returncode == 0
