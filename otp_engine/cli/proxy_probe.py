"""A test of the proxies in front of the service: can a client choose its IP address?

The probe sends requests with invented addresses to the public URL, and reads from Redis
whether the limits counted one of them. So the service needs no endpoint that reveals
how it sees a client. The requests are a wrong API key, or without API keys the check of
an unassigned number. They count for the invented addresses or for this machine.
"""

from __future__ import annotations

import http.client
import json
import secrets
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus
from ipaddress import IPv4Network
from urllib.parse import SplitResult, urlsplit

from otp_engine.config import Settings, urls
from otp_engine.domain.limits import hits
from otp_engine.domain.limits.limits import LimitHit
from otp_engine.domain.policy.policy import Policy
from otp_engine.store.redis_store import RedisStore

# RFC 2544: the addresses of measurements, which no client has.
_INVENTED = IPv4Network("198.18.0.0/15")
# Numbers with 555-01 are not assigned.
_CHECK = {"phone": "+12015550123", "otp": "000000"}
_TIMEOUT = 10  # seconds

_DASHES, _UNDERSCORES = "X-Forwarded-For", "X_Forwarded_For"


class ProbeFailed(Exception):
    """The probe has no result; the text has the reason."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProxyProbe:
    """Sends requests with invented addresses, as an attacker does.

    Attributes:
        url: The URL of the service as clients reach it.
        settings: The settings of that service.
        store: Its store.
        policy: Its policy.
    """

    url: str
    settings: Settings
    store: RedisStore
    policy: Policy

    def find_problems(self) -> list[str]:
        """Return a sentence for each header that lets a client choose its address.

        Raises:
            ProbeFailed: The service did not answer as expected, or no limit counts.
            StoreUnavailable: Redis does not answer.
        """
        first, second = _invented_headers(), _invented_headers()
        # Of two headers with one name in WSGI, the order decides which one counts.
        for headers in (list(first.items()), list(second.items())[::-1]):
            self._send(headers)
        counted = {
            name
            for name in (_DASHES, _UNDERSCORES)
            if self._is_counted(first[name]) or self._is_counted(second[name])
        }
        problems = {
            _UNDERSCORES: f"a client chooses its IP address with {_UNDERSCORES}: the"
            " proxy must drop header names with an underscore (docs/deployment.md)",
            _DASHES: f"a client chooses its IP address with {_DASHES}:"
            " OTP_TRUSTED_PROXIES is higher than the number of proxies",
        }
        found = [text for name, text in problems.items() if name in counted]
        header = self.settings.console.user_header
        if header and self._opens_console(header):
            found.append(
                f"a client names an operator of the console with {header}: the proxy"
                " must remove the header (docs/console.md)"
            )
        return found

    def _opens_console(self, header: str) -> bool:
        """Return whether the console opens for an operator that a client names.

        The name is random, because the service stores it in an event.
        """
        parts, connection = self._connect()
        name = f"doctor-{secrets.token_hex(4)}"
        try:
            connection.request("GET", f"{parts.path}/console", headers={header: name})
            return connection.getresponse().status == HTTPStatus.OK
        except (OSError, http.client.HTTPException) as error:
            raise ProbeFailed(_reason(error)) from None
        finally:
            connection.close()

    def _connect(self) -> tuple[SplitResult, http.client.HTTPConnection]:
        """Return the URL and a new connection to its host."""
        try:
            parts = urlsplit(urls.base_url(self.url))
        except ValueError as error:
            raise ProbeFailed(f"it {error}") from None
        connect = (
            http.client.HTTPSConnection
            if parts.scheme == "https"
            else http.client.HTTPConnection
        )
        return parts, connect(parts.netloc, timeout=_TIMEOUT)

    def _is_counted(self, address: str) -> bool:
        usages = self.store.limit_usage.shared_usage(self._hits(address))
        return any(usage.used for usage in usages)

    def _hits(self, address: str) -> Sequence[LimitHit]:
        pepper = self.settings.peppers[0]
        if self.settings.api_keys:
            found = hits.for_failed_authentication(address, self.policy, pepper)
        else:
            found = hits.for_check_of_client_ip(address, self.policy, pepper)
        if not found:
            name = "auth_failures_per_ip" if self.settings.api_keys else "checks_per_ip"
            raise ProbeFailed(f"{name} is off, so no limit counts the requests")
        return found

    def _send(self, headers: Sequence[tuple[str, str]]) -> None:
        """Send a request that the service must answer with 401 or 404."""
        parts, connection = self._connect()
        body = json.dumps(_CHECK).encode()
        try:
            connection.putrequest("POST", f"{parts.path}/auth/verify_otp")
            connection.putheader("Content-Type", "application/json")
            connection.putheader("Content-Length", str(len(body)))
            if self.settings.api_keys:
                wrong = secrets.token_urlsafe(32)
                connection.putheader("Authorization", f"Bearer {wrong}")
            for name, value in headers:
                connection.putheader(name, value)
            connection.endheaders(body)
            status = connection.getresponse().status
        except (OSError, http.client.HTTPException) as error:
            raise ProbeFailed(_reason(error)) from None
        finally:
            connection.close()
        expected = (
            HTTPStatus.UNAUTHORIZED if self.settings.api_keys else HTTPStatus.NOT_FOUND
        )
        if status == HTTPStatus.UNAUTHORIZED != expected:
            raise ProbeFailed("the service has API keys, and OTP_API_KEYS is not set")
        if status != expected:
            raise ProbeFailed(f"the answer was {status} instead of {int(expected)}")


def _reason(error: OSError | http.client.HTTPException) -> str:
    match error:
        case TimeoutError():
            return "no answer in time"
        case ssl.SSLCertVerificationError(verify_message=text):
            return (
                f"its certificate is not trusted: {text}; add a private authority to"
                " those of the system, or to the file of SSL_CERT_FILE"
            )
        case ssl.SSLError():
            return "no TLS connection"
        case OSError(strerror=str(text)):
            return f"no answer: {text}"
        case _:
            return "no valid HTTP response"


def _invented_headers() -> dict[str, str]:
    return {name: _invented_address() for name in (_UNDERSCORES, _DASHES)}


def _invented_address() -> str:
    return str(_INVENTED[secrets.randbelow(_INVENTED.num_addresses)])
