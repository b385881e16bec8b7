from __future__ import annotations

import pytest

from otp_engine.domain.messages import texts
from otp_engine.domain.messages.languages import LOCALES
from otp_engine.senders import twilio_voices
from otp_engine.senders.twilio_voices import VOICES, Voice

LANGUAGES = """
    af ar ca zh-HK zh cs da nl en fi fr de el he hi hu id it ja kn ko lt ms mr nb pl pt
    pt-BR ro ru sk es sv te th tr uk vi
"""


@pytest.mark.parametrize("tag", LANGUAGES.split())
def test_language_of_messages_has_a_voice_of_the_language(tag):
    voice = twilio_voices.select(tag, {})

    assert voice
    assert voice == VOICES[tag.lower()]


def test_languages_with_spoken_texts_are_those_with_a_voice():
    spoken = {tag for tag in LOCALES if texts.load(tag).speech}

    assert spoken == {tag for tag in LOCALES if twilio_voices.select(tag, {})}


@pytest.mark.parametrize(
    ("tag", "voice"),
    [
        ("en-US", Voice("Polly.Joanna", "en-US")),
        ("en_GB", Voice("Polly.Amy", "en-GB")),
        ("EN-in", Voice("Polly.Aditi", "en-IN")),
        ("es-MX", Voice("Polly.Mia", "es-MX")),
        ("es-CO", Voice("Polly.Lucia", "es-ES")),
        ("zh-CN", Voice("Polly.Zhiyu", "cmn-CN")),
        ("tl", Voice("Google.fil-PH-Standard-A", "fil-PH")),
        ("no", Voice("Polly.Liv", "nb-NO")),
    ],
)
def test_voice_has_the_region_of_the_text_or_its_language(tag, voice):
    assert twilio_voices.select(tag, {}) == voice


@pytest.mark.parametrize("tag", ["hr", "et", "tlh", ""])
def test_language_without_a_voice_has_none(tag):
    assert twilio_voices.select(tag, {}) is None


@pytest.mark.parametrize(
    ("name", "tag", "voice"),
    [
        ("Polly.Salli", "en", Voice("Polly.Salli", "en-US")),
        ("Polly.Salli", "en-AU", Voice("Polly.Salli", "en-US")),
        ("Google.el-GR-Wavenet-B", "el", Voice("Google.el-GR-Wavenet-B", "el-GR")),
        (
            "Google.hr-HR-Chirp3-HD-Kore",
            "hr",
            Voice("Google.hr-HR-Chirp3-HD-Kore", "hr-HR"),
        ),
        ("Polly.Ivana", "hr-HR", Voice("Polly.Ivana", "hr-HR")),
    ],
)
def test_voice_of_the_operator_speaks_the_language_in_its_name(name, tag, voice):
    names = {tag.partition("-")[0]: name}

    assert twilio_voices.select(tag, names) == voice


@pytest.mark.parametrize("tag", sorted(VOICES))
def test_voice_of_the_table_speaks_the_language_of_its_name(tag):
    voice = VOICES[tag]

    vendor, _, name = voice.name.partition(".")
    assert vendor in {"Polly", "Google"}
    if vendor == "Google":
        assert name.startswith(f"{voice.language}-")
