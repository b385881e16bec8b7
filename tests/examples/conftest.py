"""One service and one browser for the tests of all examples."""

from __future__ import annotations

import base64
from functools import partial

import httpx
import pytest
import redis
from playwright.sync_api import expect, sync_playwright

from otp_engine.crypto import api_keys
from tests.support import browser_pages, example_apps, redis_server, server_process

KEY = "shop-secret-0123456789"
PROOF_SEED = bytes(range(32))
ACCOUNT, TOKEN = "AC" + "0" * 32, "account-token-0123456789"
expect.set_options(timeout=browser_pages.TIMEOUT)


@pytest.fixture(scope="session")
def django_port():
    return redis_server.free_port()


@pytest.fixture(scope="session")
def examples_redis(tmp_path_factory):
    with redis_server.redis_on_a_socket(tmp_path_factory.mktemp("redis")) as url:
        yield url


@pytest.fixture(scope="session")
def service_url(examples_redis, django_port):
    """Run the service of the examples; yield its URL."""
    port = redis_server.free_port()
    url = f"http://127.0.0.1:{port}"
    environ = {
        "OTP_PUBLIC_URL": url,
        "REDIS_URL": examples_redis,
        "OTP_PEPPER": base64.b64encode(server_process.PEPPER.secret).decode(),
        "OTP_API_KEYS": ", ".join(
            [api_keys.env_entry("shop", KEY), api_keys.env_entry(ACCOUNT, TOKEN)]
        ),
        "OTP_PROOF_KEY": base64.b64encode(PROOF_SEED).decode(),
        "OTP_RETURN_ORIGINS": f"http://localhost:{django_port}",
        "OTP_SENDS_PER_IP": "6/10m",
        "OTP_SERVICE_CUSTOM_CODE": "1",
        "OTP_ARGON2": "m=64,t=1,p=1",
    }
    arguments = ("--dev", "--workers", "1", "--port", str(port))
    with server_process.running_server(*arguments, **environ):
        yield url


@pytest.fixture
def service(service_url, examples_redis):
    """Return the URL of the service, with an empty Redis."""
    with redis.Redis.from_url(examples_redis) as client:
        client.flushdb()
    return service_url


@pytest.fixture
def expire_all(examples_redis):
    """Return a function that ends every verification."""

    def expire():
        with redis.Redis.from_url(examples_redis) as client:
            client.flushdb()

    return expire


@pytest.fixture(scope="session")
def engine_environ(service_url):
    return {
        "ENGINE_URL": service_url,
        "ENGINE_PUBLIC_URL": service_url,
        "ENGINE_API_KEY": KEY,
        "ENGINE_KEY_NAME": "shop",
    }


@pytest.fixture(scope="session")
def django_app(tmp_path_factory, django_port, engine_environ):
    database = tmp_path_factory.mktemp("django") / "db.sqlite3"
    with example_apps.running_django(django_port, database, engine_environ) as app:
        yield app


@pytest.fixture(scope="session")
def fastapi_app(engine_environ):
    port = redis_server.free_port()
    with example_apps.running_fastapi(port, engine_environ) as app:
        yield app


@pytest.fixture(params=["django", "fastapi"])
def app(request, service):
    """Return each of the applications with forms."""
    return request.getfixturevalue(f"{request.param}_app")


@pytest.fixture
def newest_code(service):
    """Return a function that reads the newest code of a number from the inbox."""
    return partial(read_newest_code, service)


def read_newest_code(url: str, phone: str = "+919445012345") -> str:
    response = httpx.get(f"{url}/dev/inbox.json", params={"to": phone})
    code: str = response.json()["messages"][0]["code"]
    return code


# As in tests/e2e: while Playwright runs, its event loop is that of the thread, and the
# tests of other modules can start neither another one nor a loop of asyncio.
@pytest.fixture(scope="module")
def chromium():
    program = redis_server.program("chromium", required_by="OTP_REQUIRE_CHROMIUM")
    with sync_playwright() as playwright:
        # Chromium's own sandbox needs rights that a container or root does not have.
        browser = playwright.chromium.launch(
            executable_path=program, args=["--no-sandbox"]
        )
        yield browser
        browser.close()


@pytest.fixture
def new_page(chromium):
    """Return a function that opens a page in a browser session of its own."""
    contexts = []

    def open_page(base_url: str, **options):
        context = chromium.new_context(base_url=base_url, **options)
        context.set_default_timeout(browser_pages.TIMEOUT)
        contexts.append(context)
        return context.new_page()

    yield open_page
    for context in contexts:
        context.close()
