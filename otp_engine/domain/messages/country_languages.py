"""The language of messages to each country, for clients that request none.

A country that is not listed has English. The own table names the language that most
people of a country read, among those with texts:

- the official language of a country with one;
- of several languages the one that most people read: English in India, South Africa,
  Singapore, the Philippines and Canada, French in Belgium and Luxembourg, German in
  Switzerland;
- of a country without texts in its languages the one that most people read besides, if
  that is not English: Russian in Belarus, Armenia and Central Asia, French and
  Portuguese in much of Africa, Croatian in Bosnia and Montenegro;
- traditional characters in Hong Kong, Macao and Taiwan.
"""

from __future__ import annotations

from collections.abc import Mapping

_OWN = {
    "ar": "AE BH DZ EG EH IQ JO KM KW LB LY MA MR OM PS QA SA SD SY TN YE",
    "ca": "AD",
    "cs": "CZ",
    "da": "DK FO GL",
    "de": "AT CH DE LI",
    "el": "CY GR",
    "es": "AR BO CL CO CR CU DO EC ES GQ GT HN MX NI PA PE PR PY SV UY VE",
    "et": "EE",
    "fi": "FI",
    "fr": "BE BF BI BJ BL CD CF CG CI CM DJ FR GA GF GN GP HT LU MC MF MG ML MQ NC NE"
    " PF PM RE SN TD TG WF YT",
    "he": "IL",
    "hr": "BA HR ME",
    "hu": "HU",
    "id": "ID",
    "it": "IT SM VA",
    "ja": "JP",
    "ko": "KP KR",
    "lt": "LT",
    "ms": "BN MY",
    "nb": "NO SJ",
    "nl": "AW BQ CW NL SR",
    "pl": "PL",
    "pt": "AO CV GW MZ PT ST TL",
    "pt-BR": "BR",
    "ro": "MD RO",
    "ru": "AM BY KG KZ RU TJ TM UZ",
    "sk": "SK",
    "sv": "AX SE",
    "th": "TH",
    "tr": "TR",
    "uk": "UA",
    "vi": "VN",
    "zh": "CN",
    "zh-HK": "HK MO TW",
}
# Twilio documents its table by calling code; this one has the countries of the codes.
# Its row for Romania has 226, the code of Burkina Faso, which means 40 here.
_VERIFY = {
    "af": "ZA",
    "ar": "AE EG KW OM SA",
    "de": "AT CH DE LU",
    "el": "CY",
    "es": "AR BO CL CO CR CU DO EC ES GT HN MX NI PA PE PY SV UY VE",
    "et": "EE",
    "fr": "BE FR MC",
    "id": "ID",
    "it": "IT SM VA",
    "ja": "JP",
    "lt": "LT",
    "pl": "PL",
    "pt": "BR PT",
    "ro": "RO",
    "sk": "SK",
    "uk": "UA",
    "vi": "VN",
    "zh": "CN",
}


def _by_country(table: Mapping[str, str]) -> dict[str, str]:
    return {
        country: language
        for language, countries in table.items()
        for country in countries.split()
    }


BY_COUNTRY = _by_country(_OWN)
"""The language of each country with another language than English."""

VERIFY = _by_country(_VERIFY)
"""The same as Twilio Verify has it."""
