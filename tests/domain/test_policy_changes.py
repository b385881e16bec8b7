from __future__ import annotations

import pytest

from otp_engine.domain.policy.changes import BasePolicy, Source, SourcedValue
from otp_engine.domain.policy.policy import PARSERS, Policy
from otp_engine.domain.policy.reverts import PolicyState

BASE = BasePolicy(Policy(max_sends=4), {"max_sends"})


@pytest.mark.parametrize(
    ("name", "text", "source"),
    [
        ("ttl", "9m", Source.LIVE),
        ("max_sends", "4", Source.ENVIRONMENT),
        ("code_length", "6", Source.DEFAULT),
        ("sends_per_key", "off", Source.DEFAULT),
        ("sending", "on", Source.DEFAULT),
    ],
)
def test_value_has_its_source(name, text, source):
    assert BASE.value(name, PolicyState({"ttl": "9m"})) == SourcedValue(text, source)


def test_every_value_has_a_text_that_its_parser_accepts():
    for name, parser in PARSERS.items():
        value = BASE.value(name, PolicyState({}))

        assert parser(value.text) == getattr(BASE.policy, name)


def test_changes_list_old_and_new_values():
    changes = BASE.changes(
        PolicyState({"ttl": "9m", "sending": "off"}), PolicyState({"max_sends": "3"})
    )

    assert sorted(map(str, changes)) == [
        "max_sends: 4 (environment) → 3",
        "sending: off → on (default)",
        "ttl: 9m → 10m (default)",
    ]


def test_names_of_another_release_are_ignored():
    assert BASE.changes(PolicyState({"newer": "1"}), PolicyState({"newer": "2"})) == []


def test_equal_values_are_no_change():
    assert BASE.changes(PolicyState({"ttl": "9m"}), PolicyState({"ttl": "9m"})) == []
