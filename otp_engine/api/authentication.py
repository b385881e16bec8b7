"""Authentication of clients by their API key, and the address of a recipient."""

from __future__ import annotations

import hmac
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from flask import Request

from otp_engine.crypto import api_keys
from otp_engine.crypto.api_keys import ApiKey
from otp_engine.domain.limits import ip_networks
from otp_engine.errors import InvalidRequest, Unauthorized

# Requests without an address share one place, so that limits count them too.
_UNKNOWN_ADDRESS = "unknown"


@dataclass(frozen=True, slots=True)
class Client:
    """The client that sent the request.

    Attributes:
        name: The name of the API key; None is an anonymous client.
    """

    name: str | None

    def client_ip(self, request: Request, given: str | None) -> str | None:
        """Return the address of the recipient, as limits count it.

        An anonymous client is counted by its connection. A client with a key names the
        recipient's address. If it names none, no address is counted, because its own
        address serves many recipients.

        Raises:
            InvalidRequest: A client with a key named something that is not an address.
        """
        if self.name is None:
            return _connection(request)
        if given is None:
            return None
        try:
            return ip_networks.normalize(given)
        except ValueError:
            raise InvalidRequest("'client_ip' must be an IP address.") from None


ANONYMOUS = Client(None)


class ApiKeyAuthenticator:
    """The clients that have a key; without any key, every client."""

    def __init__(
        self,
        keys: Sequence[ApiKey],
        *,
        failed: Callable[[str], None] = lambda _address: None,
    ) -> None:
        """Accept the holders of *keys*.

        Args:
            keys: All keys.
            failed: Called with the address that sent a wrong key; raises
                `RateLimited` once there were too many.
        """
        self._keys = [(key.name, key.digest) for key in keys]
        self._failed = failed

    def authenticate(self, request: Request) -> Client:
        """Identify a client by `Authorization: Bearer SECRET`, or Basic `NAME:SECRET`.

        Raises:
            Unauthorized: Keys are configured, and the request has no valid one.
            RateLimited: The key is wrong, and the address has sent too many wrong ones.
                A valid key is never rejected: clients of one proxy share an address,
                and the length of a key protects it.
        """
        if not self._keys:
            return ANONYMOUS
        name, secret = _credentials(request)
        digest = api_keys.digest(secret)
        # Every key is compared in full, so that the time reveals nothing.
        matches = [
            holder
            for holder, known in self._keys
            if hmac.compare_digest(digest, known) and name in {None, holder}
        ]
        if not matches:
            self._failed(_connection(request))
            raise Unauthorized
        return Client(matches[0])


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
        return ip_networks.normalize(request.remote_addr or "")
    except ValueError:
        return _UNKNOWN_ADDRESS
