"""Simulated users, and the promises that hold for all of them."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field

from tests.fault_injection.load import (
    Call,
    Reply,
    User,
    check,
    numbers,
    run_clients,
    run_in_parallel,
    run_users,
    send,
)
from tests.fault_injection.report import Trial
from tests.support import redis_server, server_process
from tests.support.fakes import different_code, extract_code
from tests.support.server_process import ServerProcess
from tests.support.twilio_server import Twilio

MAX_CHECKS = 5
MAX_PER_ADDRESS = 20
_USERS_PER_ADDRESS = 24
# Number of users that start between the send, the wrong codes and the correct code.
_DELAY = 6
# A worker queues as many checks, so that it rejects none as overloaded.
_CLIENTS = 4
# Attempts of a client that is answered with 503, and seconds between them.
_TRIES, _PAUSE = 10, 0.2

# Phones that no simulated user has.
OTHERS = numbers(20_000, first=100_000)

_RULES = {
    "OTP_ARGON2": "m=64,t=1,p=1",
    "OTP_SENDS_TOTAL": "off",
    "OTP_CHECKS_PER_IP": "off",
    # With one message a phone has one verification, so counts by phone are counts by
    # verification.
    "OTP_SENDS_PER_PHONE": "1/1h",
    "OTP_SENDS_PER_IP": f"{MAX_PER_ADDRESS}/1h",
    "OTP_MAX_CHECKS": str(MAX_CHECKS),
    "OTP_FAILED_CHECKS_PER_PHONE": "1000/1h",
}


def running_service(
    twilio: Twilio, url: str, **more: str
) -> AbstractContextManager[ServerProcess]:
    """Run a service with two workers on the Redis of *url*."""
    environ = server_process.production(url, twilio.url) | _RULES | more
    return server_process.running_server("--workers", "2", **environ)


@dataclass
class Users:
    """Users with a phone each; every other one only checks wrong codes.

    Attributes:
        twilio: The provider that receives the messages.
        phones: The phone of each user.
        started: Number of users who have requested a code.
        unserved: The requests that stayed 503 after the fault.
        replies: All replies, in any order.
    """

    twilio: Twilio
    phones: list[str] = field(default_factory=lambda: numbers(20_000))
    started: int = 0
    unserved: list[Call] = field(default_factory=list)
    replies: list[Reply] = field(default_factory=list)
    _codes: dict[str, str] = field(default_factory=dict)
    _read: int = 0

    @contextmanager
    def running(
        self, port: int, *, clients: int = 8, pause: float = 0.02, minimum: int = 16
    ) -> Iterator[None]:
        """Run the users; enter the block when *minimum* of them have started."""
        stop = threading.Event()

        def run() -> None:
            self.replies += run_clients(
                port, self._call, clients=clients, until=stop.is_set, pause=pause
            )

        thread = threading.Thread(target=run)
        thread.start()
        try:
            redis_server.wait_until(lambda: self.started >= minimum, seconds=60)
            yield
        finally:
            stop.set()
            thread.join()

    def retry_all(self, port: int) -> list[Reply]:
        """Repeat the requests of every user: a used code must stay used.

        Returns:
            The first reply to each. Requests answered with 503 are repeated, and those
            that stay 503 are `unserved`.
        """
        calls = [call for user in range(self.started) for call in self._all(user)]
        left = iter(range(len(calls), -1, -1))
        first_replies = run_clients(
            port, calls.__getitem__, clients=_CLIENTS, until=lambda: not next(left, 0)
        )
        overloaded = [reply.call for reply in first_replies if reply.status == 503]
        self.unserved = []
        retries = [self._retry(overloaded[n::_CLIENTS]) for n in range(_CLIENTS)]
        self.replies += first_replies + run_users(port, retries, pause=_PAUSE)
        return first_replies

    def _retry(self, calls: Sequence[Call]) -> User:
        for call in calls:
            for _ in range(_TRIES):
                if (yield call).status != 503:
                    break
            else:
                self.unserved.append(call)

    def _call(self, n: int) -> Call:
        """Return request *n*: for each user two sends, then three and three checks."""
        turn, step = divmod(n, 8)
        self.started = max(self.started, turn + 1)
        if step < 2:
            return self._send(turn)
        if step < 5:
            return self._wrong_check(max(0, turn - _DELAY))
        return self._last_check(max(0, turn - 2 * _DELAY))

    def _all(self, user: int) -> list[Call]:
        checks = [self._wrong_check(user)] * 3
        return [self._send(user), *checks, *[self._last_check(user)] * 2]

    def _send(self, user: int) -> Call:
        address = user // _USERS_PER_ADDRESS
        by = f"198.51.{address // 256}.{address % 256}"
        return send(self.phones[user], client_ip=by)

    def _wrong_check(self, user: int) -> Call:
        phone = self.phones[user]
        return check(phone, different_code(self._code(phone) or "123456"))

    def _last_check(self, user: int) -> Call:
        phone = self.phones[user]
        code = None if user % 2 else self._code(phone)
        return check(phone, code) if code else self._wrong_check(user)

    def _code(self, phone: str) -> str | None:
        new = self.twilio.messages[self._read :]
        self._read += len(new)
        self._codes |= {m["To"]: extract_code(m["Body"]) for m in new}
        return self._codes.get(phone)

    def messages(self) -> list[str]:
        """Return the recipient of each message to a user."""
        ours = set(self.phones)
        return [m["To"] for m in list(self.twilio.messages) if m["To"] in ours]

    def messages_from_one_address(self) -> int:
        """Return the largest number of messages to the users of one address."""
        address = {
            phone: n // _USERS_PER_ADDRESS for n, phone in enumerate(self.phones)
        }
        return max_count(address[phone] for phone in self.messages())

    def messages_to_one_phone(self) -> int:
        return max_count(self.messages())

    def approvals_before(self, moment: float) -> int:
        """Return the number of approvals before *moment*, which survive a fault."""
        return sum(r.approved and r.ended < moment for r in self.replies)

    def approvals_of_one_phone(self) -> int:
        return max_count(reply.call.phone for reply in self.replies if reply.approved)

    def attempts_of_one_phone(self) -> int:
        """Return the largest number of counted checks of one phone."""
        compared = (r for r in self.replies if r.approved or r.failed_check)
        return max_count(reply.call.phone for reply in compared)


def max_count(values: Iterable[object]) -> int:
    """Return the count of the most frequent value."""
    return max(Counter(values).values(), default=0)


def check_promises(trial: Trial, *groups: Users) -> None:
    """Compare the counts of each group of users with the promises."""
    for name, count, bound in (
        ("approvals of a verification", Users.approvals_of_one_phone, 1),
        ("attempts counted", Users.attempts_of_one_phone, MAX_CHECKS),
        ("messages to one phone", Users.messages_to_one_phone, 1),
        (
            "messages from one address",
            Users.messages_from_one_address,
            MAX_PER_ADDRESS,
        ),
    ):
        trial.at_most(name, max(map(count, groups)), bound)
    replies = [reply for users in groups for reply in users.replies]
    trial.at_most("500s and lost connections", count_unexpected(replies), 0)
    trial.record("approvals, total", sum(reply.approved for reply in replies))
    trial.record("answers, total", len(replies))


def count_unexpected(replies: Iterable[Reply]) -> int:
    """Return the number of replies with a status that the contract does not have."""
    return sum(reply.status not in {201, 404, 429, 503} for reply in replies)


def require_recovery(trial: Trial, replies: Sequence[Reply], *groups: Users) -> None:
    """Require that each request is served after the fault, at the latest by a retry.

    On a busy machine, a replica or a hash that is late by 100 ms causes a 503.
    """
    unserved = sum(len(users.unserved) for users in groups)
    trial.at_most("requests that stay 503 after the fault", unserved, 0)
    overloaded = sum(reply.status == 503 for reply in replies)
    trial.record("503s after the fault, at the first try", overloaded)


def wait_for_sends(served: ServerProcess, phones: Iterable[str]) -> None:
    """Send to one phone after the other, until eight sends in a row are accepted.

    So many reach both workers. Each phone has an address of its own.
    """
    left = enumerate(phones)

    def accepted() -> bool:
        n, phone = next(left)
        call = send(phone, client_ip=f"203.0.{n // 256}.{n % 256}")
        return run_in_parallel(served.port, [call])[0].status == 201

    redis_server.wait_until(lambda: all(accepted() for _ in range(8)), seconds=30)
