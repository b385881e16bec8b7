"""The transport of all providers: a connection pool with a deadline for each request.

Twilio's SDK has a transport without a timeout, which builds a `requests` request per
message, and pools no plain HTTP connections. Libraries on top of urllib3 have a timeout
for each piece of a response, and none for the whole.

A redirect is a response like any other: a request is sent once, to one URL.

urllib3 opens the connections, with TLS and through proxies. A name lookup has no
timeout, so a connection is opened in a thread of its own. A request on a connection of
the pool needs no second thread.
"""

from __future__ import annotations

import re
import socket
import ssl
import weakref
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
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

from otp_engine.config.address_filter import AddressFilter
from otp_engine.config.proxies import Proxy
from otp_engine.errors import Overloaded
from otp_engine.resilience.time_limit import call_within
from otp_engine.senders.http_connection import (
    MAX_BODY_BYTES,
    HttpConnection,
    HttpResponse,
)

_CONNECT_TIMEOUT = 4.0  # seconds
_RESPONSE_TIMEOUT = 8.0  # seconds
# Seconds for one address of the host. If the first address does not answer, there is
# time for the second.
_ADDRESS_TIMEOUT = 3.0
# Seconds. Firewalls drop connections without notice that are idle for some minutes. A
# request on such a connection would get no answer.
_MAX_IDLE = 180.0
_PORTS = {"http": 80, "https": 443}
_TARGET = re.compile(r"[!-~]+", re.ASCII)
_FIELD = re.compile(r"[\t -~]*", re.ASCII)


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


def resolve(host: str, port: int) -> Sequence[str]:
    """Return the IP addresses of a host, in the order in which to try them.

    Raises:
        OSError, UnicodeError: The host has no address.
    """
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(address[0]) for *_, address in found]


