"""A sampler of CPU time, which attributes it to stages of a request by the stack.

The signal of `ITIMER_PROF` arrives after each tick of CPU time of this process. Its
handler runs in the main thread, as soon as the C function in progress has returned to
its Python frame. The CPU time of the main thread since the sample before counts for the
stage of that frame. So the sum over the stages is the CPU time of the thread exactly,
and the share of a stage has the standard error of a share of as many samples.

`sys.setprofile` and cProfile add their cost to each call, which makes the stages with
many small calls too large. This sampler costs about 10 µs a tick of 4 ms.

Other threads do one kind of work each. Their CPU time counts for the stage of their
name, as the clock of the thread measures it.
"""

from __future__ import annotations

import signal
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from types import FrameType, TracebackType
from typing import Self

PARSING = "Flask and parsing"
ENGINE = "engine"
REDIS = "Redis calls"
HASHES = "hash queue"
EVENTS = "events and metrics"
ACCESS_LOG = "access log"
PROVIDER = "provider"
OTHER = "other threads"

STAGES = (PARSING, ENGINE, REDIS, HASHES, EVENTS, ACCESS_LOG, PROVIDER, OTHER)

# The first match counts, so a part of a folder is before the folder.
_FILES = (
    ("/otp_engine/store/events/", EVENTS),
    ("/otp_engine/ops/request_log", ACCESS_LOG),
    ("/otp_engine/ops/log_config", ACCESS_LOG),
    ("/otp_engine/ops/", EVENTS),
    ("/otp_engine/resilience/", EVENTS),
    ("/otp_engine/domain/event", EVENTS),
    ("/otp_engine/domain/phones/", PARSING),
    ("/otp_engine/store/", REDIS),
    ("/otp_engine/senders/", PROVIDER),
    ("/otp_engine/crypto/argon2", HASHES),
    ("/otp_engine/crypto/hash_", HASHES),
    ("/otp_engine/crypto/fair_queue", HASHES),
    ("/otp_engine/crypto/api_keys", PARSING),
    ("/otp_engine/domain/", ENGINE),
    ("/otp_engine/crypto/", ENGINE),
    ("/otp_engine/", PARSING),
    ("/prometheus_client/", EVENTS),
    ("/logging/", ACCESS_LOG),
    ("/phonenumbers/", PARSING),
    ("/redis/", REDIS),
    ("/twilio/", PROVIDER),
    ("/urllib3/", PROVIDER),
    ("/flask/", PARSING),
    ("/werkzeug/", PARSING),
)
_THREADS = {"events": EVENTS, "hashing": HASHES, "sending": PROVIDER}


def stage_of_file(path: str) -> str | None:
    """Return the stage of the code in the file *path*; None for shared libraries."""
    return next((stage for part, stage in _FILES if part in path), None)


def stage_of(paths: Iterator[str]) -> str:
    """Return the stage of a stack.

    Args:
        paths: The files of its frames, the innermost one first. The first one with a
            stage decides: JSON that the store reads belongs to the calls of Redis.
    """
    stages = (stage_of_file(path) for path in paths)
    return next((stage for stage in stages if stage), PARSING)


def stage_of_thread(name: str) -> str:
    """Return the stage of a thread by its name, such as `hashing_0`."""
    return _THREADS.get(name.partition("_")[0], OTHER)


class Sampler:
    """Attributes the CPU time of this process to stages while it is entered.

    Attributes:
        seconds: The CPU time of each stage.
        samples: The number of samples.
    """

    def __init__(self) -> None:
        self.seconds: defaultdict[str, float] = defaultdict(float)
        self.samples = 0
        self._last = 0.0
        self._threads: dict[int, float] = {}

    def __enter__(self) -> Self:
        signal.signal(signal.SIGPROF, self._sample)
        self._threads = {t.ident or 0: _cpu(t) for t in _others()}
        self._last = time.thread_time()
        signal.setitimer(signal.ITIMER_PROF, 0.001, 0.001)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        signal.setitimer(signal.ITIMER_PROF, 0)
        for thread in _others():
            spent = _cpu(thread) - self._threads.get(thread.ident or 0, 0)
            self.seconds[stage_of_thread(thread.name)] += spent

    def _sample(self, number: int, frame: FrameType | None) -> None:
        now = time.thread_time()
        self.seconds[stage_of(_files(frame))] += now - self._last
        self.samples += 1
        self._last = now


def _files(frame: FrameType | None) -> Iterator[str]:
    while frame:
        yield frame.f_code.co_filename
        frame = frame.f_back


def _others() -> list[threading.Thread]:
    main = threading.main_thread()
    return [thread for thread in threading.enumerate() if thread is not main]


def _cpu(thread: threading.Thread) -> float:
    return time.clock_gettime(time.pthread_getcpuclockid(thread.ident or 0))
