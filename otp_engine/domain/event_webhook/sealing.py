"""Numbers in events, encrypted until they are posted.

Events have no full number. For an operator who wants it in the event webhook, the event
of a send has the number encrypted, and the webhook decrypts it just before the post.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

from otp_engine.crypto.pepper import Pepper


def seal(address: str, pepper: Pepper, *, verification_id: bytes) -> str:
    """Encrypt the number or the e-mail address of a recipient.

    Args:
        address: The number in E.164, or the address.
        pepper: The current pepper.
        verification_id: Id of the verification, 16 bytes.

    Returns:
        The ciphertext in hexadecimal.
    """
    context = _context(verification_id)
    return pepper.encrypt(address.encode(), context=context).hex()


def unseal(
    sealed: str, peppers: Sequence[Pepper], *, verification_id: bytes
) -> str | None:
    """Decrypt the result of `seal`.

    Args:
        sealed: The ciphertext in hexadecimal.
        peppers: The current pepper, and the previous one during a rotation.
        verification_id: Id of the verification, 16 bytes.

    Returns:
        The number or the address; None if no pepper decrypts it.
    """
    for pepper in peppers:
        with suppress(ValueError):
            data = bytes.fromhex(sealed)
            return pepper.decrypt(data, context=_context(verification_id)).decode()
    return None


def _context(verification_id: bytes) -> bytes:
    return b"event" + verification_id