class PooledHttpClient:
    """An HTTP client with one connection pool for all threads.

    The pool has as many connections as requests were open at once.
    """

    def __init__(  # noqa: PLR0913 - options with defaults
        self,
        *,
        connect: float = _CONNECT_TIMEOUT,
        respond: float = _RESPONSE_TIMEOUT,
        max_body_bytes: int = MAX_BODY_BYTES,
        proxy: Proxy | None = None,
        addresses: AddressFilter | None = None,
        clock: Callable[[], float] = monotonic,
        resolve: Callable[[str, int], Sequence[str]] = resolve,
    ) -> None:
        """Create the client, without a connection.

        Args:
            connect: Seconds to wait for a connection: name lookup, proxy and TLS.
            respond: Seconds to wait for a whole response.
            max_body_bytes: The longest body of a response.
            proxy: The proxy for all requests; None for direct connections.
            addresses: The addresses that a host may have; None for any. A proxy looks
                up the names of hosts itself, and needs rules of its own.
            clock: Returns monotonic seconds, to close connections that were idle.
            resolve: Returns the addresses of a host, if *addresses* filters them.
        """
        self._connect_timeout = connect
        self._address_timeout = min(connect, _ADDRESS_TIMEOUT)
        self._response_timeout = respond
        self._max_body_bytes = max_body_bytes
        self._addresses = addresses
        self._clock = clock
        self._resolve = resolve
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

        Raises:
            ValueError: The URL or a header has a line break or a space that it cannot
                have, or is not ASCII.
        """
        parts = urlsplit(url)
        target = parts._replace(scheme="", netloc="", fragment="").geturl()
        if not target.startswith("/"):
            target = f"/{target}"
        fields = {"Host": parts.netloc, "Accept-Encoding": "identity", **headers}
        if self._proxy and parts.scheme == "http":
            # The proxy forwards the request. A request with TLS has a tunnel.
            target = url
            fields |= self._proxy_headers
        if not _TARGET.fullmatch(target):
            raise ValueError("a URL has a space, or is not ASCII")
        if not all(map(_FIELD.fullmatch, (*fields, *fields.values()))):
            raise ValueError("a header has a line break, or is not ASCII")
        lines = [f"{name}: {value}\r\n" for name, value in fields.items()]
        head = f"{method} {target} HTTP/1.1\r\n{''.join(lines)}Content-Length: "
        return PreparedRequest(url=parts, head=head)

    def send(self, request: PreparedRequest, body: str | bytes = b"") -> HttpResponse:
        """Send a request, and read the whole response.

        Args:
            request: The request.
            body: Its body; a text is in ASCII.

        Raises:
            NotConnected: No connection was established.
            OSError, MalformedResponse: The server may have received the request.
        """
        content = body.encode("ascii") if isinstance(body, str) else body
        head = f"{request.head}{len(content)}\r\n\r\n".encode("ascii")
        idle = self._idle[request.url.scheme, request.url.netloc]
        connection = self._take_open(idle) or self._connect(request.url, idle)
        try:
            return connection.exchange(head + content, self._response_timeout)
        finally:
            if connection.is_reusable:
                connection.idle_since = self._clock()
                idle.append(connection)
            else:
                connection.close()

    def connect(self, url: str) -> None:
        """Open a connection to the host of *url* for a later request, with TLS.

        Raises:
            NotConnected: No connection was established.
        """
        parts = urlsplit(url)
        idle = self._idle[parts.scheme, parts.netloc]
        idle.append(self._take_open(idle) or self._connect(parts, idle))

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
        reason = "its address is not in OTP_WEBHOOK_PRIVATE_NETWORKS"
        for connection in self._build_connections(url):
            try:
                connection.connect()
            except Exception as error:  # noqa: BLE001 - whatever the error is, no request was sent
                reason = self._reason(connection, error)
                connection.close()
                continue
            if connection.sock is None:
                raise AssertionError
            return HttpConnection(
                connection.sock,
                idle_since=self._clock(),
                max_body_bytes=self._max_body_bytes,
            )
        raise NotConnected(reason)

    def _build_connections(self, url: SplitResult) -> Iterator[HTTPConnection]:
        """Yield connections to the host of *url*, not yet open.

        Each address is looked up once: a second lookup could return another address
        than the one that was checked.
        """
        host, port = url.hostname or "", url.port or _PORTS[url.scheme]
        if self._proxy:
            yield self._build_proxied(url.scheme, host, port)
        elif not self._addresses:
            yield self._build(url.scheme, host, port)
        else:
            try:
                found = self._resolve(host, port)
            except (OSError, UnicodeError):
                raise NotConnected("its host name is not known") from None
            for address in filter(self._addresses.allows, found):
                yield self._build(url.scheme, host, port, address)

    def _build_proxied(self, scheme: str, host: str, port: int) -> HTTPConnection:
        """Return a connection to the proxy, with a tunnel for TLS."""
        if not self._proxy:
            raise AssertionError
        proxy_scheme = self._proxy.scheme or "http"
        proxy_host, proxy_port = self._proxy.host or "", self._proxy.port or 0
        if scheme == "http":
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

    def _build(
        self, scheme: str, host: str, port: int, address: str | None = None
    ) -> HTTPConnection:
        """Return a connection to a host, at *address* if it was looked up already."""
        timeout = self._address_timeout
        if scheme == "https":
            return HTTPSConnection(
                address or host,
                port,
                timeout=timeout,
                ssl_context=self._tls,
                # The certificate is that of the host, whatever its address is.
                server_hostname=host if address else None,
            )
        return HTTPConnection(address or host, port, timeout=timeout)

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


class HttpClient:
    """Sends requests to the paths of one URL, through a pool of connections."""

    def __init__(
        self,
        url: str,
        headers: Mapping[str, str] | None = None,
        *,
        pool: PooledHttpClient | None = None,
    ) -> None:
        """Create the client, without a connection.

        Args:
            url: The URL that the paths of the requests are appended to.
            headers: Headers of all requests.
            pool: Transports the requests; a new pool by default.
        """
        self._url = url
        self._headers = dict(headers or {})
        self._pool = pool or PooledHttpClient()

    def post(
        self, path: str, body: str | bytes, headers: Mapping[str, str] | None = None
    ) -> HttpResponse:
        """Send a POST request, and read the whole response, whatever its status is.

        Args:
            path: What follows the URL of the client, with the query; it can be empty.
            body: The body; a text is in ASCII.
            headers: Headers of this request, such as its `Content-Type`.

        Raises:
            ValueError: The URL or a header has a line break or a space that it cannot
                have, or is not ASCII.
            NotConnected: No connection was established, so nothing was sent.
            OSError, MalformedResponse: The server may have received the request.
        """
        return self._send("POST", path, body, headers)

    def get(self, path: str, headers: Mapping[str, str] | None = None) -> HttpResponse:
        """Send a GET request; see `post`."""
        return self._send("GET", path, b"", headers)

    def connect(self) -> None:
        """Open a connection for a later request, with TLS; send no request.

        Raises:
            NotConnected: No connection was established.
        """
        self._pool.connect(self._url)

    def _send(
        self,
        method: str,
        path: str,
        body: str | bytes,
        headers: Mapping[str, str] | None,
    ) -> HttpResponse:
        fields = self._headers | dict(headers or {})
        request = self._pool.prepare(method, f"{self._url}{path}", fields)
        return self._pool.send(request, body)


def _close_all(
    connections: Mapping[tuple[str, str], Iterable[HttpConnection]],
) -> None:
    for connection in chain.from_iterable(connections.values()):
        connection.close()
