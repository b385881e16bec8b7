"""The calls of the API as values, without input or output.

A call has the request, and the function that parses its response. `Client` and
`AsyncClient` only differ in how they send it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, Literal, TypeVar

import httpx

from otp_engine_client import responses
from otp_engine_client.results import Check, Enrollment, PageLink, Send

_Result = TypeVar("_Result")


@dataclass(frozen=True, slots=True)
class Call(Generic[_Result]):
    """A request and the parser of its response.

    Attributes:
        method: The HTTP method.
        path: The path below the base URL.
        parse: Builds the result from a response without an error.
        body: The fields of the JSON body.
    """

    method: str
    path: str
    parse: Callable[[httpx.Response], _Result]
    body: Mapping[str, Any] = field(repr=False)

    def request(self) -> dict[str, Any]:
        """Return the arguments of `httpx.Client.request`."""
        request: dict[str, Any] = {"method": self.method, "url": self.path}
        if self.body:
            # Of httpx, `json` raises an error for an unpaired surrogate. This escapes
            # it, and the service rejects it as every other text that is no code.
            text = json.dumps(self.body, separators=(",", ":"))
            request["content"] = text.encode("ascii")
            request["headers"] = {"Content-Type": "application/json"}
        return request

    def result(self, response: httpx.Response) -> _Result:
        """Return the result, or raise the error of the response."""
        responses.raise_error(response)
        return self.parse(response)


def send_otp(  # noqa: PLR0913 - the fields of the request
    phone: str | None,
    *,
    email: str | None,
    verification: str | None,
    bind: bool,
    channel: str | None,
    locale: str | None,
    client_ip: str | None,
    identity: str | None,
    vouched: bool,
) -> Call[Send]:
    """Build a send or a resend."""
    fields = _fields(
        phone=phone,
        email=email,
        verification=verification,
        bind=bind or None,
        channel=channel,
        locale=locale,
        client_ip=client_ip,
        identity=identity,
        vouched=vouched or None,
    )
    return Call("POST", "auth/send_otp", responses.send, fields)


def verify_otp(
    otp: str,
    *,
    phone: str | None,
    email: str | None,
    verification: str | None,
    client_ip: str | None,
) -> Call[Check]:
    """Build a check of a code."""
    fields = _fields(
        otp=otp,
        phone=phone,
        email=email,
        verification=verification,
        client_ip=client_ip,
    )
    return Call("POST", "auth/verify_otp", responses.check, fields)


def cancel_otp(verification: str) -> Call[None]:
    """Build the cancellation of a bound verification."""
    fields = _fields(verification=verification)
    return Call("POST", "auth/cancel_otp", responses.cancellation, fields)


def enroll_totp(
    identity: str, *, name: str | None, client_ip: str | None
) -> Call[Enrollment]:
    """Build an enrollment."""
    fields = _fields(identity=identity, name=name, client_ip=client_ip)
    return Call("POST", "auth/totp/enroll", responses.enrollment, fields)


def activate_totp(identity: str, otp: str, *, client_ip: str | None) -> Call[Check]:
    """Build the check of the first code of an enrollment."""
    fields = _fields(identity=identity, otp=otp, client_ip=client_ip)
    return Call("POST", "auth/totp/activate", responses.check, fields)


def verify_totp(
    identity: str,
    otp: str | None,
    *,
    recovery_code: str | None,
    client_ip: str | None,
) -> Call[Check]:
    """Build the check of a code of an authenticator app, or of a recovery code."""
    fields = _fields(
        identity=identity, otp=otp, recovery_code=recovery_code, client_ip=client_ip
    )
    return Call("POST", "auth/totp/verify", responses.check, fields)


def delete_totp(identity: str) -> Call[None]:
    """Build the deletion of an authenticator app."""
    fields = _fields(identity=identity)
    return Call("DELETE", "auth/totp", responses.deletion, fields)


def create_totp_link(  # noqa: PLR0913 - the fields of the request
    identity: str,
    page: Literal["enroll", "verify"],
    *,
    name: str | None,
    phone: str | None,
    return_url: str | None,
    state: str | None,
) -> Call[PageLink]:
    """Build the request of a link to the hosted page."""
    fields = _fields(
        identity=identity,
        page=page,
        name=name,
        phone=phone,
        return_url=return_url,
        state=state,
    )
    return Call("POST", "auth/totp/link", responses.page_link, fields)


def proof_keys() -> Call[Mapping[str, Any]]:
    """Build the request of the public keys of proof tokens."""
    return Call("GET", ".well-known/jwks.json", responses.keys, {})


def _fields(**values: str | bool | None) -> dict[str, str | bool]:
    return {name: value for name, value in values.items() if value is not None}
