"""The handle of a bound verification, which a client needs to check it.

A handle is opaque: the id of the verification and the address, encrypted with the
pepper. So the store has no data of it, and only the pepper can create or read one.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from otp_engine.crypto.pepper import Pepper
from otp_engine.domain import addresses
from otp_engine.domain.addresses import Address
from otp_engine.domain.phones.numbers import PhoneNumber
from otp_engine.errors import InvalidRequest, VerificationNotFound

_CONTEXT = b"handle"
_ID_BYTES = 16
_TEXT = re.compile(r"[A-Za-z0-9_-]+", re.ASCII)


@dataclass(frozen=True, slots=True)
class VerificationHandle:
    """A bound verification with its phone number or e-mail address.

    Attributes:
        verification_id: Id of the verification, 16 bytes.
        address: The address that it verifies.
    """

    verification_id: bytes
    address: Address

    def encode(self, pepper: Pepper) -> str:
        """Return the handle as URL-safe text."""
        data = self.verification_id + self.address.canonical.encode()
        encrypted = pepper.encrypt(data, context=_CONTEXT)
        return base64.urlsafe_b64encode(encrypted).decode().rstrip("=")


def parse(
    text: str, peppers: Sequence[Pepper], parse_number: Callable[[str], PhoneNumber]
) -> VerificationHandle:
    """Parse a handle.

    Args:
        text: The handle, as `VerificationHandle.encode` returns it.
        peppers: The current pepper, and the previous one during a rotation.
        parse_number: Parses a number in E.164.

    Raises:
        VerificationNotFound: The text is not a handle of one of the *peppers*.
    """
    if not _TEXT.fullmatch(text):
        raise VerificationNotFound
    for pepper in peppers:
        try:
            padded = text + "=" * (-len(text) % 4)
            encrypted = base64.b64decode(padded, altchars=b"-_", validate=True)
            data = pepper.decrypt(encrypted, context=_CONTEXT)
            address = addresses.parse(data[_ID_BYTES:].decode(), parse_number)
            return VerificationHandle(data[:_ID_BYTES], address)
        except (binascii.Error, ValueError, InvalidRequest):
            continue
    raise VerificationNotFound
