"""Who is asking: a program that holds an API key, or anybody."""

from __future__ import annotations

import hmac
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from flask import Request

from otp_engine.crypto import api_keys
from otp_engine.crypto.api_keys import ApiKey
from otp_engine.domain import addresses
from otp_engine.errors import InvalidRequest, Unauthorized

# All who hide where they come from share one place, instead of having none.
_NOWHERE = "unknown"


@dataclass(frozen=True, slots=True)
class Caller:
    """Whoever sent the request.

    Attributes:
        name: The name of the API key; none is anybody.
    """

    name: str | None

    def address_of_person(self, request: Request, given: str | None) -> str | None:
        """The address of the person behind the request, as limits count it.

        Anybody is counted by their connection. A program is believed when it names
        the person's address; where it names none, its own is nobody's.

        Raises:
            InvalidRequest: A program named something that is no address.
        """
        if self.name is None:
            return _connection(request)
        if given is None:
            return None
        try:
            return addresses.read(given)
        except ValueError:
            raise InvalidRequest("'client_ip' must be an IP address.") from None


ANYBODY = Caller(None)


class Callers:
    """Everybody who holds a key; with no keys, everybody."""

    def __init__(
        self,
        keys: Sequence[ApiKey],
        *,
        failed: Callable[[str], None] = lambda _address: None,
    ) -> None:
        """Let in the holders of *keys*.

        Args:
            keys: All of them.
            failed: Called with the address that sent a wrong key; raises
                `RateLimited` once there were too many.
        """
        self._keys = [(key.name, key.digest) for key in keys]
        self._failed = failed

    def identify(self, request: Request) -> Caller:
        """Read `Authorization: Bearer SECRET`, or Basic with `NAME:SECRET`.

        Raises:
            Unauthorized: Keys are configured, and this is none of them.
            RateLimited: The same, and the address has sent too many wrong ones. A
                right key is never refused: clients behind one proxy share an address,
                and what protects a key is its length.
        """
        if not self._keys:
            return ANYBODY
        name, secret = _credentials(request)
        digest = api_keys.digest(secret)
        # Every key is compared, and all of it: the time tells nothing.
        found = [
            holder
            for holder, known in self._keys
            if hmac.compare_digest(digest, known) and name in {None, holder}
        ]
        if not found:
            self._failed(_connection(request))
            raise Unauthorized
        return Caller(found[0])


def _credentials(request: Request) -> tuple[str | None, str]:
    scheme, _, rest = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        # Werkzeug would read a secret with a = in it as a list of parameters.
        return None, rest.strip()
    if (basic := request.authorization) and basic.type == "basic":
        return basic.username, basic.password or ""
    raise Unauthorized


def _connection(request: Request) -> str:
    try:
        return addresses.read(request.remote_addr or "")
    except ValueError:
        return _NOWHERE
