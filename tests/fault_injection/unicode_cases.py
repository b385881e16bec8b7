"""Invalid look-alikes and valid spellings of a phone number and a code."""

from __future__ import annotations

from collections.abc import Iterator

NATIONAL = "9445012345"
PHONE = f"+91{NATIONAL}"

# The zero of each script; its other digits follow in Unicode.
_ZEROS = {
    "Arabic-Indic": "٠",
    "Persian": "۰",
    "Devanagari": "०",
    "full-width": "０",
    "bold": "𝟎",
    "monospace": "𝟶",
}
_CONTROLS = {"NUL": "\0", "ESC": "\x1b", "DEL": "\x7f", "unit separator": "\x1f"}
_SEPARATORS = {
    "space": " ",
    "no-break space": "\u00a0",
    "thin space": "\u2009",
    "dash": "-",
    "en dash": "\u2013",
    "full-width dash": "\uff0d",
    "zero-width space": "\u200b",
    "zero-width joiner": "\u200d",
    "word joiner": "\u2060",
    "soft hyphen": "\u00ad",
    "byte order mark": "\ufeff",
    "left-to-right embedding": "\u202a",
    "right-to-left isolate": "\u2067",
    "line feed": "\n",
    "tab": "\t",
}


def invalid_phones() -> Iterator[tuple[str, str]]:
    """Yield the name and text of invalid phone numbers."""
    for name, text in _look_alikes(NATIONAL):
        yield name, text
        yield f"{name}, +91", f"+91{text}"
    yield "superscript plus", f"\u207a91{NATIONAL}"
    yield "tel:", f"tel:{PHONE}"
    yield "tel: and context", f"tel:{NATIONAL};phone-context=+91"
    yield "extension", f"{PHONE};ext=5"
    yield "x extension", f"{PHONE}x5"
    yield "two numbers", f"{PHONE},{PHONE}"
    yield "two pluses", f"+{PHONE}"
    yield "plus at the end", f"91{NATIONAL}+"
    yield "letters", "+91944501CODE"
    yield "O for 0", PHONE.replace("0", "O")
    yield "exponent", "9.445012345e9x"
    yield "15 digits", f"{PHONE}678"
    yield "16 digits", f"{PHONE}6789"
    yield "15 digits of no country", "+" + "9" * 15
    yield "16 digits of no country", "+" + "9" * 16
    yield "20 zeros in front", "0" * 10 + NATIONAL
    yield "zero after the plus", f"+0{PHONE[1:]}"
    yield "nothing but zeros", "0" * 10
    yield "nothing but a plus", "+"


def valid_phones() -> Iterator[tuple[str, str]]:
    """Yield the name and text of valid spellings of `PHONE`."""
    for name, character in _SEPARATORS.items():
        yield name, f"+91{character}94450{character}12345"
    yield "dots", "+91.94450.12345"
    yield "slashes", "+91/94450/12345"
    yield "brackets", "+91 (94450) [12345]"
    yield "national", NATIONAL
    yield "zero of the country", f"0{NATIONAL}"
    yield "zeros for the plus", f"0091{NATIONAL}"
    yield "no plus", f"91{NATIONAL}"
    yield "full-width plus", f"\uff0b91{NATIONAL}"
    for name, digits in _scripts(NATIONAL):
        yield name, digits
        yield f"{name}, +91", f"+91{digits}"


def invalid_codes(code: str) -> Iterator[tuple[str, str]]:
    """Yield the name and text of invalid spellings of *code*."""
    yield from _look_alikes(code)
    yield "plus", f"+{code}"
    yield "minus sign", f"\u2212{code}"
    yield "point", f"{code}.0"
    yield "underscore", f"{code[:3]}_{code[3:]}"
    yield "comma", f"{code[:3]},{code[3:]}"
    yield "hexadecimal", hex(int(code))
    yield "3 digits", code[:3]
    yield "11 digits", code.rjust(11, "0")
    yield "quotes", f'"{code}"'


def valid_codes(code: str) -> Iterator[tuple[str, str]]:
    """Yield the name and text of valid spellings of *code*."""
    for name, character in _SEPARATORS.items():
        yield name, f"{character}{code[:3]}{character}{code[3:]}"
    yield from _scripts(code)


def _scripts(digits: str) -> Iterator[tuple[str, str]]:
    for name, zero in _ZEROS.items():
        digits_of_script = {ord("0") + n: chr(ord(zero) + n) for n in range(10)}
        yield name, digits.translate(digits_of_script)
        yield f"one {name}", digits[:-1] + digits[-1].translate(digits_of_script)


def _look_alikes(digits: str) -> Iterator[tuple[str, str]]:
    yield "superscripts", digits.translate(str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹"))
    yield "circled", digits.translate(str.maketrans("0123456789", "⓪①②③④⑤⑥⑦⑧⑨"))
    for name, character in _CONTROLS.items():
        yield name, f"{digits[:3]}{character}{digits[3:]}"
        yield f"{name} at the end", f"{digits}{character}"
