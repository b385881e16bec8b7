"""Two instances of the service, and somebody who asks the one that is there."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

from tests.fault_injection import raw_http
from tests.fault_injection.raw_http import Heard
from tests.support import redis_server, server_process
from tests.support.fakes import extract_code
from tests.support.twilio_server import Twilio

SEND, VERIFY = "/auth/send_otp", "/auth/verify_otp"
_TRIES = 20


@dataclass
class Instance:
    """One that can be started again with another environment."""

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
        """Take it out, let it answer what it was asked, and end it."""
        with self._lock:
            self._port = None
        redis_server.wait_until(lambda: self._in_flight == 0)
        self._running.close()

    @contextmanager
    def taken(self) -> Iterator[int | None]:
        """The port to ask, if it is there; it stays there until the block ends."""
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
    """Both of them, and what they have answered.

    Attributes:
        secrets: The API keys to use, in turn.
        statuses: How often each was answered, `NO_ANSWER` for a lost connection.
    """

    twilio: Twilio
    instances: tuple[Instance, Instance]
    secrets: list[str]
    statuses: Counter[int] = field(default_factory=Counter)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _asked: int = 0

    def send(self, phone: str, first: int = 0) -> str:
        """Send to *phone*, and say which code; again, if that was not answered."""
        for _ in range(_TRIES):
            if self.ask(SEND, {"phone": phone}, first).status == 201:
                return next(self._newest_codes(phone))
        raise AssertionError(self.statuses)

    def codes_of(self, phone: str) -> list[str]:
        """Every code that was sent to *phone*."""
        return list(self._newest_codes(phone))

    def _newest_codes(self, phone: str) -> Iterator[str]:
        messages = reversed(list(self.twilio.messages))
        return (extract_code(m["Body"]) for m in messages if m["To"] == phone)

    def check(self, phone: str, code: str, first: int = 0) -> Heard:
        """Check *code*; again, if the service could not."""
        for _ in range(_TRIES):
            heard = self.ask(VERIFY, {"phone": phone, "otp": code}, first)
            if heard.status != 503:
                return heard
        raise AssertionError(self.statuses)

    def ask(self, path: str, body: Mapping[str, str], first: int) -> Heard:
        """Ask the *first*, and the other one if there is nobody."""
        with self._lock:
            self._asked += 1
            secrets = self.secrets
        secret = secrets[self._asked % len(secrets)]
        key = {"Authorization": f"Bearer {secret}"}
        for instance in (self.instances[first % 2], self.instances[1 - first % 2]):
            with instance.taken() as port:
                if port:
                    heard = raw_http.post_json(port, path, body, key=key)
                    with self._lock:
                        self.statuses[heard.status] += 1
                    return heard
        # One went and the other came, just between the two questions.
        return self.ask(path, body, first)


@contextmanager
def of_instances(
    twilio: Twilio, environ: Mapping[str, str], *, workers: int, secrets: list[str]
) -> Iterator[Pair]:
    """Run two instances that share what *environ* says, until the block ends."""
    pair = Pair(twilio, (Instance(workers), Instance(workers)), secrets)
    try:
        for instance in pair.instances:
            instance.start(environ)
        yield pair
    finally:
        for instance in pair.instances:
            instance.stop()
