"""Simulated persons with authenticator apps."""

from __future__ import annotations

import base64
import http.client
import json
import secrets
import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from http.client import HTTPMessage
from typing import Any
from urllib.parse import urlencode

import pyotp

from otp_engine.crypto import api_keys
from tests.bench import clients
from tests.bench.service import Service

_ACCOUNT = "SK" + "0a" * 16  # the name of an API key that `/v2` accepts
_ACCOUNT_KEY = "account-secret-0123456789"
_BASIC = base64.b64encode(f"{_ACCOUNT}:{_ACCOUNT_KEY}".encode()).decode()
_KEYS = {"shop": clients.API_KEY, _ACCOUNT: _ACCOUNT_KEY}

SETTINGS = {
    "OTP_VERIFY_PAGE": "1",
    "OTP_FACTOR_KEY": base64.b64encode(bytes(range(64, 96))).decode(),
    "OTP_API_KEYS": ",".join(api_keys.env_entry(*each) for each in _KEYS.items()),
}
BUDGET = 10
"""Wrong checks of a factor in an hour."""


@dataclass(frozen=True, slots=True)
class App:
    """The authenticator app of an identity, and the codes on paper.

    Attributes:
        identity: The identity.
        secret: The secret in Base32.
        uri: What the QR code contains.
        recovery_codes: The recovery codes.
    """

    identity: str
    secret: str = field(repr=False)
    uri: str = field(repr=False)
    recovery_codes: Sequence[str] = field(repr=False)

    def code(self, steps: int = 0) -> str:
        """Return the code of the time step that is *steps* after the current one."""
        return pyotp.TOTP(self.secret).at(int(time.time()) + 30 * steps)


class Enroller:
    """Enrolls apps in a service."""

    def __init__(self, service: Service) -> None:
        """Enroll apps in *service*."""
        self._port = service.port
        [default] = self._read("/v2/Services")["services"]
        self._entities = f"/v2/Services/{default['sid']}/Entities"

    def enrolled(self, count: int) -> list[App]:
        """Enroll apps that no code has activated."""
        return [self._enroll(new_identity()) for _ in range(count)]

    def activated(self, count: int) -> list[App]:
        """Enroll apps, and activate each with the code of the time step before."""
        apps = self.enrolled(count)
        for app in apps:
            self._post(activation(app, steps=-1))
        return apps

    def without_recovery_codes(self) -> App:
        """Create and verify a factor by `/v2`, which has no recovery codes."""
        identity = new_identity()
        path = f"{self._entities}/{identity}/Factors"
        body = {"FactorType": "totp", "FriendlyName": identity}
        factor = self._post(_form(path, body))
        binding = factor["binding"]
        app = App(identity, binding["secret"], binding["uri"], ())
        body = {"AuthPayload": app.code(-1)}
        self._post(_form(f"{path}/{factor['sid']}", body))
        return app

    def factor_sid(self, app: App) -> str:
        """Return the SID of the factor of *app*."""
        [factor] = self._read(f"{self._entities}/{app.identity}/Factors")["factors"]
        sid: str = factor["sid"]
        return sid

    def challenge(self, app: App) -> bytes:
        """Return a request for a challenge."""
        path = f"{self._entities}/{app.identity}/Challenges"
        return _form(path, {"FactorSid": self.factor_sid(app)})

    def challenged(self, app: App) -> str:
        """Create a challenge, and return its path."""
        sid = self._post(self.challenge(app))["sid"]
        return f"{self._entities}/{app.identity}/Challenges/{sid}"

    def page(self) -> bytes:
        """Start an enrollment on its page, and return a request for that page."""
        identity = new_identity()
        body = {"identity": identity, "page": "enroll"}
        link = self._post(clients.request("/auth/totp/link", body))["url"]
        opened, _ = self._exchange(_get(link.removeprefix("http://localhost")))
        path = opened["Location"]
        shown, text = self._exchange(_get(path, Cookie=_cookie(opened)))
        assert b"<svg" in text
        return _get(path, Cookie=_cookie(shown))

    def _enroll(self, identity: str) -> App:
        reply = self._post(enrollment(identity))
        return App(identity, reply["secret"], reply["uri"], reply["recovery_codes"])

    def _read(self, path: str) -> Any:
        return self._post(_get(path, Authorization=f"Basic {_BASIC}"))

    def _post(self, request: bytes) -> Any:
        _, text = self._exchange(request)
        return json.loads(text)

    def _exchange(self, request: bytes) -> tuple[HTTPMessage, bytes]:
        """Return the headers and the body of the response to *request*."""
        with closing(http.client.HTTPConnection("127.0.0.1", self._port)) as connection:
            connection.connect()
            connection.sock.sendall(request)
            response = http.client.HTTPResponse(connection.sock)
            response.begin()
            text = response.read()
        assert response.status < 400, (response.status, text)
        return response.headers, text


def new_identity() -> str:
    """Return an identity that no other has."""
    return f"person-{secrets.token_hex(8)}"


def enrollment(identity: str) -> bytes:
    """Return a request that enrolls an app."""
    return clients.request("/auth/totp/enroll", {"identity": identity})


def activation(app: App, steps: int = 0) -> bytes:
    """Return the activation of *app* with the code of a time step."""
    body = {"identity": app.identity, "otp": app.code(steps)}
    return clients.request("/auth/totp/activate", body)


def right(app: App) -> bytes:
    """Return a check of the current code."""
    body = {"identity": app.identity, "otp": app.code()}
    return clients.request("/auth/totp/verify", body)


def wrong(app: App) -> bytes:
    """Return a check of a code of no time step near."""
    near = {app.code(steps) for steps in range(-2, 3)}
    code = next(each for each in map("{:06}".format, range(10)) if each not in near)
    body = {"identity": app.identity, "otp": code}
    return clients.request("/auth/totp/verify", body)


def recovery(app: App, n: int = 0) -> bytes:
    """Return a check of one of the recovery codes."""
    body = {"identity": app.identity, "recovery_code": app.recovery_codes[n]}
    return clients.request("/auth/totp/verify", body)


def answer(app: App, challenge: str) -> bytes:
    """Return a check of the current code for the challenge at a path."""
    return _form(challenge, {"AuthPayload": app.code()})


def _form(path: str, body: Mapping[str, str]) -> bytes:
    content = urlencode(body).encode()
    head = (
        f"POST {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Basic {_BASIC}\r\n"
        "Content-Type: application/x-www-form-urlencoded\r\n"
        f"Content-Length: {len(content)}\r\n\r\n"
    )
    return head.encode() + content


def _get(path: str, **headers: str) -> bytes:
    lines = [f"GET {path} HTTP/1.1", "Host: localhost"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode()


def _cookie(headers: HTTPMessage) -> str:
    return headers["Set-Cookie"].partition(";")[0]
