"""Killed processes, lost replies and two instances, for authenticator apps."""

from __future__ import annotations

import base64
import hashlib
import os
import secrets
import signal
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from http.client import HTTPException
from typing import Any

import pytest

from otp_engine.store.lua_scripts import ALLOW_OOM_FLAG, load
from tests.e2e.conftest import FAST_HASHES
from tests.fault_injection import fault_proxy, rolling_pair
from tests.fault_injection.fault_proxy import Loss
from tests.fault_injection.load import KEY, Call, run_in_parallel
from tests.fault_injection.rolling_pair import Pair
from tests.support import redis_server, server_process
from tests.support.authenticator_app import AuthenticatorApp

APPROVED = {"VerificationStatus": "approved"}
PENDING = {"VerificationStatus": "pending"}
ENROLL, ACTIVATE, VERIFY = (
    f"/auth/totp/{name}" for name in ("enroll", "activate", "verify")
)
BUDGET = 10  # of failed checks an hour, the default
THREADS = 100
API_KEY = "shop-secret-0123456789"


def random_key():
    return base64.b64encode(secrets.token_bytes(32)).decode()


@pytest.fixture
def own_redis(tmp_path):
    """Run a Redis with the options of `docker-compose.yml`."""
    options = redis_server.options_of_compose()
    with redis_server.restartable_redis(tmp_path, *options) as server:
        yield server


@pytest.fixture
def environ(own_redis, twilio):
    environ = server_process.production(own_redis.url, twilio.url) | FAST_HASHES
    return environ | {
        "OTP_FACTOR_KEY": random_key(),
        "OTP_CHECKS_PER_KEY": "off",
    }


@pytest.fixture
def served(environ):
    with server_process.running_server("--workers", "1", **environ) as served:
        load_scripts(served)
        yield served


@pytest.fixture
def proxy(own_redis):
    """Run a proxy of the Redis, which loses replies."""
    with fault_proxy.to(own_redis.port) as proxy:
        yield proxy


@dataclass
class Person:
    """A person with an active authenticator app."""

    identity: str
    app: AuthenticatorApp
    recovery_codes: list[str]

    def body(self, *, recovers=False):
        """Return a right check: with the code of the next time step."""
        if recovers:
            return {"identity": self.identity, "recovery_code": self.recovery_codes[0]}
        return {"identity": self.identity, "otp": self.app.code(1)}

    def wrong_body(self, *, recovers=False):
        """Return a check with a wrong code."""
        if recovers:
            return {"identity": self.identity, "recovery_code": "00000-00000"}
        return {"identity": self.identity, "otp": self.app.wrong_code()}


def post(served, path, body):
    return served.post(path, body, **KEY)


def enroll(served, identity="person-0001"):
    """Enroll a person, and activate the app with the code of this time step."""
    enrolled = post(served, ENROLL, {"identity": identity}).body
    app = AuthenticatorApp(enrolled["uri"])
    activated = post(served, ACTIVATE, {"identity": identity, "otp": app.code()})
    assert activated.body == APPROVED
    return Person(identity, app, enrolled["recovery_codes"])


def load_scripts(served):
    """Have Redis load every script, so that it executes each at its first call."""
    person = enroll(served, "person-0000")
    assert post(served, VERIFY, person.body(recovers=True)).body == APPROVED


def attempts_left(response):
    return int(response.headers["otp-attempts-left"])


def digests(name):
    """Return the digests of the script, for Redis 6.2 and for Redis 7."""
    return [
        hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest().encode()
        for text in (ALLOW_OOM_FLAG + load(name), load(name))
    ]


def through(environ, proxy):
    return environ | {"REDIS_URL": f"redis://127.0.0.1:{proxy.port}"}


