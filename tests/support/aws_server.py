"""A fake of AWS End User Messaging, which checks signatures as AWS does."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from otp_engine.config.aws_settings import AwsSettings
from otp_engine.crypto.aws_signature import AwsCredentials
from tests.support import http_server
from tests.support.http_server import Behavior, Request, respond

KEY_ID = "AKIAIOSFODNN7EXAMPLE"
SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
SESSION_TOKEN = "IQoJb3JpZ2luX2VjEXAMPLETOKEN"
REGION = "eu-west-1"
CONFIGURATION = "nc-0123456789abcdef"
MESSAGE_ID = "862a8790-60c0-4430-9b2b-658bd0000001"

_AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256 Credential=(?P<key>[^/]+)/(?P<scope>[^,]+),"
    r" SignedHeaders=(?P<names>[^,]+), Signature=(?P<signature>[0-9a-f]{64})"
)


class Aws:
    """The state of the server.

    Attributes:
        server: The server, with the requests that it has received.
        behave: Answers a request with a valid signature.
    """

    def __init__(self, server: http_server.Server) -> None:
        self.server = server
        self.behave: Behavior = self.accept
        server.behave = self._serve

    @property
    def settings(self) -> AwsSettings:
        """The settings of a provider that uses the server."""
        return AwsSettings(
            credentials=AwsCredentials(
                access_key_id=KEY_ID,
                secret_access_key=SECRET,
                session_token=SESSION_TOKEN,
            ),
            region=REGION,
            url=self.server.url,
            configuration=CONFIGURATION,
        )

    @property
    def calls(self) -> list[tuple[str, dict[str, Any]]]:
        """The operation and the parameters of each request."""
        return [
            (_operation(request), json.loads(request.body))
            for request in self.server.requests
        ]

    def accept(self, connected: socket.socket) -> None:
        """Answer with the document of a success."""
        operation, parameters = self.calls[-1]
        match operation:
            case "SendNotifyTextMessage" | "SendNotifyVoiceMessage":
                code = parameters["TemplateVariables"]["code"]
                document = {
                    "MessageId": MESSAGE_ID,
                    "TemplateId": parameters.get("TemplateId", "default"),
                    "ResolvedMessageBody": f"Your Acme code is {code}",
                }
            case "DescribeNotifyConfigurations":
                document = {"NotifyConfigurations": [{"Status": "ACTIVE"}]}
            case _:
                document = parameters
        respond(200, json.dumps(document))(connected)

    def _serve(self, connected: socket.socket) -> None:
        if _is_signed(self.server.requests[-1]):
            self.behave(connected)
        else:
            refuse(403, "InvalidSignatureException")(connected)


@contextmanager
def running() -> Iterator[Aws]:
    """Run a server on a free port until the block ends."""
    with http_server.running() as server:
        yield Aws(server)


def refuse(
    status: int, name: str, reason: str | None = None, **fields: object
) -> Behavior:
    """Return a behavior that answers with an exception of the API."""
    document = {
        "__type": f"com.amazonaws.pinpointsmsvoicev2#{name}",
        "Message": "The number +919445012345 cannot be sent 123456.",
        **({"Reason": reason} if reason else {}),
        **fields,
    }
    return respond(status, json.dumps(document))


def _operation(request: Request) -> str:
    return request.headers["x-amz-target"].removeprefix("PinpointSMSVoiceV2.")


def _is_signed(request: Request) -> bool:
    found = _AUTHORIZATION.fullmatch(request.headers.get("authorization", ""))
    scope = f"{request.headers['x-amz-date'][:8]}/{REGION}/sms-voice/aws4_request"
    if not found or found["key"] != KEY_ID or found["scope"] != scope:
        return False
    names = found["names"].split(";")
    if not {"host", "x-amz-date", "x-amz-target", "x-amz-security-token"} <= set(names):
        return False
    headers = [f"{name}:{request.headers[name]}\n" for name in names]
    body_hash = hashlib.sha256(request.body).hexdigest()
    canonical = f"POST\n/\n\n{''.join(headers)}\n{found['names']}\n{body_hash}"
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    text = f"AWS4-HMAC-SHA256\n{request.headers['x-amz-date']}\n{scope}\n{digest}"
    key = f"AWS4{SECRET}".encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    return found["signature"] == hmac.digest(key, text.encode(), "sha256").hex()
