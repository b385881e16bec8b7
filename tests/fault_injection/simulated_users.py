"""People who ask for codes and type them, and what may never have happened to them."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field

from tests.fault_injection.load import (
    Call,
    Person,
    Reply,
    all_at_once,
    check,
    for_a_while,
    numbers,
    play,
    send,
)
from tests.fault_injection.report import Trial
from tests.support import redis_server, server_process
from tests.support.fakes import different_code, extract_code
from tests.support.server_process import ServerProcess
from tests.support.twilio_server import Twilio

MOST_CHECKS = 5
MOST_FROM_AN_ADDRESS = 20
_AT_AN_ADDRESS = 24
# How many others come in between a send and the guesses, and then the right code.
_LATER = 6
# As many as a worker lets wait for a hash, so that none is refused for the crowd.
_FEW = 4
# How often a client asks that is answered with 503, and how long it waits between.
_TRIES, _PAUSE = 10, 0.2

# Phones of nobody in a crowd.
OTHERS = numbers(20_000, first=100_000)

_RULES = {
    "OTP_ARGON2": "m=64,t=1,p=1",
    "OTP_SENDS_TOTAL": "off",
    "OTP_CHECKS_PER_IP": "off",
    # One message and so one verification a phone: what is counted by phone is by both.
    "OTP_SENDS_PER_PHONE": "1/1h",
    "OTP_SENDS_PER_IP": f"{MOST_FROM_AN_ADDRESS}/1h",
    "OTP_MAX_CHECKS": str(MOST_CHECKS),
    "OTP_FAILED_CHECKS_PER_PHONE": "1000/1h",
}


def serving(
    twilio: Twilio, url: str, **more: str
) -> AbstractContextManager[ServerProcess]:
    """Serve them from two workers, on the Redis of *url*."""
    environ = server_process.production(url, twilio.url) | _RULES | more
    return server_process.running_server("--workers", "2", **environ)


@dataclass
class People:
    """Everybody who takes part; each has a phone, and every other one only guesses.

    Attributes:
        begun: How many have asked for a code.
        unserved: The requests that were 503 when it was over, and stayed so.
        replies: All that was answered, in no order.
    """

    twilio: Twilio
    phones: list[str] = field(default_factory=lambda: numbers(20_000))
    begun: int = 0
    unserved: list[Call] = field(default_factory=list)
    replies: list[Reply] = field(default_factory=list)
    _codes: dict[str, str] = field(default_factory=dict)
    _read: int = 0

    @contextmanager
    def at_it(
        self, port: int, *, clients: int = 8, pause: float = 0.02, many: int = 16
    ) -> Iterator[None]:
        """Let them come and go until the block ends, and begin it when many have."""
        enough = threading.Event()

        def come_and_go() -> None:
            self.replies += for_a_while(
                port, self._call, clients=clients, until=enough.is_set, pause=pause
            )

        thread = threading.Thread(target=come_and_go)
        thread.start()
        try:
            redis_server.wait_until(lambda: self.begun >= many, seconds=60)
            yield
        finally:
            enough.set()
            thread.join()

    def try_again(self, port: int) -> list[Reply]:
        """Let everybody ask once more: what is used up must stay so.

        Returns:
            The replies; those of 503 were asked again, and then counted as unserved.
        """
        calls = [call for person in range(self.begun) for call in self._all(person)]
        left = iter(range(len(calls), -1, -1))
        found = for_a_while(
            port, calls.__getitem__, clients=_FEW, until=lambda: not next(left, 0)
        )
        refused = [reply.call for reply in found if reply.status == 503]
        self.unserved = []
        turns = [self._insist(refused[n::_FEW]) for n in range(_FEW)]
        self.replies += found + play(port, turns, pause=_PAUSE)
        return found

    def _insist(self, calls: Sequence[Call]) -> Person:
        for call in calls:
            for _ in range(_TRIES):
                if (yield call).status != 503:
                    break
            else:
                self.unserved.append(call)

    def _call(self, n: int) -> Call:
        """Two sends together, a little later three guesses, and at last three more."""
        turn, step = divmod(n, 8)
        self.begun = max(self.begun, turn + 1)
        if step < 2:
            return self._send(turn)
        if step < 5:
            return self._guess(max(0, turn - _LATER))
        return self._last_word(max(0, turn - 2 * _LATER))

    def _all(self, person: int) -> list[Call]:
        guesses = [self._guess(person)] * 3
        return [self._send(person), *guesses, *[self._last_word(person)] * 2]

    def _send(self, person: int) -> Call:
        address = person // _AT_AN_ADDRESS
        by = f"198.51.{address // 256}.{address % 256}"
        return send(self.phones[person], client_ip=by)

    def _guess(self, person: int) -> Call:
        phone = self.phones[person]
        return check(phone, different_code(self._code(phone) or "123456"))

    def _last_word(self, person: int) -> Call:
        phone = self.phones[person]
        code = None if person % 2 else self._code(phone)
        return check(phone, code) if code else self._guess(person)

    def _code(self, phone: str) -> str | None:
        new = self.twilio.messages[self._read :]
        self._read += len(new)
        self._codes |= {m["To"]: extract_code(m["Body"]) for m in new}
        return self._codes.get(phone)

    def messages(self) -> list[str]:
        """Whom the messages went to; a trial's own phones are not counted."""
        ours = set(self.phones)
        return [m["To"] for m in list(self.twilio.messages) if m["To"] in ours]

    def messages_from_one_address(self) -> int:
        """Of all addresses, the most messages that people at one were sent."""
        place = {phone: n // _AT_AN_ADDRESS for n, phone in enumerate(self.phones)}
        return most(place[phone] for phone in self.messages())

    def messages_to_one_phone(self) -> int:
        return most(self.messages())

    def approvals_before(self, moment: float) -> int:
        """How many were told so before *moment*: what must not be forgotten."""
        return sum(r.approved and r.ended < moment for r in self.replies)

    def approvals_of_one_phone(self) -> int:
        return most(reply.call.phone for reply in self.replies if reply.approved)

    def guesses_at_one_phone(self) -> int:
        """Of all phones, the most guesses that were looked at."""
        looked_at = (r for r in self.replies if r.approved or r.wrong)
        return most(reply.call.phone for reply in looked_at)


def most(things: Iterable[object]) -> int:
    """How often the most frequent of them is there."""
    return max(Counter(things).values(), default=0)


def judge(trial: Trial, *crowds: People) -> None:
    """Hold all that happened against the promises, each crowd for itself."""
    for name, found, bound in (
        ("approvals of a verification", People.approvals_of_one_phone, 1),
        ("attempts counted", People.guesses_at_one_phone, MOST_CHECKS),
        ("messages to one phone", People.messages_to_one_phone, 1),
        (
            "messages from one address",
            People.messages_from_one_address,
            MOST_FROM_AN_ADDRESS,
        ),
    ):
        trial.at_most(name, max(map(found, crowds)), bound)
    replies = [reply for crowd in crowds for reply in crowd.replies]
    trial.at_most("500s and lost connections", strange(replies), 0)
    trial.tell("approvals, total", sum(reply.approved for reply in replies))
    trial.tell("answers, total", len(replies))


def strange(replies: Iterable[Reply]) -> int:
    """How many of the answers are none that the service ever gives on purpose."""
    return sum(reply.status not in {201, 404, 429, 503} for reply in replies)


def hold_over(trial: Trial, replies: Sequence[Reply], *crowds: People) -> None:
    """Require that it is over: each request is served, if not at once.

    A replica or a hash that is late by 100 ms, on a machine with other work, is a 503.
    """
    unserved = sum(len(crowd.unserved) for crowd in crowds)
    trial.at_most("requests that stay 503 after the fault", unserved, 0)
    refused = sum(reply.status == 503 for reply in replies)
    trial.tell("503s after the fault, at the first try", refused)


def wait_for_sends(served: ServerProcess, phones: Iterable[str]) -> None:
    """Try with one after the other, until so many in a row had met both workers.

    Each gets one message at most, and none shares an address.
    """
    left = enumerate(phones)

    def accepted() -> bool:
        n, phone = next(left)
        call = send(phone, client_ip=f"203.0.{n // 256}.{n % 256}")
        return all_at_once(served.port, [call])[0].status == 201

    redis_server.wait_until(lambda: all(accepted() for _ in range(8)), seconds=30)
