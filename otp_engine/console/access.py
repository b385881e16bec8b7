"""Who may see the console: sessions, the name from a proxy, and dev mode.

A browser sends the cookie of a session with requests of other sites at most where the
browser does not know `SameSite`. Each form has a token besides, and a request that
changes something must come from a page of this service.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import urlsplit

from flask import Response, g, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import NotFound

from otp_engine.api import authentication, cors, forwarded
from otp_engine.config.command_settings import operator_name
from otp_engine.config.console_settings import ConsoleSettings
from otp_engine.config.settings import is_loopback
from otp_engine.console import cookies, credentials
from otp_engine.console.cookies import TokenCookie
from otp_engine.crypto import api_keys
from otp_engine.crypto.api_keys import ApiKey
from otp_engine.crypto.pepper import Pepper
from otp_engine.domain.events import EventListener, OperatorSignedIn
from otp_engine.errors import FormExpired, OperatorUnknown, OriginNotAllowed
from otp_engine.store.console_sessions import ConsoleSession, RedisConsoleSessions

DEV_OPERATOR = "dev"
"""The operator of dev mode without a sign-in."""

SIGN_IN = "console.sign_in"
_OPEN = frozenset({SIGN_IN, "console.submit_key"})
_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
# A person opened the page, or a page of this service sent the request.
_OWN_SITES = frozenset({"none", "same-origin"})
_FORM_OF_ANOTHER_SITE = (
    "A page of another site sent this form, and nothing was changed. Open the console"
    " again."
)
_MAX_FORM_BYTES = 400_000
_PROXY, _DEV = "proxy", "dev"


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """Finds the operator of a request, and rejects requests without one.

    Attributes:
        settings: Who may sign in.
        sessions: The sessions.
        cookie: The cookie of a session.
        emit: Receives an event for each new session.
        count_failure: Counts a wrong key of an address; raises `RateLimited` if that
            has sent too many.
        peppers: The pepper of the service and the previous one, if there is one.
        public_url: The URL of this service; None uses the `Host` of each request.
    """

    settings: ConsoleSettings
    sessions: RedisConsoleSessions
    cookie: TokenCookie
    emit: EventListener
    count_failure: Callable[[str], None]
    peppers: Sequence[Pepper]
    public_url: str | None = None

    def guard(self) -> ResponseReturnValue | None:
        """Find the operator of this request, before its view runs.

        Returns:
            A redirect to the sign-in for a request without an operator, or a page that
            loads itself again; else None.

        Raises:
            NotFound: Dev mode has no sign-in, and the host is another machine.
            OriginNotAllowed: A page of another origin sent the request.
            FormExpired: The form is not one of this session.
            OperatorUnknown: The proxy names no operator, and there are no keys.
        """
        self.require_own_host()
        changes = request.method not in _SAFE_METHODS
        if changes:
            self._require_own_origin()
        token = self.cookie.read(request)
        if token is None and request.method == "GET" and _is_from_another_site():
            # The browser sent no cookie, and would replace the one that it has.
            return render_template("console/continue.html", url=_own_url())
        self._find_operator(token)
        if g.get("console_operator"):
            # A value of the policy can have 10,000 names.
            request.max_content_length = _MAX_FORM_BYTES
        if changes and not (
            token and cookies.is_form_token(request.form.get("csrf_token", ""), token)
        ):
            raise FormExpired
        if g.get("console_operator") or request.endpoint in _OPEN:
            return None
        if is_refresh():
            raise OperatorUnknown
        page = (request.endpoint or "").partition(".")[2]
        return redirect(url_for(SIGN_IN, next=page), HTTPStatus.SEE_OTHER)

    def require_own_host(self) -> None:
        """Reject a foreign name of this machine, where no sign-in protects the console.

        A page of another site could otherwise make its name resolve to this machine.

        Raises:
            NotFound: The host is not this machine.
        """
        if not self.settings.has_sign_in:
            host = urlsplit(f"//{request.host}").hostname or ""
            if not is_loopback(host):
                raise NotFound

    def sign_in(self, secret: str) -> bool:
        """Open a session for the operator with the key *secret*.

        Returns:
            Whether it is a key.

        Raises:
            RateLimited: The address has sent too many wrong keys.
            StoreUnavailable: Redis did not reply.
        """
        digest = api_keys.digest(secret)
        # Each key is compared in full, so that the duration reveals nothing.
        matches = [
            key for key in self.settings.keys if hmac.compare_digest(digest, key.digest)
        ]
        if not matches:
            self.count_failure(authentication.connection_address(request))
            return False
        self._open(matches[0].name, "key", matches[0])
        return True

    def sign_out(self) -> None:
        """End the session of this request.

        Raises:
            StoreUnavailable: Redis did not reply.
        """
        self.sessions.close(g.console_token)
        self._replace_token()

    def store_cookie(self, response: Response) -> Response:
        """Set the cookie in *response* if its token is new."""
        if g.get("console_token_is_new"):
            self.cookie.write(request, response, g.console_token)
        return response

    def _find_operator(self, token: bytes | None) -> None:
        """Set the token and the operator of this request, if there is one."""
        g.console_token, g.console_token_is_new = (
            token or cookies.new_token(),
            not token,
        )
        session = None
        if token:
            # A page that refreshes itself does not extend a session.
            session = self.sessions.use(token, extend=not is_refresh())
        if named := self._named_operator():
            if session != named:
                # The request names its operator, so the method is enough.
                self._open(named.operator, named.credential)
            g.console_operator = named.operator
        elif session and token and self._is_valid(session, token):
            g.console_operator = session.operator

    def _named_operator(self) -> ConsoleSession | None:
        """Return the session that a proxy or dev mode gives this request."""
        if not self.settings.has_sign_in:
            return ConsoleSession(DEV_OPERATOR, _DEV)
        if not self.settings.user_header:
            return None
        name = request.headers.get(self.settings.user_header, "").strip()
        if name and _is_operator(name):
            return ConsoleSession(name, _PROXY)
        if not self.settings.keys:
            raise OperatorUnknown
        return None

    def _is_valid(self, session: ConsoleSession, token: bytes) -> bool:
        """Return whether this service opened a session, by a key that is still one."""
        return any(
            key.name == session.operator
            and credentials.is_valid(session.credential, key, token, self.peppers)
            for key in self.settings.keys
        )

    def _open(self, operator: str, method: str, key: ApiKey | None = None) -> None:
        """Open a session with a new token: another person can know the old one."""
        self.sessions.close(g.console_token)
        self._replace_token()
        token, pepper = g.console_token, self.peppers[0]
        credential = credentials.create(key, token, pepper) if key else method
        self.sessions.open(token, ConsoleSession(operator, credential))
        address = authentication.connection_address(request)
        ip_hash = pepper.pseudonymize("address", address)
        self.emit(OperatorSignedIn(operator=operator, method=method, ip_hash=ip_hash))

    def _replace_token(self) -> None:
        g.console_token, g.console_token_is_new = cookies.new_token(), True

    def _require_own_origin(self) -> None:
        """Reject a form of another site, also of another host of this domain."""
        site = request.headers.get("Sec-Fetch-Site", "same-origin")
        origin = request.headers.get("Origin")
        is_own = origin is None or cors.is_own_origin(origin, self.public_url)
        if site not in _OWN_SITES:
            raise OriginNotAllowed(_FORM_OF_ANOTHER_SITE)
        if not is_own:
            raise OriginNotAllowed(_at_another_address(self.public_url))


def _at_another_address(public_url: str | None) -> str:
    """Return how an operator reaches the console, after a form at another address."""
    if public_url is None:
        return (
            "This form is of another address than the one that the proxy passes on as"
            " Host, and nothing was changed. Set OTP_PUBLIC_URL to the address that"
            " operators open."
        )
    return (
        "This page is not at the address of OTP_PUBLIC_URL, and nothing was changed."
        f" Open {public_url.rstrip('/')}/console instead."
    )


def is_refresh() -> bool:
    """Return whether a script of a page sent this request, without an operator."""
    return "X-Refresh" in request.headers


def _is_operator(name: str) -> bool:
    """Return whether a header that a proxy set has the name of one operator.

    A request that did not pass every proxy has too few entries in `X-Forwarded-For`. A
    comma separates several headers: a proxy has then added its own to that of a client.
    """
    try:
        operator_name(name)
    except ValueError:
        return False
    return (
        name.isascii()
        and "," not in name
        and request.remote_addr not in forwarded.UNREADABLE
    )


def _is_from_another_site() -> bool:
    """Return whether a link of another site leads here, by the browser."""
    return request.headers.get("Sec-Fetch-Site", "none") not in _OWN_SITES


def _own_url() -> str:
    return f"{request.script_root}{request.full_path}".rstrip("?")
