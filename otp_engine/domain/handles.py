"""The handle of a bound verification: what a client needs to check it.

It is opaque: the verification's id and the phone number, encrypted under the pepper. So
nothing is stored for it, and no one without the pepper can make one or read one.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from otp_engine.domain.pepper import Pepper
from otp_engine.domain.phone import PhoneNumber
from otp_engine.errors import InvalidPhone, VerificationNotFound

_CONTEXT = b"handle"
_ID_BYTES = 16
_TEXT = re.compile(r"[A-Za-z0-9_-]+", re.ASCII)


@dataclass(frozen=True, slots=True)
class Handle:
    """A bound verification, and the phone that it belongs to.

    Attributes:
        verification: Its id, 16 bytes.
    """

    verification: bytes
    number: PhoneNumber

    def write(self, pepper: Pepper) -> str:
        """Return the handle as text of URL-safe characters."""
        data = self.verification + self.number.e164.encode()
        encrypted = pepper.encrypt(data, context=_CONTEXT)
        return base64.urlsafe_b64encode(encrypted).decode().rstrip("=")


def read(
    text: str, peppers: Sequence[Pepper], number: Callable[[str], PhoneNumber]
) -> Handle:
    """Read a handle.

    Args:
        text: What `Handle.write` returned.
        peppers: The current pepper and the one before a rotation.
        number: Parses a number in E.164.

    Raises:
        VerificationNotFound: It is not a handle, or its pepper is gone.
    """
    if not _TEXT.fullmatch(text):
        raise VerificationNotFound
    for pepper in peppers:
        try:
            padded = text + "=" * (-len(text) % 4)
            encrypted = base64.b64decode(padded, altchars=b"-_", validate=True)
            data = pepper.decrypt(encrypted, context=_CONTEXT)
            return Handle(data[:_ID_BYTES], number(data[_ID_BYTES:].decode()))
        except (binascii.Error, ValueError, InvalidPhone):
            continue
    raise VerificationNotFound
