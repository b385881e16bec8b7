"""What happens now: the figures of the last minutes, limits, money and suspensions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from otp_engine.domain.events import PlaceSuspended, PolicyChanged
from otp_engine.domain.limits.limits import WindowUsage
from otp_engine.domain.policy.policy import Policy
from otp_engine.domain.policy.versions import PolicyVersion, apply
from otp_engine.domain.pumping_guard.rules import GuardMode, Suspension
from otp_engine.errors import StoreUnavailable
from otp_engine.operations.context import OperatorContext
from otp_engine.operations.recent_traffic import RecentTraffic, Traffic
from otp_engine.operations.shared_limits import shared_hits
from otp_engine.store.events.tail import EventTail

_MAX_COUNTRIES = _MAX_NAMES = 20
"""Countries, and other names of each value, with a usage of limits; each one costs
Redis some microseconds."""
# A list of the suspensions reads every place of the guard. An event that changes them
# makes it due earlier, but an attack can cause many.
_SUSPENSIONS_INTERVAL = timedelta(seconds=30)
_CHANGED_SUSPENSIONS_INTERVAL = timedelta(seconds=5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """What one frame shows.

    Attributes:
        at: The time of its figures.
        period: How long an event is counted.
        policy_version: Number of the live policy version; 0 for the environment.
        policy: The live policy.
        traffic: The counts of the period.
        usage: The usage of each window of the limits that all requests share.
        unproven: Unproven messages by country, as the pumping guard counts them.
        suspensions: The suspensions by the guard, the one with the latest end first.
        spent: Money of the running hour and of the 24 before it, in micro-units.
        currency: The currency of prices and budget.
        problem: Why the figures are not newer, if there is a reason.
    """

    at: datetime
    period: timedelta
    policy_version: int
    policy: Policy
    traffic: Traffic
    usage: Sequence[WindowUsage] = ()
    unproven: Mapping[str, float] = field(default_factory=dict)
    suspensions: Sequence[Suspension] = ()
    spent: int = 0
    currency: str = "USD"
    problem: str | None = None

    def is_shadow(self, suspension: Suspension) -> bool:
        """Return whether the guard refuses nothing in the country of a suspension."""
        return _is_shadow(self.policy, suspension)


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """What the service allows now.

    Attributes:
        version: The live policy version; None for the policy of the environment.
        policy: The live policy.
        usage: The usage of each window of the limits that all requests share.
        suspensions: The suspensions by the guard, the one with the latest end first.
        problem: Why the live version is invalid in this release, if it is.
    """

    version: PolicyVersion | None
    policy: Policy
    usage: Sequence[WindowUsage]
    suspensions: Sequence[Suspension]
    problem: str | None = None

    def is_shadow(self, suspension: Suspension) -> bool:
        """Return whether the guard refuses nothing in the country of a suspension."""
        return _is_shadow(self.policy, suspension)


def _is_shadow(policy: Policy, suspension: Suspension) -> bool:
    return policy.guard.for_country(suspension.country) is not GuardMode.ON


def read_state(context: OperatorContext, countries: Sequence[str]) -> State:
    """Return what the service allows now.

    Args:
        context: The settings and the stores.
        countries: The countries that limits are shown of.

    Raises:
        StoreUnavailable: Redis did not reply.
    """
    now, read = context.clock(), context.read_policy()
    suspensions = context.store.guard.list_suspensions()
    return State(
        version=context.versions.latest(),
        policy=read.policy,
        usage=_usage(context, countries, read.policy),
        suspensions=[found for found in suspensions if found.until > now],
        problem=read.problem,
    )


def _usage(
    context: OperatorContext, countries: Sequence[str], policy: Policy
) -> list[WindowUsage]:
    """Return the usage of each window of the limits that all requests share."""
    settings = context.settings
    clients = [key.name for key in settings.api_keys][:_MAX_NAMES]
    channels = settings.offered_channels
    hits = shared_hits(countries, clients, channels, policy, max_names=_MAX_NAMES)
    return context.store.limit_usage.shared_usage(list(hits))


@dataclass(slots=True)
class Monitor:
    """Reads what has changed since the last frame.

    Only new events are read, and the policy only once it has changed.

    Attributes:
        context: The settings and the store of the service.
        period: How long an event is counted.
    """

    context: OperatorContext
    period: timedelta
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
        self._policy = self.context.settings.policy
        self._traffic = RecentTraffic(self.period)
        self._tail = self.context.store.events.tail(self.context.clock() - self.period)

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
        settings, store = self.context.settings, self.context.store
        now = self.context.clock()
        traffic = self._traffic.at(now)
        # E-mails have no country, so no place and no limit by country.
        countries = list(filter(None, traffic.countries))[:_MAX_COUNTRIES]
        places = store.guard.read_places(countries)
        self._read_suspensions(now)
        self._last = Frame(
            at=now,
            period=self.period,
            policy_version=self._version,
            policy=self._policy,
            problem=self._problem,
            traffic=traffic,
            usage=_usage(self.context, countries, self._policy),
            unproven={place.prefix: place.place.unproven for place in places},
            suspensions=[found for found in self._suspensions if found.until > now],
            spent=store.budget.read().whole.spent,
            currency=settings.currency,
        )
        return self._last

    def without_redis(self, error: StoreUnavailable) -> Frame:
        """Return the last frame, with the reason why it is not newer."""
        problem = f"Redis {error.reason}; retrying"
        if self._last:
            return replace(self._last, problem=problem)
        return Frame(
            at=self.context.clock(),
            period=self.period,
            policy_version=0,
            policy=self.context.settings.policy,
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
        self._suspensions = self.context.store.guard.list_suspensions()
        self._suspensions_read_at, self._suspensions_changed = now, False

    def _read_policy(self) -> None:
        """Read the live policy once it has changed.

        A change of another release can be invalid here. The policy before it stays,
        as in the workers.
        """
        # To verify the signatures of all versions costs more than a frame.
        text = self.context.store.policy_versions.latest()
        if text == self._newest_text:
            return
        versions = self.context.versions
        latest = versions.latest()
        try:
            self._policy = apply(self.context.settings.policy, versions.live_state())
            self._problem = None
        except ValueError as error:
            self._problem = f"the live policy is invalid in this release: {error}"
        self._version = latest.version if latest else 0
        self._newest_text = text
