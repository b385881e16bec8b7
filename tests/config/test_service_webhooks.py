from __future__ import annotations

import pytest

from otp_engine.config import service_webhooks
from otp_engine.config.env_reader import EnvReader

URL = "https://hooks.example.com/verify"
PROXY = "http://proxy.example.com:8080"


def load(*, dev=False, **environ):
    return service_webhooks.load(EnvReader(environ), dev=dev)


def test_posts_use_the_proxy_of_https():
    settings = load(
        OTP_FACTOR_KEY="set", HTTPS_PROXY=PROXY, NO_PROXY="internal.example.com"
    )

    assert settings.proxy(URL).url == PROXY
    assert settings.proxy("https://internal.example.com/") is None


def test_http_url_has_no_proxy():
    settings = load(dev=True, ALL_PROXY=PROXY)

    assert settings.proxy("http://127.0.0.1/") is None


def test_proxy_that_nothing_uses_is_no_problem():
    env = EnvReader({"HTTPS_PROXY": "socks5://proxy.example.com"})

    settings = service_webhooks.load(env, dev=False)

    assert env.problems == []
    assert settings.proxy(URL) is None


def test_invalid_proxy_is_a_problem_where_factors_are_configured():
    env = EnvReader(
        {"HTTPS_PROXY": "socks5://proxy.example.com", "OTP_FACTOR_KEY": "k"}
    )

    service_webhooks.load(env, dev=False)

    assert len(env.problems) == 1


@pytest.mark.parametrize(
    ("url", "address", "allowed"),
    [
        (URL, "203.0.114.7", True),
        (URL, "10.1.2.3", True),
        (URL, "10.2.0.1", False),
        (URL, "127.0.0.1", False),
        ("http://hooks.example.com/", "203.0.114.7", False),
        ("http://hooks.example.com/", "10.1.2.3", True),
    ],
)
def test_posts_reach_public_addresses_and_listed_networks(url, address, allowed):
    settings = load(OTP_WEBHOOK_PRIVATE_NETWORKS="10.1.0.0/16")

    assert settings.addresses(url).allows(address) is allowed


def test_posts_reach_the_same_machine_in_dev_mode_only():
    assert load(dev=True).addresses(URL).allows("127.0.0.1")
    assert not load().addresses(URL).allows("127.0.0.1")


def test_reason_of_a_rejected_url_contains_no_part_of_it():
    with pytest.raises(ValueError, match="https") as caught:
        load().parse_url("http://hooks.example.com/?token=secret")

    assert "hooks" not in str(caught.value)
    assert "secret" not in str(caught.value)