@pytest.mark.parametrize("recovers", [False, True], ids=["totp", "recovery_code"])
def test_one_code_at_two_instances_is_approved_once(environ, recovers):
    environ |= {"OTP_FAILED_CHECKS_PER_FACTOR": "1000/1h"}
    with (
        server_process.running_server("--workers", "2", **environ) as first,
        server_process.running_server("--workers", "2", **environ) as second,
    ):
        body = enroll(first).body(recovers=recovers)
        ports = [first.port, second.port] * (THREADS // 2)
        replies = run_in_parallel(
            first.port, [Call(VERIFY, body, port) for port in ports]
        )

    bodies = [reply.body for reply in replies if reply.status == 201]
    assert bodies.count(APPROVED) == 1
    assert bodies.count(PENDING) == len(bodies) - 1


def kill_instance_after(script, body, served, proxy):
    """Kill an instance after Redis has executed *script* of a check."""
    proxy.lose_replies(digests(script), Loss.SILENCE, times=THREADS)
    with ThreadPoolExecutor(1) as threads:

        def check():
            with suppress(OSError, HTTPException):
                return post(served, VERIFY, body).body

        checking = threads.submit(check)
        redis_server.wait_until(lambda: proxy.lost_replies > 0)
        # The parent too, which would start another worker.
        for process in (served.process.pid, *served.workers):
            os.kill(process, signal.SIGKILL)
        answer = checking.result()
    # On a busy machine it is killed after it has answered 503.
    assert answer not in (APPROVED, PENDING)


@pytest.mark.parametrize("recovers", [False, True], ids=["totp", "recovery_code"])
def test_instance_that_is_killed_before_the_acceptance_leaves_a_failed_check(
    served, environ, proxy, recovers
):
    script = "reserve_recovery_check" if recovers else "reserve_factor_check"
    person = enroll(served)
    killed = through(environ, proxy)
    with server_process.running_server("--workers", "1", **killed) as victim:
        kill_instance_after(script, person.body(recovers=recovers), victim, proxy)

    wrong = post(served, VERIFY, person.wrong_body(recovers=recovers))
    right = post(served, VERIFY, person.body(recovers=recovers))

    assert attempts_left(wrong) == BUDGET - 2
    assert right.body == APPROVED


@pytest.mark.parametrize("recovers", [False, True], ids=["totp", "recovery_code"])
def test_code_of_an_instance_that_is_killed_after_the_acceptance_is_used(
    served, environ, proxy, recovers
):
    script = "use_recovery_code" if recovers else "accept_factor_step"
    person = enroll(served)
    body, killed = person.body(recovers=recovers), through(environ, proxy)
    with server_process.running_server("--workers", "1", **killed) as victim:
        kill_instance_after(script, body, victim, proxy)

    again = post(served, VERIFY, body)

    assert again.body == PENDING
    # The acceptance has cleared the failed checks before this one.
    assert attempts_left(again) == BUDGET - 1


@pytest.mark.parametrize("loss", list(Loss), ids=lambda loss: loss.name.lower())
def test_lost_reply_of_redis_changes_no_answer(environ, proxy, loss):
    scripts = ["acquire_hits", "put_factor", "reserve_factor_check"]
    scripts += ["accept_factor_step", "reserve_recovery_check", "use_recovery_code"]
    with server_process.running_server(
        "--workers", "1", **through(environ, proxy)
    ) as served:
        load_scripts(served)
        for number, script in enumerate(scripts, 1):
            proxy.lose_replies(digests(script), loss)
            person = enroll(served, f"person-000{number}")
            answers = [
                post(served, VERIFY, body(recovers=recovers))
                for recovers in (False, True)
                for body in (person.wrong_body, person.body)
            ]

            assert proxy.lost_replies == number
            assert [each.body for each in answers] == [PENDING, APPROVED] * 2
            lefts = [attempts_left(each) for each in answers[::2]]
            assert lefts == [BUDGET - 1] * 2
            assert answers[-1].headers["otp-recovery-codes-left"] == "9"


def test_redis_that_is_killed_keeps_used_codes_and_failed_checks(served, own_redis):
    person = enroll(served)
    bodies = [person.body(), person.body(recovers=True)]
    assert [post(served, VERIFY, body).body for body in bodies] == [APPROVED] * 2
    assert attempts_left(post(served, VERIFY, person.wrong_body())) == BUDGET - 1

    own_redis.kill()
    down = post(served, VERIFY, bodies[0])
    own_redis.start()
    redis_server.wait_until(lambda: served.get("/readyz").status == 200)
    again = [post(served, VERIFY, body) for body in bodies]

    assert (down.status, down.headers["retry-after"]) == (503, "1")
    assert [each.body for each in again] == [PENDING] * 2
    assert attempts_left(again[0]) == BUDGET - 2


@dataclass
class Rotation:
    """People with authenticator apps during a rotation.

    Attributes:
        pair: The two instances.
        answers: The answers to all activations and right checks.
        first: The person who enrolled before the rotation.
        people: Number of people.
    """

    pair: Pair
    answers: list[Any] = field(default_factory=list)
    first: Person | None = None
    people: int = 0

    def run(self, instance):
        """Enroll a person at one instance, and check codes of both at the other."""
        self.people += 1
        identity = f"person-{self.people:04}"
        enrolled = self.pair.request(ENROLL, {"identity": identity}, instance).json
        person = Person(
            identity, AuthenticatorApp(enrolled["uri"]), enrolled["recovery_codes"]
        )
        self.first = self.first or person
        activation = {"identity": identity, "otp": person.app.code()}
        self.check(ACTIVATE, activation, 1 - instance)
        self.check(VERIFY, person.body(), instance)
        self.check(VERIFY, self.first.body(recovers=True), 1 - instance)
        self.first.recovery_codes.pop(0)

    def check(self, path, body, instance):
        self.answers.append(self.pair.request(path, body, instance).json)

    def restart_each(self, environ):
        """Restart one instance after the other, with people between the steps."""
        for number, instance in enumerate(self.pair.instances):
            instance.stop()
            self.run(number)
            instance.start(environ)
            self.run(number)


def test_rotation_of_the_factor_key_and_the_pepper_rejects_no_code(environ, twilio):
    old, new = environ["OTP_FACTOR_KEY"], random_key()
    old_pepper, new_pepper = environ["OTP_PEPPER"], random_key()
    added = environ | {
        "OTP_FACTOR_KEY": new,
        "OTP_FACTOR_KEY_PREVIOUS": old,
        "OTP_PEPPER_PREVIOUS": new_pepper,
    }
    removed = environ | {
        "OTP_FACTOR_KEY": new,
        "OTP_PEPPER": new_pepper,
        "OTP_PEPPER_PREVIOUS": old_pepper,
    }
    with rolling_pair.running_pair(
        twilio, environ, workers=1, secrets=[API_KEY]
    ) as pair:
        rotation = Rotation(pair)
        rotation.run(0)
        rotation.restart_each(added)
        rotated = server_process.run("factors", "rotate-key", **added)
        rotation.run(1)
        rotation.restart_each(removed)

    assert rotated.returncode == 0, rotated.stderr
    assert rotation.people == 10
    assert rotation.answers == [APPROVED] * 30
    assert pair.statuses.keys() == {201}
