from __future__ import annotations

from datetime import timedelta

import pytest
from flask import Flask

from otp_engine.domain.models import SendResult
from otp_engine.web.session import VerifySession


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def session(clock):
    # The seconds are rounded for the client of a request.
    with Flask("test").test_request_context():
        yield VerifySession({}, clock)


def sent(length=6, *, expires_in=600, resend_after=30):
    return SendResult(
        verification_id=b"",
        send_id=b"",
        code_length=length,
        expires_in=timedelta(seconds=expires_in),
        resend_after=timedelta(seconds=resend_after),
    )


def test_wait_counts_down_to_zero(session, clock):
    session.code_sent("handle", sent())
    waits = []
    for seconds in (0, 29.5, 1, 100):
        clock.now += seconds
        waits.append(session.resend_after)

    assert waits == [30, 1, 0, 0]


def test_longest_wait_stays(session):
    session.code_sent("handle", sent())
    session.wait_for_resend(timedelta(seconds=595), 600)

    session.wait_for_resend(timedelta(seconds=55), 60)

    assert session.resend_after == 600


def test_same_wait_rounded_again_does_not_start_again(session, clock):
    session.code_sent("handle", sent(resend_after=25))
    clock.now += 13

    session.wait_for_resend(timedelta(seconds=12), 20)

    assert session.resend_after == 17


def test_send_replaces_the_wait(session):
    session.wait_for_resend(timedelta(minutes=10), 600)

    session.code_sent("handle", sent())

    assert session.resend_after == 30


def test_code_lengths_are_those_of_live_codes(session, clock):
    session.code_sent("handle", sent(8, expires_in=100))
    clock.now += 50
    session.code_sent("handle", sent(6, expires_in=100))
    lengths = [session.code_lengths]
    for seconds in (50, 50):
        clock.now += seconds
        lengths.append(session.code_lengths)

    assert lengths == [{6, 8}, {6}, set()]


def test_code_of_another_verification_has_its_own_length(session):
    session.code_sent("handle", sent(8))

    session.code_sent("other", sent(6))

    assert session.code_lengths == {6}


def test_verification_is_closed_when_every_code_has_expired(session, clock):
    session.code_sent("handle", sent(expires_in=100))
    before = session.closed

    clock.now += 100

    assert (before, session.closed) == (None, "verification_not_found")


def test_reason_stays_when_every_code_has_expired(session, clock):
    session.code_sent("handle", sent(expires_in=100))
    session.close("too_many_attempts")

    clock.now += 100

    assert session.closed == "too_many_attempts"


def test_send_opens_a_closed_verification(session):
    session.code_sent("handle", sent())
    session.close("too_many_attempts")

    session.code_sent("handle", sent())

    assert session.closed is None


def test_number_entered_again_keeps_the_state(session):
    session.code_sent("handle", sent(8))
    session.close("too_many_attempts")
    session.change_number()
    changed = (session.handle, session.previous)

    session.continue_previous()

    assert changed == (None, "handle")
    assert (session.handle, session.previous) == ("handle", None)
    assert (session.closed, session.code_lengths) == ("too_many_attempts", {8})


def test_session_of_an_earlier_release_is_open(clock):
    session = VerifySession({"handle": "handle", "resend_at": 1_010.0}, clock)

    assert (session.closed, session.code_lengths) == (None, set())
    assert session.resend_after == 10
