"""Two instances with each proxy, as docs/deployment.md configures them."""

from __future__ import annotations

import json
import re
import signal
import threading
from collections import Counter
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import pytest

from tests.support import proxies, redis_server, server_process

GUIDE = (Path(__file__).parents[2] / "docs" / "deployment.md").read_text()
SECTION = GUIDE.partition("\n### Two instances\n")[2].partition("\n### ")[0]
NGINX, CADDY, HAPROXY = re.findall(r"```\w+\n(.+?)```", SECTION, re.DOTALL)
KEY = {
    "Authorization": "Bearer shop-secret-0123456789",
    "Content-Type": "application/json",
}
ENOUGH = 20  # requests of a proxy before the restart, and after it


def changes(name, first, second):
    """Return what the guide changes in the configuration of one proxy."""

    def at(text):
        return text.replace("3000", str(first)).replace("3010", str(second))

    if name == "nginx":
        pool = "limit_conn_status 429;"
        return {
            f"http://127.0.0.1:{first};": "http://instances;",
            pool: at(NGINX) + pool,
        }
    if name == "caddy":
        return {f"reverse_proxy {{$SERVICE:127.0.0.1:{first}}} {{\n": at(CADDY)}
    old = at("    server first 127.0.0.1:3000 check inter 2s fall 1 rise 1\n")
    return {old: old + at(HAPROXY)}


def is_ready(proxy):
    return proxy.request("GET", "/readyz").status == 200


class Load:
    """Checks and reads through one proxy, one after the other."""

    def __init__(self, proxy, over):
        self.proxy, self.over = proxy, over
        self.statuses: Counter[int] = Counter()

    def run(self):
        body = json.dumps({"phone": "+919445012345", "otp": "123456"}).encode()
        while not self.over.is_set():
            for arguments in (("GET", "/healthz"), ("POST", "/auth/verify_otp", body)):
                try:
                    status = self.proxy.request(*arguments, headers=KEY).status
                except OSError as error:
                    status = type(error).__name__
                self.statuses[status] += 1

    def wait_for_more(self):
        enough = self.statuses.total() + ENOUGH
        redis_server.wait_until(lambda: self.statuses.total() >= enough)


@pytest.fixture
def stack():
    with ExitStack() as stack:
        yield stack


def test_restart_of_one_instance_loses_no_request(stack, shared_environ, tmp_path):
    environ = shared_environ | {"OTP_TRUSTED_PROXIES": "1", "OTP_DRAIN": "4s"}
    first, second = (
        stack.enter_context(server_process.running_server("--workers", "1", **environ))
        for _ in range(2)
    )
    over, loads = threading.Event(), []
    for name in proxies.NAMES:
        folder = tmp_path / name
        folder.mkdir()
        plan = changes(name, first.port, second.port)
        proxy = stack.enter_context(
            proxies.in_front_of(name, first.port, folder, changes=plan)
        )
        redis_server.wait_until(partial(is_ready, proxy))
        loads.append(Load(proxy, over))
    threads = [threading.Thread(target=load.run) for load in loads]
    for thread in threads:
        stack.callback(thread.join)
    stack.callback(over.set)
    for thread in threads:
        thread.start()
    for load in loads:
        load.wait_for_more()

    first.process.send_signal(signal.SIGTERM)
    first.process.wait(30)
    for load in loads:
        load.wait_for_more()

    lost = [set(load.statuses) - {200, 404} for load in loads]
    assert dict(zip(proxies.NAMES, lost, strict=True)) == {
        "nginx": set(),
        "caddy": set(),
        "haproxy": set(),
    }
