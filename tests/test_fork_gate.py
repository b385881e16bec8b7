"""Forks run in a process of their own: this one has threads of pytest."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import os
from threading import Event, Thread, Timer
from otp_engine.fork_gate import ForkGate

gate, entered, let_go = ForkGate(), Event(), Event()

def hold():
    with gate:
        entered.set()
        let_go.wait()

Thread(target=hold).start()
entered.wait()
Timer(0.2, let_go.set).start()
pid = os.fork()
with gate:
    held_during_fork = not let_go.is_set()
if pid == 0:
    os._exit(held_during_fork)
print(held_during_fork, os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
"""


def test_fork_waits_for_holder_and_both_processes_can_use_the_gate():
    result = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )

    assert result.stdout == "False 0\n"
