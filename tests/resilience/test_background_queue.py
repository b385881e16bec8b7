from __future__ import annotations

from queue import SimpleQueue
from threading import Event

from otp_engine.resilience.background_queue import BackgroundQueue

WAIT = 30


def test_items_are_passed_in_order():
    done: SimpleQueue[int] = SimpleQueue()
    queue = BackgroundQueue(done.put, name="tests")

    for number in range(3):
        queue.add(number)

    assert [done.get(timeout=WAIT) for _ in range(3)] == [0, 1, 2]


def test_error_is_logged_by_its_type_and_next_item_follows(caplog):
    done: SimpleQueue[str] = SimpleQueue()

    def work(item):
        if item == "bad":
            raise ValueError("secret")
        done.put(item)

    queue = BackgroundQueue(work, name="tests")
    queue.add("bad")
    queue.add("good")

    assert done.get(timeout=WAIT) == "good"
    assert "tests: ValueError" in caplog.text
    assert "secret" not in caplog.text


def test_full_queue_drops_item():
    let_go, started = Event(), Event()

    def work(_item):
        started.set()
        let_go.wait(WAIT)

    queue = BackgroundQueue(work, name="tests", max_queued=1)
    queue.add(1)
    started.wait(WAIT)
    queue.add(2)

    has_room = queue.add(3)
    let_go.set()

    assert not has_room
