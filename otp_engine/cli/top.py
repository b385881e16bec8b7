"""Show the last minutes on a screen that refreshes itself."""

from __future__ import annotations

import json
import shutil
import signal
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from time import sleep
from typing import Self

import click

from otp_engine.cli import top_frame, top_json
from otp_engine.cli.common import load_with_redis
from otp_engine.cli.policy_limits import shared_hits
from otp_engine.cli.recent_traffic import RecentTraffic, Traffic
from otp_engine.cli.terminal import can_refresh, color_setting, fail
from otp_engine.cli.top_frame import Frame
from otp_engine.config import Settings
from otp_engine.domain.events import PlaceSuspended, PolicyChanged
from otp_engine.domain.policy.policy import Policy
from otp_engine.domain.policy.signed_versions import SignedPolicyVersions
from otp_engine.domain.policy.versions import apply
from otp_engine.domain.pumping_guard.rules import Suspension
from otp_engine.errors import StoreUnavailable
from otp_engine.store.events.tail import EventTail
from otp_engine.store.redis_store import RedisStore

_MAX_COUNTRIES = _MAX_NAMES = 20
"""Countries, and other names of each value, with a usage of limits; each one costs
Redis some microseconds."""
_DEFAULT_WIDTH = 100
# A list of the suspensions reads every place of the guard. An event that changes them
# makes it due earlier, but an attack can cause many.
_SUSPENSIONS_INTERVAL = timedelta(seconds=30)
_CHANGED_SUSPENSIONS_INTERVAL = timedelta(seconds=5)
# The private modes 1049 and 25 of xterm: the alternate screen, and the cursor.
_ENTER, _LEAVE = "\x1b[?1049h\x1b[?25l", "\x1b[?25h\x1b[?1049l"
_HOME, _END_OF_LINE, _END_OF_SCREEN = "\x1b[H", "\x1b[K", "\x1b[J"


@dataclass(slots=True)
class Monitor:
    """Reads what has changed since the last frame.

    Only new events are read, and the policy only once it has changed.

    Attributes:
        settings: The peppers, and the policy of the environment.
        store: The store of the service.
        period: How long an event is counted.
        utcnow: Returns the time in UTC.
    """

    settings: Settings
    store: RedisStore
    period: timedelta
    utcnow: Callable[[], datetime] = lambda: datetime.now(UTC)
    _traffic: RecentTraffic = field(init=False)
    _tail: EventTail = field(init=False)
    _newest_text: bytes | None = None
    _version: int = 0
    _policy: Policy = field(init=False)
    _problem: str | None = None
    _suspensions: Sequence[Suspension] = ()
    _suspensions_read_at: datetime | None = None
    _suspensions_changed: bool = False
    _last: Frame | None = None

    def __post_init__(self) -> None:
        self._policy = self.settings.policy
        self._traffic = RecentTraffic(self.period)
        self._tail = self.store.events.tail(self.utcnow() - self.period)

    def read(self) -> Frame:
        """Return the next frame.

        Raises:
            StoreUnavailable: Redis did not reply; the next call skips no event.
        """
        while recorded := self._tail.read_next():
            for event in recorded:
                self._traffic.add(event)
                if isinstance(event.event, PlaceSuspended | PolicyChanged):
                    self._suspensions_changed = True
        self._read_policy()
        now = self.utcnow()
        traffic = self._traffic.at(now)
        # E-mails have no country, so no place and no limit by country.
        countries = list(filter(None, traffic.countries))[:_MAX_COUNTRIES]
        hits = list(
            shared_hits(
                countries,
                (),
                self.settings.offered_channels,
                self._policy,
                max_names=_MAX_NAMES,
            )
        )
        places = self.store.guard.read_places(countries)
        self._read_suspensions(now)
        self._last = Frame(
            at=now,
            period=self.period,
            policy_version=self._version,
            policy=self._policy,
            problem=self._problem,
            traffic=traffic,
            usage=self.store.limit_usage.shared_usage(hits),
            unproven={place.prefix: place.place.unproven for place in places},
            suspensions=[found for found in self._suspensions if found.until > now],
            spent=self.store.budget.read().whole.spent,
            currency=self.settings.currency,
        )
        return self._last

    def without_redis(self, error: StoreUnavailable) -> Frame:
        """Return the last frame, with the reason why it is not newer."""
        problem = f"Redis {error.reason}; retrying"
        if self._last:
            return replace(self._last, problem=problem)
        return Frame(
            at=self.utcnow(),
            period=self.period,
            policy_version=0,
            policy=self.settings.policy,
            traffic=Traffic(countries={}, refusals=(), incidents=()),
            problem=problem,
        )

    def _read_suspensions(self, now: datetime) -> None:
        interval = (
            _CHANGED_SUSPENSIONS_INTERVAL
            if self._suspensions_changed
            else _SUSPENSIONS_INTERVAL
        )
        if self._suspensions_read_at and now < self._suspensions_read_at + interval:
            return
        self._suspensions = self.store.guard.list_suspensions()
        self._suspensions_read_at, self._suspensions_changed = now, False

    def _read_policy(self) -> None:
        """Read the live policy once it has changed.

        A change of another release can be invalid here. The policy before it stays,
        as in the workers.
        """
        # To verify the signatures of all versions costs more than a frame.
        text = self.store.policy_versions.latest()
        if text == self._newest_text:
            return
        versions = SignedPolicyVersions(
            self.store.policy_versions, self.settings.peppers
        )
        latest = versions.latest()
        try:
            self._policy = apply(self.settings.policy, versions.live_state())
            self._problem = None
        except ValueError as error:
            self._problem = f"the live policy is invalid in this release: {error}"
        self._version = latest.version if latest else 0
        self._newest_text = text


