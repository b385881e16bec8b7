"""The requests of the drill, as clients of each API make them."""

from __future__ import annotations

import base64
import html
import http.client
import itertools
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlencode

from otp_engine.crypto import api_keys
from tests.fault_injection.drill.actors import Action, Api, Check, Outcome, Send
from tests.fault_injection.load import KEY
from tests.support.fakes import different_code
from tests.support.twilio_server import Twilio

ACCOUNT, TOKEN = "AC" + "0" * 32, "v2-secret-0123456789"
SHOP = KEY["Authorization"].removeprefix("Bearer ")
API_KEYS = ",".join(
    [api_keys.env_entry("shop", SHOP), api_keys.env_entry(ACCOUNT, TOKEN)]
)
_BASIC = base64.b64encode(f"{ACCOUNT}:{TOKEN}".encode()).decode()
_SERVICE = f"/v2/Services/VA{'0' * 32}"
_CONNECTIONS = 8


@dataclass(frozen=True, slots=True)
class _Response:
    status: int
    headers: http.client.HTTPMessage
    text: str


@dataclass
class Clients:
    """All clients of one service, on connections that stay open.

    Attributes:
        port: The port of the service.
        twilio: The provider that receives the messages.
    """

    port: int
    twilio: Twilio
    _connections: list[http.client.HTTPConnection] = field(init=False)
    _turn: itertools.cycle[http.client.HTTPConnection] = field(init=False)
    _cookies: dict[str, str] = field(default_factory=dict)
    _tokens: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._connections = [
            http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
            for _ in range(_CONNECTIONS)
        ]
        self._turn = itertools.cycle(self._connections)

    def close(self) -> None:
        """Close the connections."""
        for connection in self._connections:
            connection.close()

    def execute(self, action: Action) -> Outcome:
        """Make one request, and return what came of it."""
        before = len(self.twilio.messages)
        response = self._request(action)
        new = self.twilio.messages[before:]
        return Outcome(
            sent=any(form["To"] == action.phone for form in new),
            approved=isinstance(action, Check) and _is_approved(response.text),
            limited=_is_limited(response),
            status=response.status,
            error=_error_of(response),
        )

    def _request(self, action: Action) -> _Response:
        if isinstance(action, Send):
            code = ""
        else:
            code = self.twilio.code_to(action.phone)
            code = code if action.right else different_code(code)
        match action.api:
            case Api.KEY:
                return self._auth(action, code)
            case Api.VERIFY_V2:
                return self._v2(action, code)
            case Api.PAGE:
                return self._page(action, code)

    def _auth(self, action: Action, code: str) -> _Response:
        body: dict[str, str | bool] = {
            "phone": action.phone,
            "client_ip": action.address,
        }
        if isinstance(action, Send) and action.vouched:
            body["vouched"] = True
        path = "/auth/send_otp"
        if code:
            path, body["otp"] = "/auth/verify_otp", code
        headers = KEY | {"Content-Type": "application/json"}
        return self._post(path, json.dumps(body), headers)

    def _v2(self, action: Action, code: str) -> _Response:
        form = {"To": action.phone} | ({"Code": code} if code else {"Channel": "sms"})
        path = f"{_SERVICE}/{'VerificationCheck' if code else 'Verifications'}"
        return self._post_form(path, form, {"Authorization": f"Basic {_BASIC}"})

    def _page(self, action: Action, code: str) -> _Response:
        """Submit a form of the page, in the session of this phone and address."""
        person = f"{action.phone} {action.address}"
        if person not in self._tokens:
            self._read_page(person, action)
            form = {"step": "number", "phone": action.phone}
        elif code:
            form = {"step": "code", "otp": code}
        else:
            form = {"step": "resend"}
        response = self._post_form(
            "/verify",
            form | {"csrf_token": self._tokens[person]},
            self._headers(person, action),
        )
        self._keep_cookie(person, response)
        return response

    def _read_page(self, person: str, action: Action) -> None:
        response = self._call("GET", "/verify", None, self._headers(person, action))
        self._keep_cookie(person, response)
        [token, *_] = re.findall(r'name="csrf_token" value="([^"]+)"', response.text)
        self._tokens[person] = html.unescape(token)

    def _headers(self, person: str, action: Action) -> dict[str, str]:
        cookie = {"Cookie": self._cookies[person]} if person in self._cookies else {}
        return {"X-Forwarded-For": action.address} | cookie

    def _keep_cookie(self, person: str, response: _Response) -> None:
        if cookie := response.headers.get("Set-Cookie"):
            self._cookies[person] = cookie.partition(";")[0]

    def _post_form(
        self, path: str, form: Mapping[str, str], headers: Mapping[str, str]
    ) -> _Response:
        content_type = {"Content-Type": "application/x-www-form-urlencoded"}
        return self._post(path, urlencode(form), content_type | dict(headers))

    def _post(self, path: str, body: str, headers: Mapping[str, str]) -> _Response:
        return self._call("POST", path, body, headers)

    def _call(
        self, method: str, path: str, body: str | None, headers: Mapping[str, str]
    ) -> _Response:
        connection = next(self._turn)
        connection.request(method, path, body, dict(headers))
        response = connection.getresponse()
        return _Response(response.status, response.headers, response.read().decode())


def _is_approved(text: str) -> bool:
    try:
        body = json.loads(text)
    except ValueError:
        return 'data-step="done"' in text
    return "approved" in (body.get("VerificationStatus"), body.get("status"))


def _is_limited(response: _Response) -> bool:
    return response.status == 429


def _error_of(response: _Response) -> str:
    try:
        body = json.loads(response.text)
    except ValueError:
        return ""
    return str(body.get("error") or body.get("code") or "")
