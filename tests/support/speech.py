"""The sentences of a call in English."""

from __future__ import annotations

from otp_engine.domain.messages.speech import Speech

SPEECH = Speech(
    language="en",
    prompt="Press any key to hear your code.",
    announcement="Your Acme code is",
    again="Your code is",
    goodbye="Goodbye.",
    digits="1, 2, 3, 4, 5, 6",
)
