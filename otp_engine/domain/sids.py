"""SIDs of verifications and of their sends, in Twilio's format."""

from __future__ import annotations


def verification_sid(id: bytes) -> str:
    """Return the SID of a verification.

    Args:
        id: Id of the verification, 16 bytes.
    """
    return f"VE{id.hex()}"


def verification_id(sid: str) -> bytes:
    """Return the ID, 16 bytes, of the verification with that SID."""
    return bytes.fromhex(sid.removeprefix("VE"))


def entity_sid(id: bytes) -> str:
    """Return the SID of an entity.

    Args:
        id: Id of the entity, 16 bytes.
    """
    return f"YE{id.hex()}"


def factor_sid(id: bytes) -> str:
    """Return the SID of a factor.

    Args:
        id: Id of the factor, 16 bytes.
    """
    return f"YF{id.hex()}"


def factor_id(sid: str) -> bytes:
    """Return the id, 16 bytes, of the factor with that SID."""
    return bytes.fromhex(sid.removeprefix("YF"))


def challenge_sid(id: bytes) -> str:
    """Return the SID of a challenge.

    Args:
        id: Id of the challenge, 16 bytes.
    """
    return f"YC{id.hex()}"


def challenge_id(sid: str) -> bytes:
    """Return the id, 16 bytes, of the challenge with that SID."""
    return bytes.fromhex(sid.removeprefix("YC"))


def attempt_sid(id: bytes, send_id: bytes) -> str:
    """Return the SID of one send of a verification.

    Args:
        id: Id of the verification, 16 bytes.
        send_id: Id of the send, 8 bytes.
    """
    return f"VL{send_id.hex()}{id.hex()[:16]}"
