from __future__ import annotations

import pytest

from otp_engine.domain.messages import speech
from otp_engine.senders import twilio_twiml


# One second of silence, 12 letters a second, and 0.8 seconds for a digit.
@pytest.mark.parametrize(
    ("language", "code", "seconds"),
    [("en", "1234", 6), ("en", "123456", 8), ("ja", "1234", 8), ("zh", "123456", 8)],
)
def test_spoken_time_depends_on_the_sentence_and_the_digits(language, code, seconds):
    built = speech.build(code=code, brand="Acme", language=language)

    assert twilio_twiml.spoken_seconds(built) == seconds


def test_character_of_chinese_takes_as_long_as_two_letters():
    latin, chinese = (
        speech.build(code="1234", brand="A", language="en", announcement=text)
        for text in ("x" * 120, "验" * 60)
    )

    assert twilio_twiml.spoken_seconds(latin) == twilio_twiml.spoken_seconds(chinese)
