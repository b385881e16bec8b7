"""Two instances of the service, and a client of the one that runs."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

from tests.fault_injection import raw_http
from tests.fault_injection.raw_http import RawResponse
from tests.support import redis_server, server_process
from tests.support.fakes import extract_code
from tests.support.twilio_server import Twilio

SEND, VERIFY = "/auth/send_otp", "/auth/verify_otp"
_TRIES = 20


@dataclass
class Instance:
    """An instance that can be restarted with another environment.

    Attributes:
        workers: Number of its workers.
    """

    workers: int
    _port: int | None = None
    _in_flight: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _running: ExitStack = field(default_factory=ExitStack)

    def start(self, environ: Mapping[str, str]) -> None:
        served = server_process.running_server(
            "--workers", str(self.workers), **environ
        )
        self._port = self._running.enter_context(served).port

    def stop(self) -> None:
        """Take the instance out, wait for its requests in flight, and stop it."""
        with self._lock:
            self._port = None
        redis_server.wait_until(lambda: self._in_flight == 0)
        self._running.close()

    @contextmanager
    def use(self) -> Iterator[int | None]:
        """Yield the port, or None while stopped; a stop waits for the block."""
        with self._lock:
            port = self._port
            self._in_flight += 1
        try:
            yield port
        finally:
            with self._lock:
                self._in_flight -= 1


@dataclass
class Pair:
    """Two instances, and the statuses of their responses.

    Attributes:
        twilio: The provider of both.
        instances: The two instances.
        secrets: The API keys that requests use in turn.
        statuses: Number of responses by status; `NO_ANSWER` is a lost connection.
    """

    twilio: Twilio
    instances: tuple[Instance, Instance]
    secrets: list[str]
    statuses: Counter[int] = field(default_factory=Counter)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _request_count: int = 0

    def send(self, phone: str, first: int = 0) -> str:
        """Send to *phone* until the send is accepted, and return the code."""
        for _ in range(_TRIES):
            if self.request(SEND, {"phone": phone}, first).status == 201:
                return next(self._newest_codes(phone))
        raise AssertionError(self.statuses)

    def codes_of(self, phone: str) -> list[str]:
        """Return every code that was sent to *phone*."""
        return list(self._newest_codes(phone))

    def _newest_codes(self, phone: str) -> Iterator[str]:
        messages = reversed(list(self.twilio.messages))
        return (extract_code(m["Body"]) for m in messages if m["To"] == phone)

    def check(self, phone: str, code: str, first: int = 0) -> RawResponse:
        """Check *code*, and repeat the check while the response is 503."""
        for _ in range(_TRIES):
            response = self.request(VERIFY, {"phone": phone, "otp": code}, first)
            if response.status != 503:
                return response
        raise AssertionError(self.statuses)

    def request(self, path: str, body: Mapping[str, str], first: int) -> RawResponse:
        """Send a request to instance *first*, or to the other while it is stopped."""
        with self._lock:
            self._request_count += 1
            secrets = self.secrets
        secret = secrets[self._request_count % len(secrets)]
        key = {"Authorization": f"Bearer {secret}"}
        for instance in (self.instances[first % 2], self.instances[1 - first % 2]):
            with instance.use() as port:
                if port:
                    response = raw_http.post_json(port, path, body, key=key)
                    with self._lock:
                        self.statuses[response.status] += 1
                    return response
        # One instance stopped and the other started between the two attempts.
        return self.request(path, body, first)


@contextmanager
def running_pair(
    twilio: Twilio, environ: Mapping[str, str], *, workers: int, secrets: list[str]
) -> Iterator[Pair]:
    """Run two instances with the environment *environ*."""
    pair = Pair(twilio, (Instance(workers), Instance(workers)), secrets)
    try:
        for instance in pair.instances:
            instance.start(environ)
        yield pair
    finally:
        for instance in pair.instances:
            instance.stop()
