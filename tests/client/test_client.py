"""Requests and responses of the client, without a service."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import threading
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest

import otp_engine_client
from otp_engine_client import (
    AsyncClient,
    Client,
    DeliveryUnconfirmed,
    ErrorResponse,
    InvalidCode,
    InvalidRequest,
    LimitWindow,
    OutcomeUnknown,
    RateLimited,
    ServiceError,
    ServiceUnreachable,
    TooManyAttempts,
    UnexpectedResponse,
)
from tests.support.client_calls import CALLS, HANDLE, Recorder

URL = "https://otp.example.com"
KEY = "otp_live_0123456789"
PENDING = {"VerificationStatus": "pending"}


def sent(**headers: str) -> httpx.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return httpx.Response(201, json=PENDING, headers=named)


def failed(status: int, error: str, **headers: str) -> httpx.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    body = {"msg": "A text for people.", "error": error, "limit": "sends_per_ip"}
    return httpx.Response(status, json=body, headers=named)


def client_of(*responses: httpx.Response, base_url: str = URL) -> Client:
    return Client(base_url, api_key=KEY, transport=Recorder(*responses))


def raising(error: httpx.RequestError) -> Client:
    def fail(request: httpx.Request) -> httpx.Response:
        raise error

    return Client(URL, transport=httpx.MockTransport(fail))


def error_of(response: httpx.Response) -> ErrorResponse:
    with pytest.raises(ErrorResponse) as raised:
        client_of(response).send_otp("+919445012345")
    return raised.value


def test_request_has_key_user_agent_and_json():
    recorder = Recorder(sent())
    Client(URL, api_key=KEY, transport=recorder).send_otp("9445012345")

    [request] = recorder.requests
    assert request.headers["Authorization"] == f"Bearer {KEY}"
    assert request.headers["User-Agent"].startswith("otp-engine-client/")
    assert request.content == b'{"phone":"9445012345"}'


def test_client_without_a_key_sends_no_authorization():
    recorder = Recorder(sent())
    Client(URL, transport=recorder).send_otp("9445012345")

    assert "Authorization" not in recorder.requests[0].headers


@pytest.mark.parametrize("base_url", [f"{URL}/otp", f"{URL}/otp/"])
def test_path_of_the_base_url_is_kept(base_url):
    recorder = Recorder(sent())
    Client(base_url, transport=recorder).send_otp("9445012345")

    assert str(recorder.requests[0].url) == f"{URL}/otp/auth/send_otp"


@pytest.mark.parametrize(
    "base_url",
    [
        "otp.example.com",
        "ftp://otp.example.com",
        "https://a:b@otp.example.com",
        "https://otp.example.com\0",
    ],
)
def test_invalid_base_url_is_rejected(base_url):
    with pytest.raises(ValueError, match="base URL"):
        Client(base_url)


@pytest.mark.parametrize("key", ["", "two words", "line\r\nend", "schlüssel"])
def test_invalid_key_is_rejected_without_quoting_it(key):
    with pytest.raises(ValueError, match="visible ASCII") as raised:
        Client(URL, api_key=key)

    assert not key or key not in str(raised.value)


def test_repr_has_the_url_and_no_key():
    assert repr(Client(URL, api_key=KEY)) == f"Client('{URL}')"


def test_send_has_the_facts_of_the_headers():
    policy = '"sends_per_phone 5/10m";q=5;w=600, "sends_per_key 9/1h";q=9;w=3600'
    usage = '"sends_per_phone 5/10m";r=0;t=540, "sends_per_key 9/1h";r=8'
    response = sent(
        OTP_Channel="sms",
        OTP_Expires_In="600",
        OTP_Resend_After="30",
        OTP_Verification=HANDLE,
        RateLimit_Policy=policy,
        RateLimit=usage,
        X_Request_Id="3f0c9a1be24d7755",
    )

    send = client_of(response).send_otp("+919445012345", bind=True)

    assert (send.channel, send.handle) == ("sms", HANDLE)
    assert send.expires_in == timedelta(minutes=10)
    assert send.resend_after == timedelta(seconds=30)
    assert send.request_id == "3f0c9a1be24d7755"
    assert not send.uses_authenticator
    assert send.limits == (
        LimitWindow(
            name="sends_per_phone 5/10m",
            quota=5,
            period=timedelta(minutes=10),
            remaining=0,
            resets_in=timedelta(minutes=9),
        ),
        LimitWindow(
            name="sends_per_key 9/1h", quota=9, period=timedelta(hours=1), remaining=8
        ),
    )


def test_send_for_an_authenticator_uses_it():
    assert client_of(sent(OTP_Channel="totp")).send_otp("9445012345").uses_authenticator


@pytest.mark.parametrize("text", ["", "soon", "-1", "1e3", "٣", "9" * 12])
def test_malformed_header_is_ignored(text):
    response = httpx.Response(
        201, json=PENDING, headers={"OTP-Expires-In": text.encode()}
    )

    assert client_of(response).send_otp("9445012345").expires_in is None


def test_check_is_true_for_an_approval_only():
    approved = httpx.Response(
        201, json={"VerificationStatus": "approved"}, headers={"OTP-Proof": "a.b.c"}
    )
    pending = sent(OTP_Attempts_Left="4", OTP_Expires_In="500")
    client = client_of(approved, pending)

    checks = [client.verify_otp("482913", verification=HANDLE) for _ in range(2)]

    assert list(map(bool, checks)) == [True, False]
    assert checks[0].proof == "a.b.c"
    assert checks[1].attempts_left == 4


def test_success_without_the_exact_status_is_no_approval():
    response = httpx.Response(201, json={"VerificationStatus": "Approved"})

    assert not client_of(response).verify_otp("482913", phone="9445012345")


@pytest.mark.parametrize(
    "content",
    [b"<html>", b"[]", b"null", b"{}", b'{"VerificationStatus": true, "url": null}'],
)
@pytest.mark.parametrize("operation", CALLS, ids=" ".join)
def test_success_of_another_program_is_an_unexpected_response(operation, content):
    method, positional, named = CALLS[operation]
    client = client_of(httpx.Response(200, content=content))

    with pytest.raises(UnexpectedResponse):
        getattr(client, method)(*positional, **named)


def test_text_that_is_not_unicode_reaches_the_service():
    recorder = Recorder(failed(400, "invalid_code"))
    client = Client(URL, transport=recorder)

    with pytest.raises(InvalidCode):
        client.verify_otp("\ud800", verification=HANDLE)

    assert b'"otp":"\\ud800"' in recorder.requests[0].content


def test_refusal_by_a_limit_has_its_facts():
    error = error_of(failed(429, "rate_limited", Retry_After="30"))

    assert isinstance(error, RateLimited)
    assert error.retry_after == timedelta(seconds=30)
    assert (error.limit, error.status) == ("sends_per_ip", 429)
    assert error.message == "A text for people."


def test_error_without_attempts_has_their_count():
    error = error_of(failed(429, "too_many_attempts", OTP_Attempts_Left="0"))

    assert isinstance(error, TooManyAttempts)
    assert error.attempts_left == 0


def test_unconfirmed_delivery_has_the_handle():
    error = error_of(
        failed(504, "delivery_unconfirmed", OTP_Verification=HANDLE, OTP_Channel="sms")
    )

    assert isinstance(error, DeliveryUnconfirmed)
    assert (error.send.handle, error.send.channel) == (HANDLE, "sms")
    assert HANDLE not in repr(error) + str(error)


@pytest.mark.parametrize(
    ("status", "kind"),
    [(400, InvalidRequest), (503, ServiceError), (507, ServiceError)],
)
def test_new_error_name_has_the_class_of_its_status(status, kind):
    error = error_of(failed(status, "of_a_newer_service"))

    assert type(error) is kind
    assert error.error == "of_a_newer_service"


@pytest.mark.parametrize(
    "response",
    [
        httpx.Response(502, html="<h1>Bad Gateway</h1>"),
        httpx.Response(302, headers={"Location": "https://login.example.com"}),
        httpx.Response(429, json={"error": 1, "msg": "text"}, headers={}),
        httpx.Response(404, json=["not found"]),
    ],
)
def test_answer_of_a_proxy_is_an_unexpected_response(response):
    error = error_of(response)

    assert isinstance(error, UnexpectedResponse)
    assert (error.error, error.status) == ("", response.status_code)


def test_redirect_is_not_followed():
    recorder = Recorder(httpx.Response(307, headers={"Location": "https://evil.test"}))
    client = Client(URL, api_key=KEY, transport=recorder)

    with pytest.raises(UnexpectedResponse):
        client.send_otp("9445012345")

    assert len(recorder.requests) == 1


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (httpx.ConnectError("refused"), ServiceUnreachable),
        (httpx.ConnectTimeout("slow"), ServiceUnreachable),
        (httpx.PoolTimeout("busy"), ServiceUnreachable),
        (httpx.ReadTimeout("slow"), OutcomeUnknown),
        (httpx.WriteError("reset"), OutcomeUnknown),
        (httpx.RemoteProtocolError("disconnected"), OutcomeUnknown),
        (httpx.DecodingError("gzip"), OutcomeUnknown),
    ],
)
def test_error_of_the_network_states_whether_the_request_was_sent(error, kind):
    with pytest.raises(kind):
        raising(error).send_otp("9445012345")


@pytest.mark.parametrize("operation", CALLS, ids=" ".join)
def test_failed_request_is_sent_once(operation):
    method, positional, named = CALLS[operation]
    recorder = Recorder(failed(503, "unavailable", Retry_After="1"))
    client = Client(URL, transport=recorder)

    with pytest.raises(ServiceError):
        getattr(client, method)(*positional, **named)

    assert len(recorder.requests) == 1


def test_clients_send_the_same_requests():
    async def requests() -> list[httpx.Request]:
        recorder = Recorder(failed(503, "unavailable"))
        async with AsyncClient(URL, api_key=KEY, transport=recorder) as client:
            for method, positional, named in CALLS.values():
                with pytest.raises(ServiceError):
                    await getattr(client, method)(*positional, **named)
        return recorder.requests

    of_async = asyncio.run(requests())

    recorder = Recorder(failed(503, "unavailable"))
    with Client(URL, api_key=KEY, transport=recorder) as client:
        for method, positional, named in CALLS.values():
            with pytest.raises(ServiceError):
                getattr(client, method)(*positional, **named)
    for one, other in zip(recorder.requests, of_async, strict=True):
        assert (one.method, one.url, one.content) == (
            other.method,
            other.url,
            other.content,
        )
        assert one.headers == other.headers


def test_requests_share_a_connection():
    connections = []

    class Service(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def setup(self):
            connections.append(self.client_address)
            super().setup()

        def do_POST(self):
            self.rfile.read(int(self.headers["Content-Length"]))
            body = json.dumps(PENDING).encode()
            self.send_response(201)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format, *args):
            """Log nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Service)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        with Client(f"http://127.0.0.1:{server.server_address[1]}") as client:
            for _ in range(3):
                client.send_otp("9445012345")
    finally:
        server.shutdown()
        server.server_close()
        thread.join()

    assert len(connections) == 1


def test_package_imports_nothing_of_the_service():
    program = "import sys, otp_engine_client; print('otp_engine' in sys.modules)"
    result = subprocess.run(
        [sys.executable, "-c", program],
        env={"PYTHONPATH": str(Path(otp_engine_client.__file__).parent.parent)},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )

    assert result.stdout == "False\n"
