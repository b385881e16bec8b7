from __future__ import annotations

import pytest

from otp_engine.domain.messages import segments


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("", 1),
        ("a" * 160, 1),
        ("a" * 161, 2),
        ("a" * 306, 2),
        ("a" * 307, 3),
        # Two septets each.
        ("€" * 80, 1),
        ("€" * 81, 2),
        # Outside of GSM-7: UTF-16 units.
        ("é" * 160, 1),
        ("ê" * 70, 1),
        ("ê" * 71, 2),
        ("ê" * 135, 3),
        ("😀" * 35, 1),
        ("😀" * 36, 2),
        # In several segments, a character of two septets or units is in one of them.
        ("a" * 152 + "€" + "a" * 152, 3),
        ("€" * 153, 3),
        ("ê" * 66 + "😀" + "ê" * 66, 3),
        ("😀" * 67, 3),
    ],
)
def test_segments_of_a_text_are_counted(text, count):
    assert segments.count(text) == count


def test_bracket_beside_characters_outside_of_gsm_7_takes_one_unit():
    assert segments.count("[" * 66 + "😀" + "ê" * 60) == 2
