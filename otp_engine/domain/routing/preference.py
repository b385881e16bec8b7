"""The order of the steps of a message, by the weights of their providers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from otp_engine.domain.routing.health import REST
from otp_engine.domain.routing.steps import Step


def prefer(
    steps: Sequence[Step],
    weights: Mapping[Step, int],
    random_percent: Callable[[], float],
) -> tuple[Step, ...]:
    """Return *steps* in the order in which they are tried.

    The first step keeps its place with the probability of its weight. Otherwise the
    next step of the same channel takes the place, or the next step of the route if the
    channel has no other. That one keeps it by its own weight in turn, and if no step
    does, the first one has it. The others stay in their order.

    Args:
        steps: The steps of a route.
        weights: The weights of those that are not at rest, in percent.
        random_percent: Returns a random number from 0 to below 100.
    """
    if not any(step in weights for step in steps):
        return tuple(steps)
    first = _choose(steps, weights, random_percent)
    return (first, *(step for step in steps if step != first))


def _choose(
    steps: Sequence[Step],
    weights: Mapping[Step, int],
    random_percent: Callable[[], float],
) -> Step:
    first, *others = steps
    # A sort is stable, so each group keeps the order of the route.
    others.sort(key=lambda step: step.channel != first.channel)
    for step in (first, *others):
        weight = weights.get(step, REST)
        if weight >= REST or random_percent() < weight:
            return step
    return first
