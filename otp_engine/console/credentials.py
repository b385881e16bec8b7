"""The credential of a session: a MAC that only this service can compute.

It binds the session to its token, its operator and the operator's key. A client with
write access to Redis can otherwise open a session for its own token, and so have this
service sign a policy version.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence

from otp_engine.crypto.api_keys import ApiKey
from otp_engine.crypto.pepper import Pepper

_KIND = "session of the console"


def create(key: ApiKey, token: bytes, pepper: Pepper) -> str:
    """Return the credential of a session.

    Args:
        key: The key that the operator signed in with.
        token: The token of the session.
        pepper: The pepper of the service.
    """
    digests = f"{key.digest.hex()} {hashlib.sha256(token).hexdigest()}"
    return pepper.pseudonymize(_KIND, f"{digests} {key.name}")


def is_valid(text: str, key: ApiKey, token: bytes, peppers: Sequence[Pepper]) -> bool:
    """Return whether *text* is the credential of a session.

    Args:
        text: The stored credential.
        key: A key of the operator.
        token: The token of the session.
        peppers: The pepper of the service and the previous one, if there is one.
    """
    return any(
        hmac.compare_digest(text.encode(), create(key, token, pepper).encode())
        for pepper in peppers
    )
