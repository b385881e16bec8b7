"""A fake of the Telegram Gateway."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from otp_engine.config.telegram_settings import TelegramSettings
from tests.support import http_server
from tests.support.http_server import Behavior, respond

TOKEN = "AAGatewayTokenEXAMPLE"
REQUEST_ID = "107170234567890123"


class Telegram:
    """The state of the server.

    Attributes:
        server: The server, with the requests that it has received.
        behave: Answers a request with a valid token.
    """

    def __init__(self, server: http_server.Server) -> None:
        self.server = server
        self.behave: Behavior = self.accept
        server.behave = self._serve

    @property
    def settings(self) -> TelegramSettings:
        """The settings of a provider that uses the server."""
        return TelegramSettings(token=TOKEN, url=self.server.url)

    @property
    def calls(self) -> list[tuple[str, dict[str, Any]]]:
        """The method and the parameters of each request."""
        return [
            (request.line.split()[1].removeprefix("/"), json.loads(request.body))
            for request in self.server.requests
        ]

    def accept(self, connected: socket.socket) -> None:
        """Answer as the method documents it."""
        method, parameters = self.calls[-1]
        if method == "checkVerificationStatus" and "request_id" not in parameters:
            refuse("REQUEST_ID_REQUIRED")(connected)
            return
        result = {
            "request_id": REQUEST_ID,
            "phone_number": parameters.get("phone_number", "919445012345"),
            "request_cost": 0.01,
            "remaining_balance": 12.5,
            "delivery_status": {"status": "sent", "updated_at": 1_795_000_000},
        }
        respond(200, json.dumps({"ok": True, "result": result}))(connected)

    def _serve(self, connected: socket.socket) -> None:
        headers = self.server.requests[-1].headers
        if headers.get("authorization") == f"Bearer {TOKEN}":
            self.behave(connected)
        else:
            refuse("ACCESS_TOKEN_INVALID")(connected)


@contextmanager
def running() -> Iterator[Telegram]:
    """Run a server on a free port until the block ends."""
    with http_server.running() as server:
        yield Telegram(server)


def refuse(error: str, status: int = 200) -> Behavior:
    """Return a behavior that answers with an error of the API."""
    return respond(status, json.dumps({"ok": False, "error": error}))
