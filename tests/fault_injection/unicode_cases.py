"""What looks like a phone number or a code, and what is one all the same."""

from __future__ import annotations

from collections.abc import Iterator

NATIONAL = "9445012345"
PHONE = f"+91{NATIONAL}"

# The first of ten digits in a row.
_ZEROS = {
    "Arabic-Indic": "٠",
    "Persian": "۰",
    "Devanagari": "०",
    "full-width": "０",
    "bold": "𝟎",
    "monospace": "𝟶",
}
_INVISIBLE = {
    "zero-width space": "\u200b",
    "zero-width joiner": "\u200d",
    "word joiner": "\u2060",
    "soft hyphen": "\u00ad",
    "byte order mark": "\ufeff",
    "right-to-left override": "\u202e",
    "NUL": "\0",
    "line feed": "\n",
    "tab": "\t",
    "ESC": "\x1b",
}
_MEANINGLESS = {
    "space": " ",
    "no-break space": "\u00a0",
    "thin space": "\u2009",
    "dash": "-",
    "en dash": "\u2013",
    "full-width dash": "\uff0d",
}


def no_phones() -> Iterator[tuple[str, str]]:
    """What must be refused where a phone number belongs."""
    for name, text in _imitations(NATIONAL):
        yield name, text
        yield f"{name}, +91", f"+91{text}"
    yield "full-width plus", f"\uff0b91{NATIONAL}"
    yield "superscript plus", f"\u207a91{NATIONAL}"
    yield "tel:", f"tel:{PHONE}"
    yield "tel: and context", f"tel:{NATIONAL};phone-context=+91"
    yield "extension", f"{PHONE};ext=5"
    yield "x extension", f"{PHONE}x5"
    yield "two numbers", f"{PHONE},{PHONE}"
    yield "two pluses", f"+{PHONE}"
    yield "plus behind", f"91{NATIONAL}+"
    yield "letters", "+91944501CODE"
    yield "O for 0", PHONE.replace("0", "O")
    yield "exponent", "9.445012345e9x"
    yield "15 digits", f"{PHONE}678"
    yield "16 digits", f"{PHONE}6789"
    yield "15 digits of no country", "+" + "9" * 15
    yield "16 digits of no country", "+" + "9" * 16
    yield "20 zeros in front", "0" * 10 + NATIONAL
    yield "zero behind the plus", f"+0{PHONE[1:]}"
    yield "nothing but zeros", "0" * 10
    yield "nothing but a plus", "+"


def phones() -> Iterator[tuple[str, str]]:
    """Spellings of `PHONE` that the README calls one."""
    for name, mark in _MEANINGLESS.items():
        yield name, f"+91{mark}94450{mark}12345"
    yield "dots", "+91.94450.12345"
    yield "slashes", "+91/94450/12345"
    yield "brackets", "+91 (94450) [12345]"
    yield "national", NATIONAL
    yield "zero of the country", f"0{NATIONAL}"
    yield "zeros for the plus", f"0091{NATIONAL}"
    yield "no plus", f"91{NATIONAL}"


def no_codes(code: str) -> Iterator[tuple[str, str]]:
    """What must be refused where a code belongs, right as its digits may be."""
    yield from _imitations(code)
    yield "plus", f"+{code}"
    yield "minus sign", f"\u2212{code}"
    yield "point", f"{code}.0"
    yield "underscore", f"{code[:3]}_{code[3:]}"
    yield "comma", f"{code[:3]},{code[3:]}"
    yield "hexadecimal", hex(int(code))
    yield "3 digits", code[:3]
    yield "11 digits", code.rjust(11, "0")
    yield "quotes", f'"{code}"'


def codes(code: str) -> Iterator[tuple[str, str]]:
    """Spellings of *code* that the README calls one."""
    for name, mark in _MEANINGLESS.items():
        yield name, f"{mark}{code[:3]}{mark}{code[3:]}"


def _imitations(digits: str) -> Iterator[tuple[str, str]]:
    for script, zero in _ZEROS.items():
        others = {ord("0") + n: chr(ord(zero) + n) for n in range(10)}
        yield script, digits.translate(others)
        yield f"one {script}", digits[:-1] + digits[-1].translate(others)
    yield "superscripts", digits.translate(str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹"))
    yield "circled", digits.translate(str.maketrans("0123456789", "⓪①②③④⑤⑥⑦⑧⑨"))
    for name, mark in _INVISIBLE.items():
        yield name, f"{digits[:3]}{mark}{digits[3:]}"
        yield f"{name} behind", f"{digits}{mark}"
