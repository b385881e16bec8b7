from __future__ import annotations

from tests.support.fakes import MESSAGE


def test_repr_of_a_message_contains_no_number_and_no_code():
    assert "9445012345" not in repr(MESSAGE)
    assert "123456" not in repr(MESSAGE)
