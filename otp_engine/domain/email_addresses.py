"""E-mail addresses, parsed to their canonical form.

The canonical form is in lower case, also the part before the `@`. RFC 5321 (2.4) lets a
server distinguish the case there, and no provider of mailboxes does. Messages go to the
canonical form too, so a proof token names the address that got the code. Keys that
ignore the case, with messages to the address as written, would let the owner of
`PERSON@example.com` prove `person@example.com` at such a server.

Dots and the part after a plus stay: their meaning differs between providers, and two
addresses that a provider distinguishes must not share a verification. They do share a
limit, so that more spellings of one mailbox do not get it more messages.

A `%` or a `!` is refused: mail servers that trust this service can read them as a route
(RFC 5321, 7.7 and appendix C), and deliver `me%other.example@example.com` to another
domain than the one that a proof token names.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, field
from typing import ClassVar

import idna

from otp_engine import parsing
from otp_engine.domain.pumping_guard.places import Destination
from otp_engine.errors import InvalidEmail

_MAX_BYTES = 254  # RFC 5321, 4.5.3.1.3: a path of 256 with its angle brackets
_MAX_LOCAL_BYTES = 64  # RFC 5321, 4.5.3.1.1
# RFC 5322, 3.2.3: atoms between dots. RFC 5321 (4.1.2) advises against mailboxes with a
# quoted form.
_ATOMS = re.compile(r"[a-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[a-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
_ROUTING = frozenset("%!")
# Providers that ignore dots; both names have the same mailboxes.
_WITHOUT_DOTS = frozenset({"gmail.com", "googlemail.com"})
_LETTERS = frozenset("LMN")  # Unicode categories of an internationalized local part
_NUMERIC_LABEL = re.compile(r"[0-9]+", re.ASCII)
# A log line and an event can be matched by their time, so a short part shows nothing.
_MIN_LENGTH_TO_SHOW = 4


@dataclass(frozen=True, slots=True)
class EmailAddress:
    """An e-mail address.

    Attributes:
        canonical: The canonical form: in lower case, NFC, and with the ASCII form of
            the domain.
        masked: The address for logs: `p***@e***.com`.
        kind: Separates the pseudonyms of addresses from those of phone numbers.
        country: Empty, because an address belongs to no country.
        destination: No place, because the pumping guard does not count it.
    """

    kind: ClassVar[str] = "email"
    country: ClassVar[str] = ""
    destination: ClassVar[Destination] = Destination(block="", network="", country="")

    canonical: str
    masked: str = field(init=False, compare=False)

    def __post_init__(self) -> None:
        name, _, top = self.domain.rpartition(".")
        masked = f"{_mask(self.local_part)}@{_mask(name)}.{top}"
        object.__setattr__(self, "masked", masked)

    @property
    def local_part(self) -> str:
        """The part before the `@`."""
        return self.canonical.rpartition("@")[0]

    @property
    def domain(self) -> str:
        """The domain, in ASCII."""
        return self.canonical.rpartition("@")[2]

    @property
    def mailbox(self) -> str:
        """The address without the parts that providers ignore; only limits use it."""
        local_part, domain = self.local_part, self.domain
        local_part = local_part.partition("+")[0] or local_part
        if domain in _WITHOUT_DOTS:
            local_part, domain = local_part.replace(".", ""), "gmail.com"
        return f"{local_part}@{domain}"

    @property
    def is_internationalized(self) -> bool:
        """Whether a mail server needs SMTPUTF8 (RFC 6531) for the address."""
        return not self.canonical.isascii()

    def __repr__(self) -> str:
        return f"EmailAddress({self.masked})"


def parse(text: str) -> EmailAddress:
    """Parse an address.

    Args:
        text: The address, with or without whitespace around it.

    Raises:
        InvalidEmail: The text is not an address that a message can be sent to.
    """
    local_part, at, domain = parsing.strip(text).rpartition("@")
    if not at or len(text) > 2 * _MAX_BYTES:
        raise InvalidEmail
    address = f"{_canonical_local_part(local_part)}@{_ascii_domain(domain)}"
    if len(address.encode()) > _MAX_BYTES:
        raise InvalidEmail
    return EmailAddress(address)


def _canonical_local_part(text: str) -> str:
    normal = unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).lower())
    # Compatibility characters, such as full-width letters, look like another address.
    if normal != unicodedata.normalize("NFKC", normal):
        raise InvalidEmail
    as_ascii = "".join(
        "a" if not c.isascii() and unicodedata.category(c)[0] in _LETTERS else c
        for c in normal
    )
    if not _ATOMS.fullmatch(as_ascii) or not _ROUTING.isdisjoint(normal):
        raise InvalidEmail
    if len(normal.encode()) > _MAX_LOCAL_BYTES:
        raise InvalidEmail
    return normal


def _ascii_domain(text: str) -> str:
    """Return the ASCII form of a domain with at least two labels (RFC 5891)."""
    try:
        domain = idna.encode(text, uts46=True, std3_rules=True).decode()
    except (idna.IDNAError, UnicodeError):
        raise InvalidEmail from None
    labels = domain.split(".")
    is_name = len(labels) > 1 and not _NUMERIC_LABEL.fullmatch(labels[-1])
    if not is_name or not all(labels):
        raise InvalidEmail
    return domain


def _mask(text: str) -> str:
    return f"{text[0] if len(text) >= _MIN_LENGTH_TO_SHOW else ''}***"
