"""The people and attackers of the drill behave as its description states."""

from __future__ import annotations

from collections import Counter
from contextlib import suppress

import pytest

from tests.fault_injection.drill.actors import DAY, Check, Outcome, Send
from tests.fault_injection.drill.attackers import Blocks, Rhythm, attacker
from tests.fault_injection.drill.attacks import ATTACKS
from tests.fault_injection.drill.countries import (
    COUNTRIES,
    block_of,
    country_of,
    seeded,
)
from tests.fault_injection.drill.models import CapPerBlock
from tests.fault_injection.drill.people import Population

SMALL = 0.2


def test_people_of_a_seed_are_the_same_in_each_run():
    days = [Population(7, SMALL).next_day(special=True) for _ in range(2)]

    assert days[0] == days[1] != Population(8, SMALL).next_day(special=True)


def test_people_are_in_all_countries_with_good_people():
    people = Population(7).next_day(special=True)

    countries = {person.role.country for person in people}
    assert countries == {code for code, row in COUNTRIES.items() if row.recipients}
    assert all(country_of(person.phone).code in countries for person in people)
    assert all(0 <= person.at < DAY for person in people)


def test_people_of_a_day_have_a_phone_each():
    population = Population(7)
    population.next_day(special=False)

    people = population.next_day(special=True)

    assert len({person.phone for person in people}) == len(people)
    assert 0.15 < sum(person.role.returning for person in people) / len(people) < 0.35


def test_most_people_type_their_code_in():
    people = Population(7).next_day(special=False)

    assert 0.65 < sum(person.types for person in people) / len(people) < 0.85


def test_person_who_is_refused_gives_up():
    person = Population(7).next_day(special=False)[0]
    actor = person.act()
    next(actor)

    with pytest.raises(StopIteration):
        actor.send(Outcome(status=429))


@pytest.mark.parametrize("attack", ATTACKS.values(), ids=lambda attack: attack.title)
def test_attacker_leaves_refused_blocks(attack):
    served = numbers_of(attack, Outcome(sent=True))
    refused = numbers_of(attack, Outcome(status=403))

    if not attack.in_busy_block:
        blocks = [len(set(map(block_of, phones))) for phones in (served, refused)]
        assert blocks[0] < blocks[1] or not attack.blocks
    assert {country_of(phone).code for phone in served} <= set(attack.countries)


def numbers_of(attack, outcome):
    """Return the numbers of the sends of *attack*, all with the same outcome."""
    actions = actions_of(attack.actor(1, "+91987654"), outcome)
    return [action.phone for action in actions if isinstance(action, Send)]


def actions_of(actor, outcome):
    """Yield the actions of *actor*, all of which have the same outcome."""
    yield next(actor)
    with suppress(StopIteration):
        while True:
            yield actor.send(outcome)


def test_attacker_changes_the_address_that_is_limited():
    rng = seeded("1")
    blocks = Blocks(rng, 1, lambda: "+22177999")
    actor = attacker(rng, Rhythm(requests=9, every=1, per_address=3), blocks)
    limited = Outcome(status=429, limited=True)

    addresses = [next(actor).address, *(actor.send(limited).address for _ in range(8))]

    assert len(set(addresses)) == 9


def test_attacker_types_in_a_share_of_the_codes():
    rng = seeded("1")
    blocks = Blocks(rng, 1, lambda: "+22177999")
    actor = attacker(rng, Rhythm(requests=400, every=1, typed=0.25), blocks)

    counts = Counter(map(type, actions_of(actor, Outcome(sent=True))))

    assert 0.2 < counts[Check] / counts[Send] < 0.3


def test_cap_refuses_a_block_for_a_day():
    cap = CapPerBlock(2)
    times = (0, 10, 20, DAY + 1)

    sent = [cap.execute(Send(at, "+221779991234", "")).sent for at in times]

    assert sent == [True, True, False, True]
