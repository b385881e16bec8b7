"""The answers that programs for Verify need, step by step.

Such a program shows the message of an error to the person, or matches on its number.
The settings are the default ones: a cooldown of 30 s for `/auth`, and every limit.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from tests.support.fakes import FakeSender, different_code
from tests.support.verify_client import ACCOUNT, SERVICE, TO, TOKEN, Response, Verify

VERIFICATIONS = f"/v2/Services/{SERVICE}/Verifications"
SENT = (201, "pending")
PENDING = (200, "pending")
APPROVED = (200, "approved")
CANCELED = (200, "canceled")
TOO_MANY_CHECKS = (429, 60202, "Max check attempts reached")
TOO_MANY_SENDS = (429, 60203, "Max send attempts reached")


def gone(path: str) -> tuple[int, int, str]:
    path = f"/v2/Services/{SERVICE}/{path}"
    return 404, 20404, f"The requested resource {path} was not found"


NOTHING_TO_CHECK = gone("VerificationCheck")
NO_VERIFICATION = gone("Verifications/+91**********")


def invalid(name: str) -> tuple[int, int, str]:
    return 400, 60200, f"Invalid parameter: {name}"


@dataclass
class Program:
    verify: Verify
    outbox: FakeSender

    def answer(self, step: str) -> tuple[Any, ...]:
        """Do one step; return the status with the state or the error of the answer."""
        response = STEPS[step](self)
        if "code" in response.body:
            return response.error
        return response.status, response.body["status"]

    def update(self, status: str) -> Response:
        return self.verify.post(f"{VERIFICATIONS}/{TO}", Status=status)


STEPS: dict[str, Callable[[Program], Response]] = {
    "send": lambda program: program.verify.send(),
    "send a custom code": lambda program: program.verify.send(CustomCode="AbC123"),
    "send in Chinese": lambda program: program.verify.send(Locale="zh-CN"),
    "send as it suits": lambda program: program.verify.send(Channel="auto"),
    "call": lambda program: program.verify.send(Channel="call"),
    "send nothing": lambda program: program.verify.post(VERIFICATIONS),
    "right": lambda program: program.verify.check(program.outbox.code),
    "right, first message": lambda program: program.verify.check(
        program.outbox.codes[0]
    ),
    "right, after a space": lambda program: program.verify.check(
        f" {program.outbox.code}"
    ),
    "right, never sent": lambda program: program.verify.check("123456"),
    "wrong": lambda program: program.verify.check(different_code(program.outbox.code)),
    "too short": lambda program: program.verify.check("12"),
    "no code": lambda program: program.verify.check(""),
    "fetch": lambda program: program.verify.get(f"{VERIFICATIONS}/{TO}"),
    "cancel": lambda program: program.update("canceled"),
    "approve": lambda program: program.update("approved"),
}

PROGRAMS = {
    "backend with two endpoints": [
        ("send", SENT),
        ("send", SENT),
        ("wrong", PENDING),
        ("too short", invalid("Code")),
        ("no code", invalid("Code")),
        ("right", APPROVED),
        ("right", NOTHING_TO_CHECK),
        ("send", SENT),
    ],
    "backend, five wrong codes": [
        ("send", SENT),
        *[("wrong", PENDING)] * 5,
        ("right", TOO_MANY_CHECKS),
        ("send", TOO_MANY_CHECKS),
    ],
    "quickstart, page for the code is loaded again": [
        ("send", SENT),
        ("send", SENT),
        ("wrong", PENDING),
        ("right", APPROVED),
        ("right", NOTHING_TO_CHECK),
    ],
    "retry template, first message arrives late": [
        ("send", SENT),
        ("send", SENT),
        ("right, first message", APPROVED),
    ],
    "template that reads the verification first": [
        ("fetch", NO_VERIFICATION),
        ("send", SENT),
        ("fetch", PENDING),
        ("right", APPROVED),
        ("fetch", NO_VERIFICATION),
    ],
    "two-factor plugin, canceled and started again": [
        ("send", SENT),
        ("cancel", CANCELED),
        ("right", NOTHING_TO_CHECK),
        ("send", SENT),
        ("right, after a space", APPROVED),
    ],
    "two-factor plugin, six wrong codes": [
        ("send", SENT),
        *[("wrong", PENDING)] * 5,
        ("wrong", TOO_MANY_CHECKS),
        ("send", TOO_MANY_CHECKS),
    ],
    "login in two browsers": [
        ("send", SENT),
        ("send", SENT),
        ("right", APPROVED),
    ],
    "template with a menu of languages and channels": [
        ("send in Chinese", SENT),
        ("call", (400, 60223, "Delivery channel disabled: CALL")),
        ("send as it suits", SENT),
        ("right", APPROVED),
    ],
    "form without a number": [
        ("send nothing", invalid("To")),
        ("right, never sent", NOTHING_TO_CHECK),
    ],
    "button that sends too often": [
        *[("send", SENT)] * 5,
        ("send", TOO_MANY_SENDS),
        ("right, first message", APPROVED),
    ],
    "login with codes of its own": [
        ("send a custom code", SENT),
        ("send a custom code", SENT),
        ("approve", APPROVED),
        ("fetch", NO_VERIFICATION),
    ],
}


@pytest.mark.parametrize("steps", PROGRAMS.values(), ids=PROGRAMS)
def test_program_gets_the_answer_that_it_needs_in_each_step(app_with, outbox, steps):
    app = app_with(
        OTP_API_KEYS=f"{ACCOUNT}:{TOKEN}",
        OTP_RESEND_COOLDOWN="30s",
        OTP_SERVICE_CUSTOM_CODE="1",
    )
    program = Program(Verify(app.test_client()), outbox)

    answers = [(step, program.answer(step)) for step, _ in steps]

    assert answers == steps
