"""How the Twilio SDK's requests travel: by urllib3, on connections that are kept.

The SDK's own transport waits without end by default, builds a `requests` request for
every message, and pools no plain-HTTP connections. `HttpClient` is its seam for that.
"""

from __future__ import annotations

import logging
import ssl
from urllib.parse import urlencode

import urllib3
from twilio.http import HttpClient
from twilio.http.response import Response
from urllib3.exceptions import ConnectTimeoutError, NewConnectionError, SSLError

log = logging.getLogger(__name__)

_CONNECT_SECONDS = 3.0
_READ_SECONDS = 8.0
_CONNECTIONS = 32


class NotHandedOver(Exception):
    """No connection was made, so nothing was sent."""


class PooledHttpClient(HttpClient):
    """One pool of connections, shared by every thread."""

    def __init__(
        self, *, connect: float = _CONNECT_SECONDS, read: float = _READ_SECONDS
    ) -> None:
        """Wait *connect* seconds for a connection, *read* for each piece of answer."""
        super().__init__(log, is_async=False)
        self._pool = urllib3.PoolManager(
            maxsize=_CONNECTIONS,
            timeout=urllib3.Timeout(connect=connect, read=read),
            retries=False,
        )

    def request(  # noqa: PLR0913, PLR0917 - the SDK's signature
        self,
        method: str,
        uri: str,
        params: dict[str, object] | None = None,
        data: dict[str, object] | None = None,
        headers: dict[str, str] | None = None,
        auth: tuple[str, str] | None = None,
        timeout: float | None = None,  # noqa: ARG002 - the SDK's signature; the pool's timeouts hold
        allow_redirects: bool = False,  # noqa: ARG002, FBT001, FBT002 - as above; none is followed
    ) -> Response:
        """Send one request, and read the whole answer.

        Raises:
            NotHandedOver: There was no connection to send it on.
            urllib3.exceptions.HTTPError: It may have been received.
        """
        headers = dict(headers or {})
        if auth:
            headers |= urllib3.make_headers(basic_auth=":".join(auth))
        try:
            answer = self._pool.request(
                method,
                f"{uri}?{urlencode(params, doseq=True)}" if params else uri,
                body=urlencode(data, doseq=True) if data else None,
                headers=headers,
            )
        except (ConnectTimeoutError, NewConnectionError) as error:
            raise NotHandedOver(type(error).__name__) from None
        except SSLError as error:
            # Only a certificate is looked at before anything is sent; any other fault
            # may be one of the answer.
            if isinstance(error.args[0], ssl.SSLCertVerificationError):
                raise NotHandedOver("certificate") from None
            raise
        return Response(answer.status, answer.data.decode(errors="replace"))