class _Screen:
    """The alternate screen of a terminal, which the block restores at its end."""

    def __enter__(self) -> Self:
        # The default action would leave the terminal without a cursor.
        signal.signal(signal.SIGTERM, _interrupt)
        signal.signal(signal.SIGHUP, _interrupt)
        self._write(_ENTER)
        return self

    def __exit__(self, *error: object) -> None:
        self._write(_LEAVE)

    def show(self, frame: Frame) -> None:
        """Replace the contents of the screen."""
        columns, rows = shutil.get_terminal_size()
        lines = _to_lines(frame, columns, rows - 1)
        text = "".join(f"{line}{_END_OF_LINE}\n" for line in lines)
        self._write(f"{_HOME}{text}{_END_OF_SCREEN}")

    def _write(self, text: str) -> None:
        # click.echo removes all control sequences where it removes colors.
        sys.stdout.write(text)
        sys.stdout.flush()


def top(period: timedelta, *, interval: float, once: bool, as_json: bool) -> None:
    """Show frames until an interrupt, or one frame.

    Args:
        period: How long an event is counted.
        interval: Seconds between two frames.
        once: Whether to print one frame.
        as_json: Whether to print each frame as one line of JSON.
    """
    if not (once or as_json or can_refresh()):
        fail("the output is not a terminal that can refresh: use --once or --json")
    monitor = Monitor(*load_with_redis(), period)
    if once:
        frame = monitor.read()
        _print_json(frame) if as_json else _print(frame)
        return
    try:
        if as_json:
            _repeat(monitor, _print_json, interval)
        with _Screen() as screen:
            _repeat(monitor, screen.show, interval)
    except KeyboardInterrupt:
        return


def _repeat(monitor: Monitor, show: Callable[[Frame], None], interval: float) -> None:
    while True:
        try:
            frame = monitor.read()
        except StoreUnavailable as error:
            frame = monitor.without_redis(error)
        show(frame)
        sleep(interval)


def _print(frame: Frame) -> None:
    is_terminal = bool(sys.stdout and sys.stdout.isatty())
    columns = shutil.get_terminal_size().columns if is_terminal else _DEFAULT_WIDTH
    for line in top_frame.to_lines(frame, columns):
        click.echo(line)


def _print_json(frame: Frame) -> None:
    click.echo(json.dumps(top_json.to_dict(frame)))


def _to_lines(frame: Frame, columns: int, rows: int) -> Sequence[str]:
    lines = top_frame.to_lines(frame, columns, rows)
    return lines if color_setting() is None else [*map(click.unstyle, lines)]


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt
