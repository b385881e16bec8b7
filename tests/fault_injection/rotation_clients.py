"""What people do while an operator rotates a pepper."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from tests.fault_injection.load import numbers
from tests.fault_injection.raw_http import Heard
from tests.fault_injection.rolling_pair import Pair
from tests.support import redis_server
from tests.support.fakes import different_code

_OUT = 20
_AT_ONCE = 1_000_000

APPROVED = {"VerificationStatus": "approved"}
PENDING = {"VerificationStatus": "pending"}


@dataclass
class Holder:
    """Somebody with a code, who mistypes it twice now and twice later."""

    pair: Pair
    phone: str
    code: str = ""

    def begin(self, at: int) -> None:
        self.code = self.pair.send(self.phone, at)
        self._mistype(at)
        self._mistype(at + 1)

    def end(self, at: int) -> tuple[bool, int]:
        """Whether the code worked, and how many guesses were left before it."""
        self._mistype(at)
        heard = self._mistype(at + 1)
        left = int(dict(heard.headers).get("otp-attempts-left", -1))
        right = self.pair.check(self.phone, self.code, at)
        return right.json == APPROVED, left

    def _mistype(self, at: int) -> Heard:
        return self.pair.check(self.phone, different_code(self.code), at)


@dataclass
class Client:
    """Somebody who sends and checks without a pause, with some codes always out."""

    pair: Pair
    phones: Iterator[str]
    over: threading.Event
    out: deque[tuple[str, str, float]] = field(default_factory=deque)
    sent: int = 0
    failed: list[str] = field(default_factory=list)

    def run(self) -> None:
        while not self.over.is_set():
            began, phone = time.monotonic(), next(self.phones)
            code = self.pair.send(phone, self.sent)
            self.sent += 1
            self.out.append((phone, code, began))
            if len(self.out) > _OUT:
                self._check()
        while self.out:
            self._check()

    def _check(self) -> None:
        phone, code, _ = self.out[0]
        heard = self.pair.check(phone, code, self.sent + len(self.out))
        if heard.json != APPROVED:
            self.failed.append(f"{heard.status} {heard.body!r}")
        self.out.popleft()


@contextmanager
def clients(pair: Pair, count: int) -> Iterator[Sequence[Client]]:
    """Let *count* of them at the pair; at the end they check what is still out."""
    over = threading.Event()
    all_of_them = [Client(pair, _phones(n), over) for n in range(count)]
    threads = [threading.Thread(target=client.run) for client in all_of_them]
    for thread in threads:
        thread.start()
    try:
        yield all_of_them
    finally:
        over.set()
        for thread in threads:
            thread.join()


def wait_until_newer(clients: Sequence[Client], than: float) -> None:
    """Return when every code that is out was asked for after *than*."""
    redis_server.wait_until(
        lambda: all(client.out and client.out[0][2] > than for client in clients),
        seconds=60,
    )


def _phones(client: int) -> Iterator[str]:
    return (numbers(1, first=client * _AT_ONCE + n)[0] for n in range(_AT_ONCE))
