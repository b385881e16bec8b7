"""The safe list, on both backends."""

from __future__ import annotations

import pytest

from otp_engine.store import keys


@pytest.mark.parametrize("times", [1, 2])
def test_repeated_add_is_new_once(store, times):
    added = [store.safe_list.add("a-digest") for _ in range(times)]

    assert added == [True, False][:times]
    assert store.safe_list.contains("a-digest")


def test_safe_list_has_no_expiry(store, redis):
    store.safe_list.add("a-digest")

    assert redis.pttl(keys.SAFE_LIST) == -1
