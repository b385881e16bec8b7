"""One call of each method of the client, with every argument that it has."""

from __future__ import annotations

from typing import Any

import httpx

HANDLE = "im4urh8P8UkIUqoOt4VP1J38d-SoSuIW2cDnyWTFoxLYTIRZ-3xCjcwv4AKl"
IDENTITY = "user-4711"
CALLS: dict[tuple[str, str], tuple[str, tuple[Any, ...], dict[str, Any]]] = {
    ("post", "/auth/send_otp"): (
        "send_otp",
        ("+919445012345",),
        {
            "email": "person@example.com",
            "verification": HANDLE,
            "bind": True,
            "channel": "sms",
            "locale": "hi",
            "client_ip": "203.0.113.7",
            "identity": IDENTITY,
            "vouched": True,
        },
    ),
    ("post", "/auth/verify_otp"): (
        "verify_otp",
        ("482913",),
        {
            "phone": "+919445012345",
            "email": "person@example.com",
            "verification": HANDLE,
            "client_ip": "203.0.113.7",
        },
    ),
    ("post", "/auth/cancel_otp"): ("cancel_otp", (HANDLE,), {}),
    ("post", "/auth/totp/enroll"): (
        "enroll_totp",
        (IDENTITY,),
        {"name": "Alice", "client_ip": "203.0.113.7"},
    ),
    ("post", "/auth/totp/activate"): (
        "activate_totp",
        (IDENTITY, "482913"),
        {"client_ip": "203.0.113.7"},
    ),
    ("post", "/auth/totp/verify"): (
        "verify_totp",
        (IDENTITY, "482913"),
        {"recovery_code": "7k2pd-9xw4m", "client_ip": "203.0.113.7"},
    ),
    ("delete", "/auth/totp"): ("delete_totp", (IDENTITY,), {}),
    ("post", "/auth/totp/link"): (
        "create_totp_link",
        (IDENTITY, "verify"),
        {
            "name": "Alice",
            "phone": "+919445012345",
            "return_url": "https://app.example.com/verified",
            "state": "s" * 32,
        },
    ),
}
"""By method and path: the method of the client, and its arguments."""


class Recorder(httpx.MockTransport):
    """Answers every request with one response, and keeps the requests."""

    def __init__(self, *responses: httpx.Response) -> None:
        """Answer with *responses* in turn; the last one repeats."""
        self.requests: list[httpx.Request] = []
        self._responses = list(responses)
        super().__init__(self._answer)

    def _answer(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        if len(self._responses) > 1:
            return self._responses.pop(0)
        return self._responses[0]
