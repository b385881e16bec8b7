"""A client of `/v2` that validates each response against Twilio's specification."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flask.testing import FlaskClient

from tests.api.verify_v2 import twilio_schema

ACCOUNT, TOKEN = f"AC{'a' * 32}", "the-token-of-this-account"
SERVICE = f"VA{'0' * 32}"
TO = "+919445012345"


@dataclass
class Response:
    status: int
    body: Any
    headers: Mapping[str, str]

    @property
    def error(self) -> tuple[int, int, str]:
        return self.status, self.body["code"], self.body["message"]


# Calls `/v2` as an SDK does, and validates every response against Twilio's schema.
class Verify:
    def __init__(self, client: FlaskClient, user: str = ACCOUNT, password: str = TOKEN):
        self._http = client
        secret = base64.b64encode(f"{user}:{password}".encode()).decode()
        self._headers = {"Authorization": f"Basic {secret}"}

    def get(self, path: str, **query: Any) -> Response:
        return self._call("GET", path, query_string=query or None)

    def post(self, path: str, **form: Any) -> Response:
        dotted = {name.replace("__", "."): value for name, value in form.items()}
        return self.raw(path, data=dotted)

    def raw(self, path: str, **options: Any) -> Response:
        return self._call("POST", path, **options)

    def auth(self, path: str, **fields: str) -> Any:
        return self._http.post(path, json=fields, headers=self._headers).get_json()

    def delete(self, path: str) -> Response:
        return self._call("DELETE", path)

    def send(self, to: str = TO, service: str = SERVICE, **params: Any) -> Response:
        form = {"To": to, "Channel": "sms", **params}
        return self.post(f"/v2/Services/{service}/Verifications", **form)

    def check(self, code: str, service: str = SERVICE, **params: Any) -> Response:
        form = {"To": TO, **params} if "VerificationSid" not in params else params
        return self.post(f"/v2/Services/{service}/VerificationCheck", Code=code, **form)

    def service(self, **params: Any) -> str:
        sid: str = self.post("/v2/Services", **{"FriendlyName": "Shop", **params}).body[
            "sid"
        ]
        return sid

    def _call(self, method: str, path: str, **options: Any) -> Response:
        response = self._http.open(
            path, method=method, headers=self._headers, **options
        )
        body = response.get_json(silent=True)
        twilio_schema.assert_valid(method, path, response.status_code, body)
        return Response(response.status_code, body, dict(response.headers))
