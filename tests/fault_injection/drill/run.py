"""Plays the actors of one day in the order of their simulated times."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from tests.fault_injection.drill.actors import Action, Actor, Outcome, Role, Send


@dataclass(frozen=True, slots=True)
class Step:
    """One request of a day, and its outcome."""

    role: Role
    action: Action
    outcome: Outcome


@dataclass
class Log:
    """All requests of a day.

    Attributes:
        steps: The requests, oldest first.
    """

    steps: list[Step] = field(default_factory=list)

    @property
    def sends(self) -> list[Step]:
        return [step for step in self.steps if isinstance(step.action, Send)]

    @property
    def attacks(self) -> list[Step]:
        return [step for step in self.sends if step.role.attacker]

    @property
    def messages(self) -> list[Step]:
        return [step for step in self.sends if step.outcome.sent]

    def harmed(self) -> set[Role]:
        """Return the good people with a refused send."""
        return {
            step.role
            for step in self.sends
            if not step.role.attacker and not step.outcome.sent
        }

    def good(self) -> set[Role]:
        """Return the good people."""
        return {step.role for step in self.steps if not step.role.attacker}


def differences(one: Log, other: Log) -> int:
    """Return how many sends were answered in only one of two runs of the same day."""
    sent = [
        {(step.role.name, step.action.at, step.outcome.sent) for step in log.sends}
        for log in (one, other)
    ]
    return len(sent[0] - sent[1])


def play(
    actors: Iterable[tuple[Role, Actor]], execute: Callable[[Action], Outcome]
) -> Log:
    """Execute the actions of all actors, ordered by time.

    Args:
        actors: The actors, none of which has started.
        execute: Executes an action at its time.
    """
    log, waiting = Log(), []
    for number, (role, actor) in enumerate(actors):
        first = next(actor)
        waiting.append((first.at, number, first, role, actor))
    heapq.heapify(waiting)
    while waiting:
        _, number, action, role, actor = heapq.heappop(waiting)
        outcome = execute(action)
        log.steps.append(Step(role, action, outcome))
        try:
            following = actor.send(outcome)
        except StopIteration:
            continue
        heapq.heappush(waiting, (following.at, number, following, role, actor))
    return log
