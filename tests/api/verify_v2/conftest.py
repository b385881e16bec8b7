from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pytest
from flask.testing import FlaskClient

from tests.api.verify_v2 import wire

ACCOUNT, TOKEN = f"AC{'a' * 32}", "the-token-of-this-account"
SERVICE = f"VA{'0' * 32}"
TO = "+919445012345"


@dataclass
class Answer:
    """What came back, which has been held against Twilio's specification."""

    status: int
    body: Any
    headers: Mapping[str, str]

    @property
    def error(self) -> tuple[int, int, str]:
        return self.status, self.body["code"], self.body["message"]


class Verify:
    """Calls `/v2` as an SDK does, and holds every answer against the specification."""

    def __init__(self, http: FlaskClient, user: str = ACCOUNT, password: str = TOKEN):
        self._http = http
        secret = base64.b64encode(f"{user}:{password}".encode()).decode()
        self._headers = {"Authorization": f"Basic {secret}"}

    def get(self, path: str, **query: Any) -> Answer:
        return self._call("GET", path, query_string=query or None)

    def post(self, path: str, **form: Any) -> Answer:
        dotted = {name.replace("__", "."): value for name, value in form.items()}
        return self.raw(path, data=dotted)

    def raw(self, path: str, **how: Any) -> Answer:
        """Post whatever may be posted."""
        return self._call("POST", path, **how)

    def auth(self, path: str, **fields: str) -> Any:
        """Call the service's own API with the same key."""
        return self._http.post(path, json=fields, headers=self._headers).get_json()

    def delete(self, path: str) -> Answer:
        return self._call("DELETE", path)

    def send(self, to: str = TO, service: str = SERVICE, **more: Any) -> Answer:
        form = {"To": to, "Channel": "sms", **more}
        return self.post(f"/v2/Services/{service}/Verifications", **form)

    def check(self, code: str, service: str = SERVICE, **more: Any) -> Answer:
        form = {"To": TO, **more} if "VerificationSid" not in more else more
        return self.post(f"/v2/Services/{service}/VerificationCheck", Code=code, **form)

    def service(self, **more: Any) -> str:
        """Begin a service, and give its sid."""
        sid: str = self.post("/v2/Services", **{"FriendlyName": "Shop", **more}).body[
            "sid"
        ]
        return sid

    def _call(self, method: str, path: str, **how: Any) -> Answer:
        answer = self._http.open(path, method=method, headers=self._headers, **how)
        body = answer.get_json(silent=True)
        wire.hold(method, path, answer.status_code, body)
        return Answer(answer.status_code, body, dict(answer.headers))


@pytest.fixture
def verify(app_with) -> Verify:
    """An SDK with the account's token, and no limits in its way."""
    app = app_with(
        OTP_API_KEYS=f"{ACCOUNT}:{TOKEN}",
        OTP_SENDS_PER_PHONE="off",
        OTP_FAILED_CHECKS_PER_PHONE="1000/1h",
    )
    return Verify(app.test_client())


@pytest.fixture
def verify_with(app_with):
    """The same with other settings."""

    def build(user=ACCOUNT, password=TOKEN, **environ):
        return Verify(app_with(**environ).test_client(), user, password)

    return build
