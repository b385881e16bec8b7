"""The health of providers, which all workers and instances share."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import astuple, dataclass
from datetime import timedelta

from otp_engine.domain.channels import Channel
from otp_engine.domain.events import ProviderWeightChanged
from otp_engine.domain.routing.health import (
    AT_REST,
    REST,
    Counts,
    HealthFigures,
    Reason,
    StepHealth,
    Weight,
)
from otp_engine.domain.routing.steps import Step
from otp_engine.store import keys, lua_codec
from otp_engine.store.connection import Argument
from otp_engine.store.lua_scripts import LuaScript
from otp_engine.store.redis_client import RedisClient

_TTL = timedelta(hours=3)
# A message counts for ten minutes once it is older than the threshold, which is ten
# minutes at most, and a minute longer for a call.
_MINUTES = 25
_WEIGHT_FIELD = "weight "
_WEIGHT = re.compile(r"(\d{1,3}) (\d{1,16}) ([a-z]+)", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class CountedMessages:
    """What happened to some messages of one step.

    Attributes:
        step: The step.
        age: Time since the provider accepted the messages.
        counts: The numbers.
    """

    step: Step
    age: timedelta
    counts: Counts


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthReading:
    """The stored health of all steps.

    Attributes:
        at: Time of the reading in milliseconds since 1970, by the clock of Redis.
        healths: The health of each step with counts or a weight.
    """

    at: int
    healths: dict[Step, StepHealth]

    def figures(self, slow_after: timedelta) -> dict[Step, HealthFigures]:
        """Return the figures of each step.

        Args:
            slow_after: The time after which a message is late.
        """
        return {
            step: health.figures(self.at, slow_after)
            for step, health in self.healths.items()
        }

    def of(self, step: Step) -> StepHealth:
        """Return the health of a step; one without messages is at rest."""
        return self.healths.get(step) or StepHealth(step=step)


class RedisProviderHealth:
    """Stores `otp:{shared}:provider_health`, with a field a step and minute.

    It expires three hours after the last message: a weight of 10 is at rest again after
    an hour and a half.
    """

    def __init__(self, client: RedisClient) -> None:
        """Store the health in Redis.

        Args:
            client: Executes the commands.
        """
        self._add = LuaScript(client, "add_provider_counts")
        self._set_weight = LuaScript(client, "set_provider_weight")

    def read(self) -> HealthReading:
        """Return the health of all steps.

        Raises:
            StoreUnavailable: Redis did not reply.
        """
        return self.add(())

    def add(self, counted: Iterable[CountedMessages]) -> HealthReading:
        """Add counts, and return the health of all steps.

        Args:
            counted: The new counts.

        Raises:
            StoreUnavailable: Redis did not reply.
        """
        args: list[Argument] = [lua_codec.to_ms(_TTL), _MINUTES]
        for item in counted:
            numbers = " ".join(map(str, astuple(item.counts)))
            args += (str(item.step), lua_codec.to_ms(item.age), numbers)
        at, *fields = self._add.run([keys.PROVIDER_HEALTH], *args)
        return _parse(at, fields)

    def compare_and_set(self, step: Step, old: Weight, new: Weight) -> bool:
        """Change the weight of a step, if *old* is still stored.

        Returns:
            Whether *old* was still stored.

        Raises:
            StoreUnavailable: Redis did not reply.
        """
        return bool(
            self._set_weight.run(
                [keys.PROVIDER_HEALTH],
                str(step),
                _format(old),
                _format(new),
                lua_codec.to_ms(_TTL),
            )
        )

    def rest(self, provider: str) -> list[ProviderWeightChanged]:
        """Set the weights of a provider to rest, by an operator.

        Args:
            provider: Name of the provider.

        Returns:
            The event of each weight that was not at rest.

        Raises:
            StoreUnavailable: Redis did not reply.
        """
        reading = self.read()
        weight = Weight(REST, reading.at, Reason.OPERATOR)
        steps = sorted(step for step in reading.healths if step.provider == provider)
        lowered = [reading.of(step) for step in steps]
        return [
            weight_event(health, weight, reading.at)
            for health in lowered
            if health.weight.value < REST
            and self.compare_and_set(health.step, health.weight, weight)
        ]


def weight_event(
    health: StepHealth, new: Weight, at: int, slow_after: timedelta | None = None
) -> ProviderWeightChanged:
    """Return the event of a changed weight.

    Args:
        health: The health before the change.
        new: The new weight.
        at: Time of the reading in milliseconds since 1970.
        slow_after: The time after which a message is late; None for a change that does
            not follow from messages.
    """
    share = health.slow_share(at, slow_after) if slow_after else 0.0
    return ProviderWeightChanged(
        provider=health.step.provider,
        channel=health.step.channel,
        weight=new.value,
        previous=health.weight.value,
        reason=str(new.reason),
        messages=health.recent(at).messages,
        slow_share=round(share, 2),
        errors=round(health.errors(at)),
    )


def _parse(at: int, fields: Sequence[bytes]) -> HealthReading:
    """Parse the fields; those of another release are left out."""
    minutes: defaultdict[Step, dict[int, Counts]] = defaultdict(dict)
    weights: dict[Step, Weight] = {}
    for name, text in zip(fields[::2], fields[1::2], strict=True):
        kind, _, step_text = name.decode().partition(" ")
        with suppress(ValueError, TypeError):
            channel, _, provider = step_text.partition(":")
            step = Step(Channel(channel), provider)
            if f"{kind} " == _WEIGHT_FIELD:
                weights[step] = _parse_weight(text.decode())
            else:
                numbers = [int(number) for number in text.split()]
                minutes[step][int(kind)] = Counts(*numbers)
    return HealthReading(
        at=at,
        healths={
            step: StepHealth(
                step=step, minutes=minutes[step], weight=weights.get(step, AT_REST)
            )
            for step in {*minutes, *weights}
        },
    )


def _format(weight: Weight) -> str:
    if weight.changed is None:
        return ""
    return f"{weight.value} {weight.changed} {weight.reason}"


def _parse_weight(text: str) -> Weight:
    if not (match := _WEIGHT.fullmatch(text)):
        raise ValueError(text)
    value, changed, reason = match.groups()
    return Weight(int(value), int(changed), Reason(reason))
