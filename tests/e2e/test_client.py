"""The Python client with a running service: in dev mode, and with API keys."""

from __future__ import annotations

import asyncio
import base64
import re
import socket
import threading
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pyotp
import pytest

from otp_engine.crypto import api_keys
from otp_engine_client import (
    AsyncClient,
    Client,
    FactorNotFound,
    InvalidCode,
    InvalidPhone,
    InvalidProof,
    OutcomeUnknown,
    RateLimited,
    ServiceUnreachable,
    TooManyAttempts,
    Unauthorized,
    VerificationNotFound,
)
from tests.support import redis_server, server_process

KEY = "shop-secret-0123456789"
README = Path(__file__).parents[2] / "client" / "README.md"


@pytest.fixture(scope="module")
def service(shared_redis):
    environ = {
        "REDIS_URL": shared_redis,
        "OTP_PEPPER": base64.b64encode(server_process.PEPPER.secret).decode(),
        "OTP_API_KEYS": api_keys.env_entry("shop", KEY),
        "OTP_PROOF_KEY": base64.b64encode(bytes(range(32))).decode(),
        "OTP_FACTOR_KEY": base64.b64encode(bytes(range(32, 64))).decode(),
        "OTP_ARGON2": "m=64,t=1,p=1",
    }
    with server_process.running_server("--dev", "--workers", "1", **environ) as server:
        yield f"http://127.0.0.1:{server.port}"


@pytest.fixture
def client(service, empty_redis):
    with Client(service, api_key=KEY) as client:
        yield client


def newest_code(service: str, phone: str = "+919445012345") -> str:
    messages = httpx.get(f"{service}/dev/inbox.json", params={"to": phone}).json()
    code: str = messages["messages"][0]["code"]
    return code


def wrong(code: str) -> str:
    return f"{(int(code) + 1) % 10 ** len(code):0{len(code)}}"


def test_bound_verification_from_send_to_proof(client, service):
    sent = client.send_otp("94450 12345", bind=True, client_ip="203.0.113.7")
    code = newest_code(service)
    failed = client.verify_otp(wrong(code), verification=sent.handle)
    approved = client.verify_otp(code, verification=sent.handle)
    proof = client.check_proof(approved.proof, audience="shop")

    assert sent.channel == "sms"
    assert sent.resend_after == timedelta(seconds=30)
    assert timedelta(0) < failed.expires_in <= sent.expires_in
    assert {limit.name.split()[0] for limit in sent.limits} >= {"sends_per_phone"}
    assert (bool(failed), failed.attempts_left) == (False, 4)
    assert (bool(approved), proof.phone) == (True, "+919445012345")
    with pytest.raises(InvalidProof):
        client.check_proof(approved.proof, audience="other")
    with pytest.raises(VerificationNotFound):
        client.verify_otp(code, verification=sent.handle)


def test_handle_is_needed_for_a_bound_verification(client, service):
    client.send_otp("9445012345", bind=True)

    with pytest.raises(VerificationNotFound):
        client.verify_otp(newest_code(service), phone="9445012345")


def test_resend_within_the_cooldown_is_rate_limited(client):
    sent = client.send_otp("9445012345", bind=True)

    with pytest.raises(RateLimited) as raised:
        client.send_otp(verification=sent.handle)

    assert raised.value.limit == "resend_cooldown"
    assert raised.value.retry_after
    assert raised.value.retry_after <= timedelta(seconds=30)


def test_verification_without_attempts_is_closed(client, service):
    sent = client.send_otp("9445012345", bind=True)
    code = newest_code(service)
    for _ in range(5):
        client.verify_otp(wrong(code), verification=sent.handle)

    with pytest.raises(TooManyAttempts) as raised:
        client.verify_otp(code, verification=sent.handle)

    assert raised.value.attempts_left == 0


def test_canceled_verification_is_not_found(client, service):
    sent = client.send_otp("9445012345", bind=True)
    client.cancel_otp(sent.handle)

    with pytest.raises(VerificationNotFound):
        client.verify_otp(newest_code(service), verification=sent.handle)


