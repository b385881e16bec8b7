"""The voices of Twilio's text-to-speech, by language.

Each call names its voice: without one, Twilio uses the default of the account, which
may speak another language. Twilio rejects a voice with a language that it does not
speak (errors 13520 and 13521), and then no code is spoken.

Google renames its voices from time to time, and `TWILIO_CALL_VOICES` replaces a voice
of this table. The table has a standard voice of Amazon Polly or Google where there is
one: neural voices cost four times as much.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Voice:
    """A voice, and the language that it speaks.

    Attributes:
        name: The name of the voice, such as `Polly.Amy`.
        language: The language in Twilio's spelling, such as `en-GB`.
    """

    name: str
    language: str


_LIST = """
    af af-ZA Google.af-ZA-Standard-A
    ar arb Polly.Zeina
    ca ca-ES Google.ca-ES-Standard-B
    cs cs-CZ Polly.Jitka-Neural
    da da-DK Polly.Naja
    de de-DE Polly.Vicki
    el el-GR Google.el-GR-Standard-B
    en en-US Polly.Joanna
    en-gb en-GB Polly.Amy
    en-in en-IN Polly.Aditi
    es es-ES Polly.Lucia
    es-mx es-MX Polly.Mia
    es-us es-US Polly.Lupe
    fi fi-FI Polly.Suvi-Neural
    fil fil-PH Google.fil-PH-Standard-A
    fr fr-FR Polly.Lea
    he he-IL Google.he-IL-Standard-A
    hi hi-IN Polly.Aditi
    hu hu-HU Google.hu-HU-Standard-B
    id id-ID Google.id-ID-Standard-A
    it it-IT Polly.Bianca
    ja ja-JP Polly.Mizuki
    kn kn-IN Google.kn-IN-Standard-A
    ko ko-KR Polly.Seoyeon
    lt lt-LT Google.lt-LT-Standard-B
    mr mr-IN Google.mr-IN-Standard-A
    ms ms-MY Google.ms-MY-Standard-A
    nb nb-NO Polly.Liv
    nl nl-NL Polly.Lotte
    pl pl-PL Polly.Ewa
    pt pt-PT Polly.Ines
    pt-br pt-BR Polly.Camila
    ro ro-RO Polly.Carmen
    ru ru-RU Polly.Tatyana
    sk sk-SK Google.sk-SK-Standard-B
    sv sv-SE Polly.Astrid
    ta ta-IN Google.ta-IN-Standard-A
    te te-IN Google.te-IN-Standard-A
    th th-TH Google.th-TH-Standard-A
    tr tr-TR Polly.Filiz
    uk uk-UA Google.uk-UA-Standard-A
    vi vi-VN Google.vi-VN-Standard-A
    zh cmn-CN Polly.Zhiyu
    zh-hk yue-CN Polly.Hiujin-Neural
"""

# Other tags of the same languages.
_ALIASES = {"no": "nb", "tl": "fil"}

VOICES = {
    tag: Voice(name, language)
    for tag, language, name in (line.split() for line in _LIST.strip().splitlines())
}
"""The voice of each BCP 47 tag in lower case."""


def select(tag: str, names: Mapping[str, str]) -> Voice | None:
    """Return the voice for texts in a language.

    Args:
        tag: BCP 47 tag of the text.
        names: Voices of the operator by tag in lower case, which precede the table.

    Returns:
        The voice; None if there is none for the language.
    """
    lower = tag.replace("_", "-").lower()
    language = lower.partition("-")[0]
    for key in (lower, language, _ALIASES.get(language, language)):
        voice = VOICES.get(key)
        if name := names.get(key):
            return Voice(name, _language_of(name) or (voice.language if voice else tag))
        if voice:
            return voice
    return None


def _language_of(name: str) -> str | None:
    """Return the language in the name of a voice of Google: `Google.el-GR-Standard-B`.

    The names of Amazon Polly have none.
    """
    vendor, _, rest = name.partition(".")
    language, _, region_and_kind = rest.partition("-")
    region = region_and_kind.partition("-")[0]
    return f"{language}-{region}" if vendor == "Google" and region else None
