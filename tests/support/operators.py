"""An operator of the console, with the cookies of a browser."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from flask import Flask
from werkzeug.test import TestResponse

from otp_engine.crypto import api_keys

ALICE, BOB = (
    "otp_live_alice-0123456789-abcdefghij",
    "otp_live_bob-0123456789-abcdefghij",
)
KEYS = f"{api_keys.env_entry('alice', ALICE)},{api_keys.env_entry('bob', BOB)}"
_TOKEN = re.compile(r'name="csrf_token" value="([0-9a-f]{64})"')


class Operator:
    """A browser with the cookies of one operator."""

    def __init__(self, app: Flask) -> None:
        self.client = app.test_client()

    def get(self, path: str = "", **options: Any) -> TestResponse:
        return self.client.get(f"/console{path}", **options)

    def sign_in(self, secret: str = ALICE, **fields: str) -> TestResponse:
        return self.submit("/sign-in", "/sign-in", key=secret, **fields)

    def submit(self, page: str, action: str, /, **fields: str) -> TestResponse:
        """Submit a form of a page."""
        return self.post(action, csrf_token=self.form_token(page), **fields)

    def post(
        self, path: str, headers: Mapping[str, str] | None = None, /, **fields: str
    ) -> TestResponse:
        url = f"/console{path}"
        return self.client.post(url, data=fields, headers=dict(headers or {}))

    def form_token(self, page: str) -> str:
        """Return the token of the forms of a page."""
        text = self.get(page).text
        found = _TOKEN.search(text)
        if found is None:
            raise AssertionError(text)
        return found[1]

    @property
    def cookie(self) -> str:
        found = self.client.get_cookie("otp_console", path="/console")
        return found.value if found else ""
