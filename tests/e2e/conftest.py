"""One Redis and one provider for each module, both empty before each test."""

from __future__ import annotations

import base64

import pytest
import redis
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from tests.support import (
    browser_pages,
    redis_server,
    server_process,
    twilio_server,
)
from tests.support import node as node_packages

expect.set_options(timeout=browser_pages.TIMEOUT)

# Hashes that take no time worth measuring.
FAST_HASHES = {"OTP_ARGON2": "m=64,t=1,p=1"}


@pytest.fixture(scope="module")
def shared_twilio():
    """Run a provider that accepts Twilio's requests and keeps the messages."""
    with twilio_server.running() as twilio:
        yield twilio


@pytest.fixture(scope="module")
def shared_redis(tmp_path_factory):
    """Run a Redis for one module; yield its URL."""
    with redis_server.redis_on_a_socket(tmp_path_factory.mktemp("redis")) as url:
        yield url


@pytest.fixture(scope="module")
def shared_environ(shared_redis, shared_twilio):
    """Return the environment of a service that the tests of one module share."""
    return server_process.production(shared_redis, shared_twilio.url) | FAST_HASHES


@pytest.fixture
def twilio(shared_twilio):
    """Return the module's provider, as it was at its start."""
    shared_twilio.messages.clear()
    shared_twilio.headers.clear()
    shared_twilio.behave = twilio_server.accept
    shared_twilio.let_go.clear()
    return shared_twilio


@pytest.fixture
def empty_redis(shared_redis):
    """Delete everything in the module's Redis."""
    with redis.Redis.from_url(shared_redis) as client:
        client.flushdb()


@pytest.fixture
def own_environ(tmp_path, twilio):
    """Return the environment of a service with a Redis that only this test uses."""
    with redis_server.redis_on_a_socket(tmp_path) as redis_url:
        yield server_process.production(redis_url, twilio.url) | FAST_HASHES


@pytest.fixture(scope="session")
def node(pytestconfig):
    """Return the folder of the programs for Node, with Twilio's SDK."""
    return node_packages.install(pytestconfig.cache)


@pytest.fixture(scope="module")
def chromium():
    """Start Chromium once for each module."""
    program = redis_server.program("chromium", required_by="OTP_REQUIRE_CHROMIUM")
    with sync_playwright() as playwright:
        # Chromium's own sandbox needs rights that a container or root does not have.
        browser = playwright.chromium.launch(
            executable_path=program, args=["--no-sandbox"]
        )
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def cooldown():
    """Return the cooldown of the module's stack: one that a test can wait for."""
    return "2s"


@pytest.fixture(scope="module")
def stack_environ():
    """Return more settings of the module's stack."""
    return {}


@pytest.fixture(scope="module")
def shared_stack(shared_redis, cooldown, stack_environ):
    """Run a service in dev mode; yield its URL."""
    environ = {
        "REDIS_URL": shared_redis,
        "OTP_PEPPER": base64.b64encode(bytes(range(32))).decode(),
        "OTP_RESEND_COOLDOWN": cooldown,
        "OTP_PROOF_KEY": base64.b64encode(bytes(range(32))).decode(),
        "OTP_RETURN_ORIGINS": "https://app.example.com",
        **stack_environ,
    }
    with server_process.running_server("--dev", "--workers", "1", **environ) as server:
        yield f"http://127.0.0.1:{server.port}"


@pytest.fixture
def stack(shared_stack, empty_redis):
    """Return the URL of the module's service, with an empty Redis."""
    return shared_stack


@pytest.fixture
def open_page(chromium: Browser, stack):
    """Open a page in a browser session of its own, and fail on any error in it."""
    contexts: list[BrowserContext] = []
    errors: list[str] = []

    def open_in_new_context(path: str, **options) -> Page:
        context = chromium.new_context(base_url=stack, **options)
        context.set_default_timeout(browser_pages.TIMEOUT)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("console", lambda message: browser_pages.collect_error(message, errors))
        page.on(
            "request",
            lambda request: browser_pages.require_own_url(request.url, stack, errors),
        )
        page.goto(path)
        return page

    yield open_in_new_context
    for context in contexts:
        context.close()
    assert errors == []
