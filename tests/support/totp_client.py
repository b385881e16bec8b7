"""A client of the entities, factors and challenges of `/v2`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from tests.support.authenticator_app import AuthenticatorApp
from tests.support.verify_client import SERVICE, Response, Verify

IDENTITY = "9b1deb4d-3b7d-4bad-9bdd-2b0d7b3dcb6d"
UNKNOWN = "0" * 32


@dataclass
class TotpClient:
    """Calls about one identity; the skew of its factors is 2.

    With it, the codes one step ago and one step ahead are accepted even when a step
    ends during a test.
    """

    verify: Verify
    service: str = SERVICE
    identity: str = IDENTITY
    apps: dict[str, AuthenticatorApp] = field(default_factory=dict)

    @property
    def entities(self) -> str:
        return f"/v2/Services/{self.service}/Entities"

    @property
    def entity(self) -> str:
        return f"{self.entities}/{self.identity}"

    @property
    def factors(self) -> str:
        return f"{self.entity}/Factors"

    @property
    def challenges(self) -> str:
        return f"{self.entity}/Challenges"

    def create_factor(self, **params: Any) -> Response:
        form = {"FriendlyName": "My phone", "FactorType": "totp", "Config__Skew": "2"}
        response = self.verify.post(self.factors, **form | params)
        if response.status == 201:
            uri = response.body["binding"]["uri"]
            self.apps[response.body["sid"]] = AuthenticatorApp(uri)
        return response

    def verified_factor(self, **params: Any) -> str:
        """Create a factor, and verify it with the code of the step before."""
        sid: str = self.create_factor(**params).body["sid"]
        assert self.verify_factor(sid).body["status"] == "verified"
        return sid

    def verify_factor(
        self, sid: str, code: str | None = None, **params: Any
    ) -> Response:
        payload = code or self.apps[sid].code(-1)
        return self.verify.post(f"{self.factors}/{sid}", AuthPayload=payload, **params)

    def challenge(
        self, factor: str, code: str | None = None, **params: Any
    ) -> Response:
        payload = {"AuthPayload": code} if code else {}
        form = {"FactorSid": factor, **payload, **params}
        return self.verify.post(self.challenges, **form)

    def check(self, challenge: str, code: str) -> Response:
        return self.verify.post(f"{self.challenges}/{challenge}", AuthPayload=code)

    def follow(self, url: str) -> Response:
        return self.verify.get(url.removeprefix("http://localhost"))

    def fetch_challenge(self, sid: str) -> Response:
        return self.verify.get(f"{self.challenges}/{sid}")
