"""Print how far one request walks: `make walk`, or `python -m tests.walk`.

For each request it prints the calls of functions of `otp_engine`, the files that these
functions are in, the deepest stack of them, and how often the next call is in another
file. The last column counts the values that the pepper pseudonymized, by their kind.
`python -m tests.walk calls` also prints each request's calls in order.

It counts with `sys.setprofile` in the thread of the request, so Argon2 and the
provider, which run in pools, add nothing. A resumed generator or context manager is a
call. Comprehensions, generator expressions and lambdas are part of the function that
contains them, and count nothing. Each request runs several times over Flask's test
client and the embedded store, and the shortest walk is printed: once a second a request
also asks Redis for a new version of the policy.
"""

from __future__ import annotations

import base64
import logging
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache
from itertools import pairwise
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

import otp_engine
from otp_engine import config
from otp_engine.app import create_app
from otp_engine.crypto.pepper import Pepper
from otp_engine.store.connection import connect
from otp_engine.store.redis_store import RedisStore
from tests.support.fakes import FakeSender, different_code

ROOT = Path(otp_engine.__file__).parent
ACCOUNT, TOKEN = f"AC{'a' * 32}", "the-token-of-this-account"
SERVICE = f"VA{'0' * 32}"
SETTINGS = {
    "OTP_DEV": "1",
    "OTP_ARGON2": "test",
    "OTP_RESEND_COOLDOWN": "0s",
    "OTP_SENDERS": "console",
}
RUNS = 6


@dataclass
class Walk:
    """What the functions of `otp_engine` did in one request.

    Attributes:
        calls: The functions that were called, in order, as `FILE:NAME`.
        deepest: The most of them that were on the stack at once.
        digests: How often each value was hashed, by its label and itself.
    """

    calls: list[str] = field(default_factory=list)
    deepest: int = 0
    digests: Counter[tuple[str, str]] = field(default_factory=Counter)

    @property
    def files(self) -> list[str]:
        """The file of each call."""
        return [call.partition(":")[0] for call in self.calls]

    @property
    def switches(self) -> int:
        """How often a call is in another file than the one before it."""
        files = self.files
        return sum(one != other for one, other in pairwise(files))

    def __str__(self) -> str:
        kinds = Counter(kind for kind, _ in self.digests.elements())
        hashed = ", ".join(f"{kind} {count}" for kind, count in sorted(kinds.items()))
        return (
            f"{len(self.calls)} calls, {len(set(self.files))} files,"
            f" deepest {self.deepest}, {self.switches} switches; digests: {hashed}"
        )


def walk(request: Callable[[], object]) -> Walk:
    """Measure *request*.

    Returns:
        Its calls, without those of other threads.
    """
    taken = Walk()

    def profile(frame: FrameType, event: str, _value: Any) -> None:
        if event != "call" or (name := _name(frame.f_code)) is None:
            return
        taken.calls.append(name)
        taken.deepest = max(taken.deepest, _depth(frame))
        if frame.f_code is Pepper.pseudonymize.__code__:
            kind, value = frame.f_locals["kind"], frame.f_locals["value"]
            taken.digests[kind, value] += 1

    sys.setprofile(profile)
    try:
        request()
    finally:
        sys.setprofile(None)
    return taken


@cache
def _name(code: CodeType) -> str | None:
    path = Path(code.co_filename)
    if code.co_name.startswith("<") or not path.is_relative_to(ROOT):
        return None
    return f"{path.relative_to(ROOT)}:{code.co_qualname}"


def _depth(frame: FrameType | None) -> int:
    depth = 0
    while frame is not None:
        depth += _name(frame.f_code) is not None
        frame = frame.f_back
    return depth


class Service:
    """An app over the embedded store, and the requests that are measured."""

    def __init__(self) -> None:
        self.outbox = FakeSender()
        store = RedisStore(connect(None, timedelta(seconds=5)))
        self._auth = self._client(store, SETTINGS)
        with_key = SETTINGS | {"OTP_API_KEYS": f"{ACCOUNT}:{TOKEN}"}
        self._v2 = self._client(store, with_key)
        secret = base64.b64encode(f"{ACCOUNT}:{TOKEN}".encode()).decode()
        self._headers = {"Authorization": f"Basic {secret}"}
        self._sent = 0
        self.number = ""

    def _client(self, store: RedisStore, settings: dict[str, str]) -> FlaskClient:
        app = create_app(config.load(settings), store=store, sender=self.outbox)
        return app.test_client()

    def new_number(self) -> None:
        """Change to a number that has no verification."""
        self._sent += 1
        self.number = f"+9194450{self._sent:05}"

    def send_otp(self) -> TestResponse:
        return self._auth.post("/auth/send_otp", json={"phone": self.number})

    def verify_otp(self, code: str) -> TestResponse:
        body = {"phone": self.number, "otp": code}
        return self._auth.post("/auth/verify_otp", json=body)

    def create(self) -> TestResponse:
        return self._v2.post(
            f"/v2/Services/{SERVICE}/Verifications",
            data={"To": self.number, "Channel": "sms"},
            headers=self._headers,
        )

    def verification_check(self, code: str) -> TestResponse:
        return self._v2.post(
            f"/v2/Services/{SERVICE}/VerificationCheck",
            data={"To": self.number, "Code": code},
            headers=self._headers,
        )


def walks() -> dict[str, Walk]:
    """Measure each request, warmed up, with a number of its own.

    Returns:
        The walks, by the name of the request.
    """
    service = Service()

    def wrong() -> str:
        return different_code(service.outbox.code)

    def right() -> str:
        return service.outbox.code

    nothing: Callable[[], object] = bool
    requests: dict[
        str, tuple[Callable[[], object], Callable[[], TestResponse], int]
    ] = {
        "POST /auth/send_otp": (nothing, service.send_otp, 201),
        "POST /auth/verify_otp, wrong": (
            service.send_otp,
            lambda: service.verify_otp(wrong()),
            201,
        ),
        "POST /auth/verify_otp, right": (
            service.send_otp,
            lambda: service.verify_otp(right()),
            201,
        ),
        "POST /v2 Verifications": (nothing, service.create, 201),
        "POST /v2 VerificationCheck": (
            service.create,
            lambda: service.verification_check(right()),
            200,
        ),
    }
    return {name: _measured(service, *steps) for name, steps in requests.items()}


def _measured(
    service: Service,
    prepare: Callable[[], object],
    request: Callable[[], TestResponse],
    status: int,
) -> Walk:
    taken = []
    for _ in range(RUNS):
        service.new_number()
        prepare()
        responses: list[TestResponse] = []
        taken.append(walk(lambda: responses.append(request())))  # noqa: B023 - called at once
        assert responses[0].status_code == status, responses[0].get_data()
    return min(taken, key=lambda one: len(one.calls))


def main() -> None:
    logging.disable()
    for name, taken in walks().items():
        print(f"{name}: {taken}")
        if "calls" in sys.argv:
            for call in taken.calls:
                print(f"    {call}")


if __name__ == "__main__":
    main()
