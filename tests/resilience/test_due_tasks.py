from __future__ import annotations

from contextlib import suppress
from queue import Empty, SimpleQueue
from threading import Event, Lock
from time import monotonic

import pytest

from otp_engine.resilience.due_tasks import DueTasks

NEVER = 3_600.0
WAIT = 30


class Tasks:
    """Stored tasks, and what became of them."""

    def __init__(self):
        self.stored: SimpleQueue[str] = SimpleQueue()
        self.ran: SimpleQueue[str] = SimpleQueue()
        self.claims: SimpleQueue[int] = SimpleQueue()
        self.lock = Lock()
        self.error = None
        self.not_before = 0.0

    def add(self, *names):
        for name in names:
            self.stored.put(name)

    def claim(self, count):
        self.claims.put(count)
        if self.error:
            error, self.error = self.error, None
            raise error
        if monotonic() < self.not_before:
            return []
        claimed: list[str] = []
        with suppress(Empty):
            while len(claimed) < count:
                claimed.append(self.stored.get_nowait())
        return claimed


@pytest.fixture
def tasks():
    return Tasks()


@pytest.fixture
def start(tasks):
    started = []

    def start(run=None, **options):
        options = {"idle_interval": NEVER} | options
        due = DueTasks(tasks.claim, run or tasks.ran.put, name="tests", **options)
        started.append(due)
        due.start()
        return due

    yield start
    for due in started:
        assert due.stop(WAIT)


def test_due_task_runs(tasks, start):
    due = start()
    tasks.add("a")

    due.due_in(0)

    assert tasks.ran.get(timeout=WAIT) == "a"


def test_nothing_is_claimed_before_a_task_is_due(tasks, start):
    due = start()
    due.due_in(NEVER)
    due.due_in(0.05)

    tasks.claims.get(timeout=WAIT)

    assert tasks.claims.empty()


def test_tasks_of_other_processes_are_found_at_intervals(tasks, start):
    tasks.add("of another")

    start(idle_interval=0.01)

    assert tasks.ran.get(timeout=WAIT) == "of another"


def test_task_that_is_due_runs_with_more_times_than_are_stored(tasks, start):
    due = start(max_known=1)
    due.due_in(NEVER)
    tasks.add("a")

    due.due_in(0)

    assert tasks.ran.get(timeout=WAIT) == "a"


def test_task_that_the_clock_of_its_store_makes_due_later_runs(tasks, start):
    due = start()
    tasks.add("a")
    tasks.not_before = monotonic() + 0.13

    due.due_in(0.1)

    assert tasks.ran.get(timeout=WAIT) == "a"


def test_more_tasks_than_room_all_run(tasks, start):
    due = start(max_concurrent=2)
    names = [str(n) for n in range(9)]
    tasks.add(*names)

    due.due_in(0)

    assert sorted(tasks.ran.get(timeout=WAIT) for _ in names) == names


def test_at_most_max_concurrent_tasks_run_at_once(tasks, start):
    let_go, active, most = Event(), [], []

    def run(name):
        with tasks.lock:
            active.append(name)
            most.append(len(active))
        if len(most) >= 2:
            let_go.set()
        let_go.wait(WAIT)
        with tasks.lock:
            active.remove(name)
        tasks.ran.put(name)

    due = start(run, max_concurrent=2)
    tasks.add(*"abcde")
    due.due_in(0)
    for _ in range(5):
        tasks.ran.get(timeout=WAIT)

    assert max(most) == 2


def test_failed_claim_is_repeated(tasks, start, caplog):
    tasks.error = OSError("secret")
    due = start()
    tasks.add("a")

    due.due_in(0)

    assert tasks.ran.get(timeout=WAIT) == "a"
    assert "tests: not claimed: OSError" in caplog.text
    assert "secret" not in caplog.text


def test_failed_task_is_logged_without_its_text(tasks, start, caplog):
    def run(name):
        tasks.ran.put(name)
        if name == "a":
            raise ValueError("secret")

    due = start(run)
    tasks.add("a", "b")
    due.due_in(0)
    for _ in range(2):
        tasks.ran.get(timeout=WAIT)

    assert due.stop(WAIT)
    assert "tests: ValueError" in caplog.text
    assert "secret" not in caplog.text


def test_stop_waits_for_running_task(tasks, start):
    started, let_go = Event(), Event()

    def run(name):
        started.set()
        let_go.wait(WAIT)
        tasks.ran.put(name)

    due = start(run)
    tasks.add("a")
    due.due_in(0)
    started.wait(WAIT)
    in_time = due.stop(0.01)
    let_go.set()

    assert (in_time, due.stop(WAIT)) == (False, True)
    assert tasks.ran.get(timeout=WAIT) == "a"


def test_stopped_tasks_claim_nothing(tasks, start):
    due = start()
    due.stop(WAIT)
    tasks.add("a")

    due.due_in(0)

    assert due.stop(WAIT)
    assert tasks.claims.empty()
