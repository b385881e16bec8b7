"""The documents that a call follows (TwiML): what it speaks, and when it ends."""

from __future__ import annotations

import re
import unicodedata
from math import ceil

from twilio.twiml.voice_response import VoiceResponse

from otp_engine.domain.messages.speech import Speech
from otp_engine.senders.twilio_voices import Voice

MAX_INLINE_LENGTH = 4000
"""Characters of a document in the request for a call."""

# Characters that XML 1.0 does not allow. Twilio ends a call with one of them (12100),
# and the SDK escapes only markup.
_NOT_XML = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_PAUSE = 1  # seconds
# Seconds for a key after the prompt. The recipient takes the phone from the ear.
_KEY_TIMEOUT = 5
# A synthetic voice in telephone quality speaks this fast.
_CHARACTERS_PER_SECOND = 12
# A character of Chinese, Japanese or Korean is a syllable or more, so it takes as long.
_LETTERS_OF_WIDE_CHARACTER = 2
_SECONDS_PER_DIGIT = 0.8


def speak(speech: Speech, voice: Voice) -> str:
    """Return the document that speaks a code three times.

    Args:
        speech: The sentences, and the characters of the code.
        voice: The voice of their language.
    """
    document = VoiceResponse()
    # The recipient takes the phone to the ear.
    document.pause(length=_PAUSE)
    for sentence in (speech.announcement, speech.again, speech.again):
        _speak_text(document, f"{sentence} {speech.digits}.", voice)
        document.pause(length=_PAUSE)
    _speak_text(document, speech.goodbye, voice)
    return str(document.to_xml())


def await_key(speech: Speech, voice: Voice, action: str) -> str:
    """Return the document that requests a key press, twice, and then ends the call.

    Args:
        speech: The sentences.
        voice: The voice of their language.
        action: URL that Twilio requests the next document from after a key press.
    """
    document = VoiceResponse()
    # An empty key to finish on, so that # is a key like all others.
    gather = document.gather(
        action=action,
        method="POST",
        num_digits=1,
        finish_on_key="",
        timeout=_KEY_TIMEOUT,
    )
    _speak_text(gather, speech.prompt, voice)
    gather.pause(length=_KEY_TIMEOUT)
    _speak_text(gather, speech.prompt, voice)
    document.hangup()
    return str(document.to_xml())


def hang_up() -> str:
    """Return the document that ends a call without a word."""
    document = VoiceResponse()
    document.hangup()
    return str(document.to_xml())


def spoken_seconds(speech: Speech) -> int:
    """Return the seconds of a call in which its code was spoken once."""
    digits = len(speech.digits.replace(",", "").replace(" ", ""))
    announcement = _count_letters(speech.announcement) / _CHARACTERS_PER_SECOND
    return ceil(_PAUSE + announcement + digits * _SECONDS_PER_DIGIT)


def _count_letters(text: str) -> int:
    """Return the length of *text* in letters that take as long to speak."""
    wide = sum(unicodedata.east_asian_width(char) in {"W", "F"} for char in text)
    return len(text) + wide * (_LETTERS_OF_WIDE_CHARACTER - 1)


def _speak_text(verb: VoiceResponse, text: str, voice: Voice) -> None:
    verb.say(_NOT_XML.sub("", text), voice=voice.name, language=voice.language)
