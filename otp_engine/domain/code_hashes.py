"""The hash of a code, which the store has in place of the code."""

from __future__ import annotations

from collections.abc import Callable

from otp_engine.crypto.argon2 import Argon2Parameters
from otp_engine.crypto.pepper import Pepper
from otp_engine.domain.addresses import Address
from otp_engine.domain.models import HashParameters


def hash_code(
    compute: Callable[[bytes, bytes, Argon2Parameters], bytes],
    code: str,
    address: Address,
    pepper: Pepper,
    parameters: HashParameters,
) -> bytes:
    """Return the Argon2id hash of a code, 32 bytes.

    Args:
        compute: Computes the hash in a slot of the queue.
        code: The code.
        address: The number or the e-mail address that the code is for.
        pepper: The pepper of the phone.
        parameters: The hash parameters of the verification.
    """
    mac = pepper.code_mac(
        code, verification_id=parameters.verification_id, number=address.canonical
    )
    argon2 = Argon2Parameters.parse(parameters.argon2)
    return compute(mac, parameters.verification_id, argon2)
