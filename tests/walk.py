"""Measure the walk of a request: `make walk`, or `python -m tests.walk`.

The walk of a request is its calls of functions of `otp_engine`. The program prints
their number, the number of files that contain these functions, the greatest depth of
the stack, and how often the next call is in another file. The last column counts the
values that the pepper or the data key pseudonymized, by kind.
`python -m tests.walk calls` also prints the calls in order.

`sys.setprofile` counts calls in the thread of the request. The provider runs in a
pool, and adds nothing. A resumed generator or context manager is a call. A
comprehension, a generator expression or a lambda is part of its function, and no call.

Each request runs several times over Flask's test client and the embedded store. The
shortest walk is printed, because once a second a request also reads the policy version
from Redis.
"""

from __future__ import annotations

import base64
import logging
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import pairwise
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import pyotp
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

import otp_engine
from otp_engine import config
from otp_engine.app import create_app
from otp_engine.crypto.pepper import Pepper
from otp_engine.store.connection import connect
from otp_engine.store.redis_store import RedisStore
from tests.support.fakes import (
    FakeSender,
    by_name,
    different_code,
)

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
    """The calls of functions of `otp_engine` in one request.

    Attributes:
        calls: The called functions in order, as `FILE:NAME`.
        depth: The most of them that were on the stack at once.
        pseudonyms: How often each value was pseudonymized, by kind and value.
    """

    calls: list[str] = field(default_factory=list)
    depth: int = 0
    pseudonyms: Counter[tuple[str, str]] = field(default_factory=Counter)

    @property
    def files(self) -> list[str]:
        """The file of each call."""
        return [call.partition(":")[0] for call in self.calls]

    @property
    def switches(self) -> int:
        """How often a call is in another file than the call before it."""
        return sum(file != next_file for file, next_file in pairwise(self.files))

    def __str__(self) -> str:
        kinds = Counter(kind for kind, _ in self.pseudonyms.elements())
        counts = ", ".join(f"{kind} {count}" for kind, count in sorted(kinds.items()))
        return (
            f"{len(self.calls)} calls, {len(set(self.files))} files,"
            f" depth {self.depth}, {self.switches} switches; pseudonyms: {counts}"
        )


def walk(request: Callable[[], object]) -> Walk:
    """Measure the walk of *request* in this thread."""
    measured = Walk()

    def profile(frame: FrameType, event: str, _value: Any) -> None:
        if event != "call" or (name := _name(frame.f_code)) is None:
            return
        measured.calls.append(name)
        measured.depth = max(measured.depth, _depth(frame))
        if frame.f_code is Pepper.pseudonymize.__code__:
            kind, value = frame.f_locals["kind"], frame.f_locals["value"]
            measured.pseudonyms[kind, value] += 1

    sys.setprofile(profile)
    try:
        request()
    finally:
        sys.setprofile(None)
    return measured


@cache
def _name(code: CodeType) -> str | None:
    path = Path(code.co_filename)
    # Flask calls `ensure_sync` before each hook; it returns its argument.
    if (
        code.co_name.startswith("<")
        or code.co_name == "ensure_sync"
        or not path.is_relative_to(ROOT)
    ):
        return None
    return f"{path.relative_to(ROOT)}:{code.co_qualname}"


def _depth(frame: FrameType | None) -> int:
    depth = 0
    while frame is not None:
        depth += _name(frame.f_code) is not None
        frame = frame.f_back
    return depth


class Service:
    """An app on the embedded store, and the requests that are measured."""

    def __init__(self) -> None:
        self.outbox = FakeSender()
        store = RedisStore(connect(None, timedelta(seconds=5)))
        self._auth = self._client(store, SETTINGS)
        with_key = SETTINGS | {"OTP_API_KEYS": f"{ACCOUNT}:{TOKEN}"}
        self._v2 = self._client(store, with_key)
        secret = base64.b64encode(f"{ACCOUNT}:{TOKEN}".encode()).decode()
        self._headers = {"Authorization": f"Basic {secret}"}
        self._numbers = 0
        self._identity: dict[str, str] = {}
        self.number = ""

    def _client(self, store: RedisStore, settings: dict[str, str]) -> FlaskClient:
        app = create_app(
            config.load(settings), store=store, senders=by_name(self.outbox)
        )
        return app.test_client()

    def new_number(self) -> None:
        """Change to a number without a verification."""
        self._numbers += 1
        # Each has a block of its own, so that the pumping guard lets its messages pass.
        self.number = f"+919445{self._numbers:02}0001"

    def send_otp(self) -> TestResponse:
        return self._auth.post("/auth/send_otp", json={"phone": self.number})

    def verify_otp(self, code: str) -> TestResponse:
        body = {"phone": self.number, "otp": code}
        return self._auth.post("/auth/verify_otp", json=body)

    def activate_app(self) -> None:
        """Activate an authenticator app of another identity."""
        self._identity = {"identity": f"identity-{self._numbers}"}
        enrolled = self._auth.post("/auth/totp/enroll", json=self._identity).json
        assert enrolled
        self._app = pyotp.TOTP(enrolled["secret"])
        # The code of the step before, so that the one of now can be checked afterwards.
        response = self._auth.post(
            "/auth/totp/activate", json=self._identity | {"otp": self._code(-1)}
        )
        assert response.json == {"VerificationStatus": "approved"}

    def verify_totp(self) -> TestResponse:
        body = self._identity | {"otp": self._code(1)}
        return self._auth.post("/auth/totp/verify", json=body)

    def _code(self, offset: int) -> str:
        return self._app.at(datetime.now(UTC), counter_offset=offset)

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
    """Measure each request, with a number of its own.

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
        "POST /auth/totp/verify, right": (
            service.activate_app,
            service.verify_totp,
            201,
        ),
        "POST /v2 Verifications": (nothing, service.create, 201),
        "POST /v2 VerificationCheck": (
            service.create,
            lambda: service.verification_check(right()),
            200,
        ),
    }
    return {name: _shortest_walk(service, *steps) for name, steps in requests.items()}


def _shortest_walk(
    service: Service,
    prepare: Callable[[], object],
    request: Callable[[], TestResponse],
    status: int,
) -> Walk:
    measured = []
    for _ in range(RUNS):
        service.new_number()
        prepare()
        responses: list[TestResponse] = []
        measured.append(walk(lambda: responses.append(request())))  # noqa: B023 - called at once
        assert responses[0].status_code == status, responses[0].get_data()
    return min(measured, key=lambda each: len(each.calls))


def main() -> None:
    logging.disable()
    for name, measured in walks().items():
        print(f"{name}: {measured}")
        if "calls" in sys.argv:
            for call in measured.calls:
                print(f"    {call}")


if __name__ == "__main__":
    main()
