"""What a trial finds is judged: outcomes always, times where it runs in full."""

from __future__ import annotations

import pytest

from tests.fault_injection.report import Trial


@pytest.mark.parametrize(("whole", "passed"), [(True, False), (False, True)])
def test_a_slow_answer_fails_a_trial_only_where_it_runs_in_full(whole, passed):
    trial = Trial("Restarts", whole=whole)
    trial.within("slowest stop", 11, 10)

    assert trial.passed == passed
    assert str(trial.figures[0]).startswith("slowest stop: 11 s")


@pytest.mark.parametrize("whole", [True, False])
def test_an_outcome_beyond_its_bound_fails_a_trial_in_either_form(whole):
    trial = Trial("Restarts", whole=whole)
    trial.at_most("connections refused", 1, 0)

    assert not trial.passed
