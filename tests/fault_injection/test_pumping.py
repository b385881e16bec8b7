"""A simulated day of good people and an attacker, with the pumping guard and without.

The service, Redis and the provider are those of the other trials, on a clock that jumps
from request to request.
"""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace

import pytest

from tests.fault_injection.drill import configurations, results
from tests.fault_injection.drill.attackers import Rhythm
from tests.fault_injection.drill.attacks import ATTACKS
from tests.fault_injection.drill.configurations import BUDGET_USD
from tests.fault_injection.drill.scenarios import HISTORY_DAYS, World

PROMISE = "at most 25 messages into a block; good people get their codes"
MOST_IN_A_BLOCK = 25
UNHARMED, UNHARMED_QUIET, UNHARMED_BUSY = 95.0, 99.5, 95.0
GUARD, GUARD_AND_BUDGET = "guard", "guard and budget"
# Models, which need no service.
CAPS = {"no limit (model)": 10**6, "25 a day into a block (model)": 25}
# A day waits for the credits of its approvals most of the time, not for a processor.
_PARALLEL = 5
# Of the usual number of people, in the short form.
SMALL = 0.2


@pytest.fixture(scope="module")
def worlds(tmp_path_factory):
    """Return a function that returns the world of a seed, after its quiet days."""
    made: dict[tuple[int, int], World] = {}

    def world(seed: int, days: int) -> World:
        if (seed, days) not in made:
            folder = tmp_path_factory.mktemp(f"drill{seed}")
            made[seed, days] = World.of(seed, folder, scale=1, days=days)
        return made[seed, days]

    return world


@pytest.fixture
def compare(pytestconfig):
    """Return whether the service also runs without the guard."""
    return pytestconfig.getoption("--compare")


def configurations_for(world, compare):
    """Return the environment of each configuration."""
    others = {
        "defaults, guard in shadow mode": configurations.DEFAULTS,
        "best limits, no guard": configurations.best_limits(world.history),
        GUARD: configurations.GUARD,
    }
    bounded = {GUARD_AND_BUDGET: configurations.GUARD_AND_BUDGET}
    return bounded | (others if compare else {})


def run_all(worlds, seeds, attack, *, compare, days=HISTORY_DAYS):
    """Return the results of the seeds, by configuration, several at a time.

    Only the configuration that has bounds runs on each seed, the others on the first.
    """
    runs: dict[str, list[Future[results.Result]]] = {}
    with ThreadPoolExecutor(_PARALLEL) as pool:
        for seed in seeds:
            world = worlds(seed, days)
            for name, cap in CAPS.items():
                run = pool.submit(world.run_cap, attack, cap)
                runs.setdefault(name, []).append(run)
            compared = configurations_for(world, compare and seed == seeds[0])
            for name, environ in compared.items():
                run = pool.submit(world.run, environ, attack)
                runs.setdefault(name, []).append(run)
        return {name: [run.result() for run in group] for name, group in runs.items()}


def record(trial, found, attack):
    """Record the figures of the guard, and the table of all configurations."""
    worst = {name: results.worst(days) for name, days in found.items()}
    guarded, days = worst[GUARD_AND_BUDGET], found[GUARD_AND_BUDGET]
    unharmed = UNHARMED if attack else UNHARMED_QUIET
    trial.at_most("messages into a block", guarded.worst_block, MOST_IN_A_BLOCK)
    trial.at_most("money of the day", guarded.day_usd, BUDGET_USD, " USD")
    trial.at_least("good people unharmed", guarded.unharmed, unharmed, " %")
    if attack:
        silent = sum(day.notice is None for day in days)
        trial.at_most("days without a notice to operators", silent, 0)
        trial.record("of them in the attacked countries", guarded.unharmed_there, " %")
    else:
        busy = guarded.unharmed_busy
        trial.at_least("of them in the busiest block", busy, UNHARMED_BUSY, " %")
    trial.record("answers unlike the model of the guard", guarded.unlike_model)
    missing = max(result.missing_credits for result in worst.values())
    trial.at_most("approvals without their credit", missing, 0)
    trial.table = results.table(worst)


@pytest.mark.whole
@pytest.mark.parametrize("attack", ATTACKS.values(), ids=lambda attack: attack.title)
def test_pumping_attack(attack, trial, seeds, worlds, compare):
    trial.describe(
        f"Pumping: {attack.title}",
        f"a day after three quiet ones: {attack.done}; the worst figures of the seeds"
        f" {', '.join(map(str, seeds))}",
        promise=PROMISE,
        runs=len(seeds),
    )
    trial.reason = attack.limitation

    record(trial, run_all(worlds, seeds, attack, compare=compare), attack)


@pytest.mark.whole
def test_day_without_pumping(trial, seeds, worlds, compare):
    trial.describe(
        "Pumping: a day without an attack",
        "a day after three quiet ones, with a marketing burst, shared addresses,"
        " travelers and a new range of numbers; the worst figures of the"
        f" seeds {', '.join(map(str, seeds))}",
        promise=PROMISE,
        runs=len(seeds),
    )

    record(trial, run_all(worlds, seeds, None, compare=compare), None)


@pytest.mark.whole
def test_first_day_without_pumping(trial, seeds, worlds, compare):
    trial.describe(
        "Pumping: the first day of a deployment",
        "the same day, without the quiet ones before it",
        promise=PROMISE,
        runs=len(seeds),
    )

    record(trial, run_all(worlds, seeds, None, compare=compare, days=0), None)


@pytest.mark.whole
def test_class_in_a_new_block(trial, seeds, worlds):
    trial.describe(
        "Pumping: a class in a new block",
        "25 people of one new block request a code in the same minute of a day without"
        " an attack; the worst figures of the seeds"
        f" {', '.join(map(str, seeds))}",
        promise="a client can vouch for its people",
        runs=len(seeds),
    )
    found = {}
    for vouched in (False, True):
        days = [
            world.run(
                configurations.GUARD,
                None,
                world.population.school_class(vouched=vouched),
            )
            for world in (worlds(seed, HISTORY_DAYS) for seed in seeds)
        ]
        found[f"guard, {'vouched' if vouched else 'not vouched'}"] = results.worst(days)

    plain, trusted = found.values()
    trial.record("people of the class unharmed", plain.unharmed_busy, " %")
    trial.at_least(
        "people of a vouched class unharmed", trusted.unharmed_busy, UNHARMED_BUSY, " %"
    )
    trial.at_least("good people unharmed", plain.unharmed, UNHARMED, " %")
    trial.table = results.table(found)


def test_small_day_with_an_attack(trial, tmp_path):
    trial.describe(
        "Pumping: a small day with an attack",
        "a fifth of the good people of a day, and 150 messages into one block",
        promise=PROMISE,
    )
    world = World.of(1, tmp_path, scale=SMALL, days=0)
    attack = replace(ATTACKS["A"], rhythm=Rhythm(requests=150, every=10))

    open_to_all = world.run(configurations.DEFAULTS, attack)
    guarded = world.run(configurations.GUARD, attack)

    trial.at_least("messages without the guard", open_to_all.worst_block, 150)
    trial.at_most("messages into a block", guarded.worst_block, MOST_IN_A_BLOCK)
    trial.at_least("good people unharmed", guarded.unharmed, UNHARMED, " %")
    trial.at_least("the same in shadow mode", open_to_all.unharmed, 100, " %")
    trial.at_most("answers unlike the model of the guard", guarded.unlike_model, 0)
    trial.at_most("approvals without their credit", guarded.missing_credits, 0)
