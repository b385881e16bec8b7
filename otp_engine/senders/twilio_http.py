"""The transport of the Twilio SDK: urllib3 with a connection pool.

The SDK's default transport has no timeout, builds a `requests` request per message, and
pools no plain HTTP connections. `HttpClient` is the SDK's extension point for another.
"""

from __future__ import annotations

import logging
import ssl
from typing import Any
from urllib.parse import urlencode

import urllib3
from twilio.http import HttpClient
from twilio.http.response import Response
from urllib3.exceptions import (
    ConnectTimeoutError,
    HTTPError,
    NameResolutionError,
    NewConnectionError,
    ProxyError,
    SSLError,
)

from otp_engine.config.settings import Proxy

log = logging.getLogger(__name__)

_CONNECT_TIMEOUT = 3.0  # seconds
_READ_TIMEOUT = 8.0  # seconds
_MAX_CONNECTIONS = 32


class NotConnected(Exception):
    """No connection was established, so the request was not sent.

    The text is the reason, without any part of the request.
    """


class PooledHttpClient(HttpClient):
    """An HTTP client with one connection pool for all threads."""

    def __init__(
        self,
        *,
        connect: float = _CONNECT_TIMEOUT,
        read: float = _READ_TIMEOUT,
        proxy: Proxy | None = None,
    ) -> None:
        """Create the client, without a connection.

        Args:
            proxy: The proxy for all requests; None for direct connections.
            connect: Seconds to wait for a connection.
            read: Seconds to wait for each piece of a response.
        """
        super().__init__(log, is_async=False)
        options: dict[str, Any] = {
            "maxsize": _MAX_CONNECTIONS,
            "timeout": urllib3.Timeout(connect=connect, read=read),
            "retries": False,
        }
        if proxy:
            login = proxy.login
            headers = urllib3.make_headers(proxy_basic_auth=login) if login else None
            self._pool: urllib3.PoolManager = urllib3.ProxyManager(
                proxy.url, proxy_headers=headers, **options
            )
        else:
            self._pool = urllib3.PoolManager(**options)

    def request(  # noqa: PLR0913, PLR0917 - the SDK's signature
        self,
        method: str,
        uri: str,
        params: dict[str, object] | None = None,
        data: dict[str, object] | None = None,
        headers: dict[str, str] | None = None,
        auth: tuple[str, str] | None = None,
        timeout: float | None = None,  # noqa: ARG002 - the SDK's signature; the timeouts of the pool apply
        allow_redirects: bool = False,  # noqa: ARG002, FBT001, FBT002 - the SDK's signature; redirects are not followed
    ) -> Response:
        """Send one request, and read the whole response.

        Args:
            method: HTTP method.
            uri: URL without a query.
            params: Parameters of the query.
            data: Fields of the form in the body.
            headers: Headers of the request.
            auth: Username and password for basic authentication.
            timeout: Ignored.
            allow_redirects: Ignored.

        Returns:
            The status and the text of the response.

        Raises:
            NotConnected: No connection was established.
            urllib3.exceptions.HTTPError: Twilio may have received the request.
        """
        headers = dict(headers or {})
        if auth:
            headers |= urllib3.make_headers(basic_auth=":".join(auth))
        try:
            response = self._pool.request(
                method,
                f"{uri}?{urlencode(params, doseq=True)}" if params else uri,
                body=urlencode(data, doseq=True) if data else None,
                headers=headers,
            )
        except (ConnectTimeoutError, NewConnectionError, ProxyError) as error:
            raise NotConnected(_reason(error)) from None
        except SSLError as error:
            # Only the certificate is verified before the request is sent. Any other TLS
            # error may concern the response.
            if isinstance(error.args[0], ssl.SSLCertVerificationError):
                raise NotConnected("its certificate is not trusted") from None
            raise
        return Response(response.status, response.data.decode(errors="replace"))


def _reason(error: HTTPError) -> str:
    match error:
        case ProxyError():
            return "its proxy does not answer"
        case NameResolutionError():
            return "its host name is not known"
        case NewConnectionError(__cause__=OSError(strerror=str(text))):
            return text.lower()
        case _:
            return "no connection in time"
