"""Authentication of clients by their API key, and the address of a recipient."""

from __future__ import annotations

import hmac
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from flask import Request, g

from otp_engine.api import forwarded
from otp_engine.crypto import api_keys
from otp_engine.crypto.api_keys import ApiKey
from otp_engine.domain.limits import ip_networks
from otp_engine.errors import InvalidRequest, Unauthorized

# Requests without an address count as one address, so that limits apply to them too.
_UNKNOWN_ADDRESS = "unknown"


@dataclass(frozen=True, slots=True)
class Client:
    """The program that sent the request.

    Attributes:
        name: The name of the API key; None for an anonymous client.
    """

    name: str | None

    def client_ip(self, request: Request, stated: str | None) -> str | None:
        """Return the client IP that limits count.

        An anonymous client is counted by the address of its connection. A client with a
        key can state the address of the recipient. Its own address serves many
        recipients, and is not counted.

        Args:
            request: The request.
            stated: The address in the request, if any.

        Returns:
            The normalized address; None if a client with a key states none.

        Raises:
            InvalidRequest: A client with a key stated a value that is no IP address.
        """
        if self.name is None:
            return connection_address(request)
        if stated is None:
            return None
        try:
            return ip_networks.normalize(stated)
        except ValueError:
            raise InvalidRequest("'client_ip' must be an IP address.") from None


ANONYMOUS_CLIENT = Client(None)


class ApiKeyAuthenticator:
    """Authenticates the clients that have an API key; without any key, every client."""

    def __init__(
        self,
        keys: Sequence[ApiKey],
        *,
        failed: Callable[[str], None] = lambda _address: None,
    ) -> None:
        """Accept clients with one of *keys*.

        Args:
            keys: The API keys; if there are none, every client is anonymous.
            failed: Called with the address that sent a wrong key; raises
                `RateLimited` if the address has sent too many.
        """
        self._keys = [(Client(key.name), key.digest) for key in keys]
        self._failed = failed

    def authenticate(self, request: Request) -> Client:
        """Return the client of `Authorization: Bearer SECRET` or Basic `NAME:SECRET`.

        Raises:
            Unauthorized: Keys are configured, and the request has no valid one.
            RateLimited: The key is wrong, and the address has sent too many wrong ones.
                A valid key is never rejected: clients of one proxy share an address,
                and the length of a key protects it.
        """
        if not self._keys:
            return ANONYMOUS_CLIENT
        name, secret = _credentials(request)
        digest = api_keys.digest(secret)
        # Each key is compared in full, so that the duration reveals nothing.
        matches = [
            client
            for client, key_digest in self._keys
            if hmac.compare_digest(digest, key_digest) and name in {None, client.name}
        ]
        if not matches:
            self._failed(connection_address(request))
            raise Unauthorized
        return matches[0]


def _credentials(request: Request) -> tuple[str | None, str]:
    scheme, _, rest = request.environ.get("HTTP_AUTHORIZATION", "").partition(" ")
    if scheme.lower() == "bearer":
        # Werkzeug would read a secret with a = in it as a list of parameters.
        return None, rest.strip()
    if (basic := request.authorization) and basic.type == "basic":
        return basic.username, basic.password or ""
    raise Unauthorized


def connection_address(request: Request) -> str:
    """Return the address that the connection of a request counts for.

    Args:
        request: The request.
    """
    if "HTTP_X_FORWARDED_FOR" in request.environ:
        forwarded.report_untrusted()
    try:
        return ip_networks.normalize(request.remote_addr or "")
    except ValueError:
        g.unreadable_client_ip = request.remote_addr  # `forwarded` reports it
        return _UNKNOWN_ADDRESS
