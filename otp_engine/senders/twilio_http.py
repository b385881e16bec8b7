"""The transport to Twilio's API: a connection pool with a deadline for each request.

The SDK's transport has no timeout, builds a `requests` request per message, and pools
no plain HTTP connections.

urllib3 opens the connections, with TLS and through proxies. A name lookup has no
timeout, so a connection is opened in a thread of its own. A request on a connection of
the pool needs no second thread.
"""

from __future__ import annotations

import ssl
import weakref
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property, partial
from itertools import chain
from time import monotonic
from urllib.parse import SplitResult, urlsplit

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection, ProxyConfig
from urllib3.exceptions import (
    ConnectTimeoutError,
    NameResolutionError,
    NewConnectionError,
)
from urllib3.util import create_urllib3_context, parse_url

from otp_engine.config.settings import Proxy
from otp_engine.errors import Overloaded
from otp_engine.resilience.time_limit import call_within
from otp_engine.senders.http_connection import HttpConnection, HttpResponse

_CONNECT_TIMEOUT = 4.0  # seconds
_RESPONSE_TIMEOUT = 8.0  # seconds
# Seconds for one address of the host. If the first address does not answer, there is
# time for the second.
_ADDRESS_TIMEOUT = 3.0
# Seconds. Firewalls drop connections without notice that are idle for some minutes. A
# request on such a connection would get no answer.
_MAX_IDLE = 180.0
_PORTS = {"http": 80, "https": 443}


