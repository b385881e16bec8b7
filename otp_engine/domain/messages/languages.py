"""The languages of messages: their texts, and which one a recipient gets.

The code comes first, because notifications show the start of a message. Each text has
the sentences of a message, so that the least important ones can be left out of a
message that would need a second segment. The Spanish and Portuguese texts omit the
accents that GSM-7 lacks. Apostrophes are straight, because a curly one doubles the
price of a message.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

ENGLISH = "en"


@dataclass(frozen=True, slots=True)
class Text:
    """The sentences of a message in one language.

    Attributes:
        code: The sentence with the code and the brand.
        lifetime: The sentence with the lifetime of the code.
        warning: The warning not to share the code.
        minutes: The unit of a lifetime of a minute or more.
        seconds: The unit of a shorter lifetime.
    """

    code: str
    lifetime: str
    warning: str
    minutes: str = "min"
    seconds: str = "s"

    def render_lifetime(self, ttl: timedelta) -> str:
        """Return the sentence with the lifetime of a code."""
        # Rounded down: a text must not promise more time than the code has.
        minutes, seconds = divmod(int(ttl.total_seconds()), 60)
        time = f"{minutes} {self.minutes}" if minutes else f"{seconds} {self.seconds}"
        return self.lifetime.format(ttl=time)


TEXTS = {
    ENGLISH: Text(
        "{code} is your {brand} code.", "It expires in {ttl}.", "Don't share it."
    ),
    "ar": Text(
        "{code} هو رمز {brand}.", "صالح لمدة {ttl}.", "لا تشاركه.", "دقيقة", "ثانية"
    ),
    "de": Text(
        "{code} ist dein {brand}-Code.", "Er gilt {ttl}.", "Gib ihn nicht weiter."
    ),
    "es": Text(
        "{code} es tu codigo de {brand}.", "Caduca en {ttl}.", "No lo compartas."
    ),
    "fr": Text(
        "{code} est votre code {brand}.", "Valable {ttl}.", "Ne le partagez pas."
    ),
    "hi": Text(
        "{code} आपका {brand} कोड है।", "{ttl} तक मान्य।", "साझा न करें।", "मिनट", "सेकंड"
    ),
    "it": Text(
        "{code} è il tuo codice {brand}.", "Scade tra {ttl}.", "Non condividerlo."
    ),
    "pt": Text("{code}: seu codigo {brand}.", "Expira em {ttl}.", "Nao compartilhe."),
}

LOCALES = frozenset(TEXTS)
"""The languages of the texts, as BCP 47 primary subtags."""

# The default language of Twilio Verify for the numbers of a country. Where Twilio's
# table is silent, the likely language of CLDR (likelySubtags). Countries with another
# language, or with English, are left out: India has English in Twilio's table.
_COUNTRIES = {
    "ar": "AE BH DZ EG EH IQ JO KM KW LB LY MA MR OM PS QA SA SD SY TN YE",
    "de": "AT CH DE LI",
    "es": "AR BO CL CO CR CU DO EC ES GQ GT HN MX NI PA PE PR PY SV UY VE",
    "fr": "BF BJ BL CF CG CI CM FR GA GF GN GP LU MC MF MQ NC PF PM RE SN TG WF YT",
    "it": "IT SM VA",
    "pt": "AO BR CV GW MZ PT ST TL",
}
_LANGUAGE_OF_COUNTRY = {
    country: language
    for language, countries in _COUNTRIES.items()
    for country in countries.split()
}


def select(locale: str | None, country: str) -> str:
    """Return the BCP 47 tag of the text that a recipient gets.

    It is *locale* itself, if a text exists in its language. Otherwise it is the
    language of the recipient's country, if one exists in that, because a client that
    requests another language does not expect English. It is English for all others, and
    without a *locale*.

    Args:
        locale: BCP 47 tag that the client requested, if any.
        country: ISO 3166 code of the country of the number.
    """
    if locale is None:
        return ENGLISH
    if language_of(locale) in TEXTS:
        return locale
    return _LANGUAGE_OF_COUNTRY.get(country, ENGLISH)


def language_of(tag: str) -> str:
    """Return the language of a BCP 47 tag, such as `es` of `es-MX` or of `es_MX`."""
    return tag.replace("_", "-").partition("-")[0].lower()
