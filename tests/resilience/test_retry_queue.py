from __future__ import annotations

from collections import Counter
from queue import SimpleQueue
from threading import Barrier, Event

import pytest

from otp_engine.resilience.retry_queue import RetryQueue

WAIT = 30


def test_failed_item_is_repeated_until_it_succeeds():
    attempts: SimpleQueue[bool] = SimpleQueue()
    counts: Counter[str] = Counter()

    def work(item, is_last):
        counts[item] += 1
        attempts.put(is_last)
        return counts[item] < 3

    queue = RetryQueue(work, name="tests", intervals=(0.0, 0.0, 0.0))

    queue.add("key", "item")
    queue.add("other", "end")

    seen = [attempts.get(timeout=WAIT) for _ in range(6)]
    assert seen == [False] * 6
    assert counts == {"item": 3, "end": 3}


def test_last_attempt_is_named_and_not_repeated():
    attempts: SimpleQueue[tuple[str, bool]] = SimpleQueue()

    def work(item, is_last):
        attempts.put((item, is_last))
        return item == "bad"

    queue = RetryQueue(work, name="tests", intervals=(0.0,))

    queue.add("key", "bad")
    first = [attempts.get(timeout=WAIT) for _ in range(2)]
    queue.add("key", "good")

    assert first == [("bad", False), ("bad", True)]
    assert attempts.get(timeout=WAIT) == ("good", False)


def test_second_attempt_waits_for_its_interval():
    attempts: SimpleQueue[str] = SimpleQueue()

    def work(item, _is_last):
        attempts.put(item)
        return item == "bad"

    queue = RetryQueue(work, name="tests", intervals=(3_600.0,))

    queue.add("key", "bad")
    queue.add("key", "good")

    assert [attempts.get(timeout=WAIT) for _ in range(2)] == ["bad", "good"]
    assert attempts.empty()


def test_error_is_logged_by_its_type_and_ends_the_attempts(caplog):
    done: SimpleQueue[str] = SimpleQueue()

    def work(item, _is_last):
        done.put(item)
        if item == "bad":
            raise ValueError("secret")
        return False

    queue = RetryQueue(work, name="tests", intervals=(0.0,))

    queue.add("key", "bad")
    queue.add("key", "good")

    assert [done.get(timeout=WAIT) for _ in range(2)] == ["bad", "good"]
    assert "tests: ValueError" in caplog.text
    assert "secret" not in caplog.text


def test_items_of_several_keys_are_worked_on_at_once():
    barrier = Barrier(3, timeout=WAIT)
    done: SimpleQueue[str] = SimpleQueue()

    def work(item, _is_last):
        barrier.wait()
        done.put(item)
        return False

    queue = RetryQueue(work, name="tests", intervals=())

    for key in ("a", "b", "c"):
        queue.add(key, key)

    assert {done.get(timeout=WAIT) for _ in range(3)} == {"a", "b", "c"}


def test_key_that_hangs_holds_one_thread():
    let_go = Event()
    done: SimpleQueue[str] = SimpleQueue()

    def work(item, _is_last):
        if item == "slow":
            let_go.wait(WAIT)
        else:
            done.put(item)
        return False

    queue = RetryQueue(work, name="tests", intervals=(), max_threads=2)
    for _ in range(5):
        queue.add("slow", "slow")

    for number in range(5):
        queue.add("fast", str(number))

    assert [done.get(timeout=WAIT) for _ in range(5)] == list("01234")
    let_go.set()


@pytest.mark.parametrize(
    ("limits", "key"),
    [({"max_waiting": 2}, "other"), ({"max_waiting_of_key": 2}, "slow")],
)
def test_full_queue_drops_item(limits, key):
    let_go, started = Event(), Event()

    def work(_item, _is_last):
        started.set()
        let_go.wait(WAIT)
        return False

    queue = RetryQueue(work, name="tests", intervals=(), **limits)
    queue.add("slow", "first")
    started.wait(WAIT)
    rooms = [queue.add("slow", "next") for _ in range(2)]

    has_room = queue.add(key, "last")
    let_go.set()

    assert rooms == [True, True]
    assert not has_room


def test_other_keys_have_room_while_one_is_full():
    let_go, started = Event(), Event()
    done: SimpleQueue[str] = SimpleQueue()

    def work(item, _is_last):
        started.set()
        if item == "slow":
            let_go.wait(WAIT)
        done.put(item)
        return False

    queue = RetryQueue(work, name="tests", intervals=(), max_waiting_of_key=1)
    queue.add("slow", "slow")
    started.wait(WAIT)
    queue.add("slow", "slow")

    has_room = queue.add("other", "other")

    assert has_room
    assert done.get(timeout=WAIT) == "other"
    let_go.set()
