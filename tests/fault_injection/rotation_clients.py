"""Recipients and clients during a rotation of the pepper."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from tests.fault_injection.load import numbers
from tests.fault_injection.raw_http import RawResponse
from tests.fault_injection.rolling_pair import Pair
from tests.support import redis_server
from tests.support.fakes import different_code

_PENDING = 20
_PHONES_PER_CLIENT = 1_000_000

APPROVED = {"VerificationStatus": "approved"}
PENDING = {"VerificationStatus": "pending"}


@dataclass
class Recipient:
    """A recipient who enters two wrong codes at the start and two before the end."""

    pair: Pair
    phone: str
    code: str = ""

    def start(self, instance: int) -> None:
        self.code = self.pair.send(self.phone, instance)
        self._check_wrong_code(instance)
        self._check_wrong_code(instance + 1)

    def finish(self, instance: int) -> tuple[bool, int]:
        """Finish the verification.

        Returns:
            Whether the code was approved, and the remaining attempts before that.
        """
        self._check_wrong_code(instance)
        response = self._check_wrong_code(instance + 1)
        remaining = int(dict(response.headers).get("otp-attempts-left", -1))
        approval = self.pair.check(self.phone, self.code, instance)
        return approval.json == APPROVED, remaining

    def _check_wrong_code(self, instance: int) -> RawResponse:
        return self.pair.check(self.phone, different_code(self.code), instance)


@dataclass
class Client:
    """A client that sends and checks without a pause, with some codes pending."""

    pair: Pair
    phones: Iterator[str]
    stop: threading.Event
    pending: deque[tuple[str, str, float]] = field(default_factory=deque)
    sent: int = 0
    failures: list[str] = field(default_factory=list)

    def run(self) -> None:
        while not self.stop.is_set():
            started, phone = time.monotonic(), next(self.phones)
            code = self.pair.send(phone, self.sent)
            self.sent += 1
            self.pending.append((phone, code, started))
            if len(self.pending) > _PENDING:
                self._check()
        while self.pending:
            self._check()

    def _check(self) -> None:
        phone, code, _ = self.pending[0]
        response = self.pair.check(phone, code, self.sent + len(self.pending))
        if response.json != APPROVED:
            self.failures.append(f"{response.status} {response.body!r}")
        self.pending.popleft()


@contextmanager
def clients(pair: Pair, count: int) -> Iterator[Sequence[Client]]:
    """Run *count* clients of the pair; at the end they check their pending codes."""
    stop = threading.Event()
    all_of_them = [Client(pair, _phones(n), stop) for n in range(count)]
    threads = [threading.Thread(target=client.run) for client in all_of_them]
    for thread in threads:
        thread.start()
    try:
        yield all_of_them
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def wait_until_newer(clients: Sequence[Client], than: float) -> None:
    """Return when every pending code was requested after *than*."""
    redis_server.wait_until(
        lambda: all(
            client.pending and client.pending[0][2] > than for client in clients
        ),
        seconds=60,
    )


def _phones(client: int) -> Iterator[str]:
    return (
        numbers(1, first=client * _PHONES_PER_CLIENT + n)[0]
        for n in range(_PHONES_PER_CLIENT)
    )