class NotConnected(Exception):
    """No connection was established, so the request was not sent.

    The text is the reason, without any part of the request.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class PreparedRequest:
    """A request with a head that is written once, for all its bodies.

    Attributes:
        url: The URL.
        head: The request line and the headers, up to the value of the last one, which
            is the length of the body.
    """

    url: SplitResult
    head: str = field(repr=False)


class PooledHttpClient:
    """An HTTP client with one connection pool for all threads.

    The pool has as many connections as requests were open at once.
    """

    def __init__(
        self,
        *,
        connect: float = _CONNECT_TIMEOUT,
        respond: float = _RESPONSE_TIMEOUT,
        proxy: Proxy | None = None,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        """Create the client, without a connection.

        Args:
            connect: Seconds to wait for a connection: name lookup, proxy and TLS.
            respond: Seconds to wait for a whole response.
            proxy: The proxy for all requests; None for direct connections.
            clock: Returns monotonic seconds, to close connections that were idle.
        """
        self._connect_timeout = connect
        self._address_timeout = min(connect, _ADDRESS_TIMEOUT)
        self._response_timeout = respond
        self._clock = clock
        self._proxy = parse_url(proxy.url) if proxy else None
        login = proxy.login if proxy else None
        self._proxy_headers = (
            dict(urllib3.make_headers(proxy_basic_auth=login)) if login else {}
        )
        self._idle: defaultdict[tuple[str, str], deque[HttpConnection]] = defaultdict(
            deque
        )
        weakref.finalize(self, _close_all, self._idle)

    def prepare(
        self, method: str, url: str, headers: Mapping[str, str]
    ) -> PreparedRequest:
        """Write the head of a request.

        Args:
            method: HTTP method.
            url: URL, with the query.
            headers: Headers of the request.
        """
        parts = urlsplit(url)
        target = parts._replace(scheme="", netloc="").geturl()
        fields = {"Host": parts.netloc, "Accept-Encoding": "identity", **headers}
        if self._proxy and parts.scheme == "http":
            # The proxy forwards the request. A request with TLS has a tunnel.
            target = url
            fields |= self._proxy_headers
        lines = [f"{name}: {value}\r\n" for name, value in fields.items()]
        head = f"{method} {target} HTTP/1.1\r\n{''.join(lines)}Content-Length: "
        return PreparedRequest(url=parts, head=head)

    def send(self, request: PreparedRequest, body: str = "") -> HttpResponse:
        """Send a request, and read the whole response.

        Args:
            request: The request.
            body: Its body, in ASCII.

        Raises:
            NotConnected: No connection was established.
            OSError, MalformedResponse: The server may have received the request.
        """
        idle = self._idle[request.url.scheme, request.url.netloc]
        connection = self._take_open(idle) or self._connect(request.url, idle)
        text = f"{request.head}{len(body)}\r\n\r\n{body}"
        try:
            return connection.exchange(text.encode("ascii"), self._response_timeout)
        finally:
            if connection.is_reusable:
                connection.idle_since = self._clock()
                idle.append(connection)
            else:
                connection.close()

    def _take_open(self, idle: deque[HttpConnection]) -> HttpConnection | None:
        """Remove the connection that was used last, and is still open."""
        while True:
            try:
                connection = idle.pop()
            except IndexError:
                return None
            is_fresh = self._clock() - connection.idle_since < _MAX_IDLE
            if is_fresh and connection.is_open():
                return connection
            connection.close()

    def _connect(self, url: SplitResult, idle: deque[HttpConnection]) -> HttpConnection:
        """Open a connection to the host of *url*.

        One that takes too long is for a later request.
        """
        try:
            return call_within(
                self._connect_timeout,
                partial(self._open, url),
                thread_name="connecting",
                on_late_result=idle.append,
            )
        except TimeoutError:
            raise NotConnected("no connection in time") from None
        except Overloaded:
            raise NotConnected("no thread to connect") from None

    def _open(self, url: SplitResult) -> HttpConnection:
        connection = self._build_connection(url)
        try:
            connection.connect()
        except Exception as error:  # noqa: BLE001 - whatever the error is, no request was sent
            reason = self._reason(connection, error)
            connection.close()
            raise NotConnected(reason) from None
        if connection.sock is None:
            raise AssertionError
        return HttpConnection(connection.sock, idle_since=self._clock())

    def _build_connection(self, url: SplitResult) -> HTTPConnection:
        """Return a connection to the host of *url*, or to the proxy, not yet open."""
        host, port = url.hostname or "", url.port or _PORTS[url.scheme]
        if not self._proxy:
            return self._build(url.scheme, host, port)
        proxy_scheme = self._proxy.scheme or "http"
        proxy_host, proxy_port = self._proxy.host or "", self._proxy.port or 0
        if url.scheme == "http":
            return self._build(proxy_scheme, proxy_host, proxy_port)
        tunnel = HTTPSConnection(
            proxy_host,
            proxy_port,
            timeout=self._address_timeout,
            ssl_context=self._tls,
            proxy=self._proxy,
            proxy_config=ProxyConfig(
                self._tls,
                use_forwarding_for_https=False,
                assert_hostname=None,
                assert_fingerprint=None,
            ),
        )
        tunnel.set_tunnel(host, port, self._proxy_headers, proxy_scheme)
        return tunnel

    def _build(self, scheme: str, host: str, port: int) -> HTTPConnection:
        timeout = self._address_timeout
        if scheme == "https":
            return HTTPSConnection(host, port, timeout=timeout, ssl_context=self._tls)
        return HTTPConnection(host, port, timeout=timeout)

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        """The context of all connections: parsing the authorities takes 20 ms."""
        context = create_urllib3_context()
        context.load_default_certs()
        return context

    def _reason(self, connection: HTTPConnection, error: Exception) -> str:
        is_untrusted = isinstance(error, ssl.SSLCertVerificationError)
        if self._proxy and not (is_untrusted and connection.has_connected_to_proxy):
            return "its proxy does not answer"
        match error:
            case ssl.SSLCertVerificationError():
                return "its certificate is not trusted"
            case NameResolutionError():
                return "its host name is not known"
            case NewConnectionError(__cause__=OSError(strerror=str(text))):
                return text.lower()
            case ConnectTimeoutError() | TimeoutError():
                return "no connection in time"
            case _:
                return "no TLS connection"


def _close_all(
    connections: Mapping[tuple[str, str], Iterable[HttpConnection]],
) -> None:
    for connection in chain.from_iterable(connections.values()):
        connection.close()