def test_invalid_values_have_their_errors(client):
    with pytest.raises(InvalidPhone):
        client.send_otp("12")
    with pytest.raises(InvalidCode):
        client.verify_otp("no code", phone="9445012345")


def test_wrong_key_is_unauthorized(service, empty_redis):
    with (
        Client(service, api_key="another-secret-0123456789") as client,
        pytest.raises(Unauthorized),
    ):
        client.send_otp("9445012345")


def test_authenticator_from_enrollment_to_deletion(client):
    enrollment = client.enroll_totp("user-4711", name="Alice")
    app = pyotp.TOTP(enrollment.secret)
    activated = client.activate_totp("user-4711", app.now())
    recovered = client.verify_totp(
        "user-4711", recovery_code=enrollment.recovery_codes[0]
    )
    repeated = client.verify_totp(
        "user-4711", recovery_code=enrollment.recovery_codes[0]
    )
    sent = client.send_otp("9445012345", identity="user-4711")
    proof = client.check_proof(recovered.proof, audience="shop")
    client.delete_totp("user-4711")

    assert (bool(activated), activated.channel) == (True, "totp")
    assert (bool(recovered), recovered.recovery_codes_left) == (True, 9)
    assert not repeated
    assert sent.uses_authenticator
    assert (proof.identity, proof.factor) == ("user-4711", "recovery_code")
    with pytest.raises(FactorNotFound):
        client.delete_totp("user-4711")


def test_link_opens_the_page(client, service):
    link = client.create_totp_link("user-4711", "enroll", name="Alice")

    response = httpx.get(link.url, follow_redirects=True)

    assert link.expires_in == timedelta(minutes=10)
    assert response.status_code == 200


def test_async_client_sends_and_checks(service, empty_redis):
    async def verify() -> bool:
        async with AsyncClient(service, api_key=KEY) as client:
            sent = await client.send_otp("9445012345", bind=True)
            code = await asyncio.to_thread(newest_code, service)
            check = await client.verify_otp(code, verification=sent.handle)
            proof = await client.check_proof(check.proof or "", audience="shop")
            return bool(check) and proof.phone == "+919445012345"

    assert asyncio.run(verify())


def test_client_needs_no_key_in_dev_mode():
    with (
        server_process.running_server("--dev", "--workers", "1") as server,
        Client(f"http://127.0.0.1:{server.port}") as client,
    ):
        sent = client.send_otp("9445012345")
        code = newest_code(f"http://127.0.0.1:{server.port}")

        assert sent.handle is None
        assert sent.limits == ()
        assert client.verify_otp(code, phone="9445012345")


def test_service_that_does_not_listen_is_unreachable():
    with (
        Client(f"http://127.0.0.1:{redis_server.free_port()}") as client,
        pytest.raises(ServiceUnreachable),
    ):
        client.send_otp("9445012345")


def test_outcome_without_an_answer_is_unknown():
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def read_and_close():
            connection, _ = listener.accept()
            with connection:
                connection.recv(65536)

        thread = threading.Thread(target=read_and_close)
        thread.start()
        with (
            Client(f"http://127.0.0.1:{listener.getsockname()[1]}") as client,
            pytest.raises(OutcomeUnknown),
        ):
            client.send_otp("9445012345")
        thread.join()


def test_code_of_the_readme_logs_in(service, empty_redis):
    [source] = re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)
    send, check = source.replace("https://otp.example.com", service).split("check = ")
    calls: list[str] = []
    names: dict[str, Any] = {
        "KEY": KEY,
        "person_ip": "203.0.113.7",
        "session": {},
        "typed_number": "94450 12345",
        "log_in": lambda: calls.append("log_in"),
        "show": calls.append,
    }
    exec(send, names)  # noqa: S102 - of this repository
    code = newest_code(service)
    for typed in (wrong(code), code):
        exec(f"check = {check}", names | {"typed_code": typed})  # noqa: S102 - as above
    names["otp"].close()

    assert calls == ["The code is wrong. 4 attempts are left.", "log_in"]
