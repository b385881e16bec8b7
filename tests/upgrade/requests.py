"""What clients and operators do, on any release that runs as a process."""

from __future__ import annotations

import base64
import http.client
import json
import urllib.parse
from contextlib import closing
from dataclasses import dataclass
from typing import Any

from otp_engine.crypto import api_keys
from tests.support import server_process
from tests.support.fakes import different_code
from tests.support.server_process import ServerProcess
from tests.support.twilio_server import Twilio

KEY, ACCOUNT = "shop-secret-0123456789", f"AC{'a' * 32}"
BEARER = {"Authorization": f"Bearer {KEY}"}
_BASIC = base64.b64encode(f"{ACCOUNT}:{KEY}".encode()).decode()
FULL_PHONE_LIMIT, FULL_IP_LIMIT = 3, 5


def environment(redis_url: str, twilio: Twilio) -> dict[str, str]:
    """Return the settings of an instance, which each release reads."""
    return server_process.production(redis_url, twilio.url) | {
        "OTP_API_KEYS": ",".join(
            api_keys.env_entry(name, KEY) for name in ("shop", ACCOUNT)
        ),
        "OTP_ARGON2": "m=64,t=1,p=1",
        "OTP_RESEND_COOLDOWN": "0s",
        "OTP_SENDS_PER_PHONE": f"{FULL_PHONE_LIMIT}/1d",
        "OTP_SENDS_PER_IP": f"{FULL_IP_LIMIT}/1d",
    }


@dataclass
class Reply:
    """A response: its status, its headers by lower-case name, and its JSON."""

    status: int
    headers: dict[str, str]
    body: Any


@dataclass
class Client:
    """A client of one instance, with the provider of the instance.

    Attributes:
        server: The instance.
        twilio: Its provider, which has the codes.
    """

    server: ServerProcess
    twilio: Twilio

    def send(self, phone: str, **fields: Any) -> Reply:
        return self._post("/auth/send_otp", {"phone": phone, **fields})

    def check(self, phone: str, code: str, **fields: Any) -> Reply:
        return self._post("/auth/verify_otp", {"phone": phone, "otp": code, **fields})

    def code(self, phone: str) -> str:
        """Return the code of the last message to *phone*."""
        return self.twilio.code_to(phone)

    def send_code(self, phone: str, **fields: Any) -> str:
        """Send to *phone*, and return the code."""
        assert self.send(phone, **fields).status == 201
        return self.code(phone)

    def fail(self, phone: str, code: str, times: int) -> None:
        """Check wrong codes."""
        for _ in range(times):
            assert self.check(phone, different_code(code)).status == 201

    def v2(self, path: str, **form: str) -> Reply:
        """POST a form to `/v2`, or GET without one."""
        headers = {
            "Authorization": f"Basic {_BASIC}",
            "Content-Type": "application/x-www-form-urlencoded",
        }
        body = urllib.parse.urlencode(form) if form else None
        return self._request("POST" if form else "GET", f"/v2/{path}", body, headers)

    def _post(self, path: str, fields: dict[str, Any]) -> Reply:
        headers = BEARER | {"Content-Type": "application/json"}
        return self._request("POST", path, json.dumps(fields), headers)

    def _request(
        self, method: str, path: str, body: str | None, headers: dict[str, str]
    ) -> Reply:
        address = (self.server.host, self.server.port)
        with closing(http.client.HTTPConnection(*address, timeout=60)) as connection:
            connection.request(method, path, body, headers)
            response = connection.getresponse()
            text = response.read().decode()
        named = {name.lower(): value for name, value in response.getheaders()}
        return Reply(response.status, named, json.loads(text or "null"))
