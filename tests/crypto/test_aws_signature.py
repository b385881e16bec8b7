"""The cases of AWS's Signature Version 4 test suite that are a POST without a query."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from otp_engine.crypto.aws_signature import AwsCredentials, RequestSigner

AT = datetime(2015, 8, 30, 12, 36, tzinfo=UTC)
HOST = {"Host": "example.amazonaws.com"}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
FORM_UTF8 = {"Content-Type": "application/x-www-form-urlencoded; charset=utf8"}
SESSION_TOKEN = (
    "AQoDYXdzEPT//////////wEXAMPLEtc764bNrC9SAPBSM22wDOk4x4HIZ8j4FZTwdQWLWsKWHGBuFqwA"
    "eMicRXmxfpSPfIeoIYRqTflfKD8YUuwthAx7mSEI/qkPpKPi/kMcGdQrmGdeehM4IC1NtBmUpp2wUE8p"
    "hUZampKsburEDy0KPkyQDYwT7WZ0wq5VSXDvp75YU9HFvlRd8Tx6q6fE8YQcHNVXAkiY9q6d+xo0rKwT"
    "38xVqr7ZD0u0iPPkUL64lIZbqBAz+scqKmlzm8FDrypNC9Yjc8fPOLn9FX9KSYvKTr4rvx3iSIlTJabI"
    "Qwj2ICCR/oLxBA=="
)


def _signer(session_token: str | None = None) -> RequestSigner:
    credentials = AwsCredentials(
        access_key_id="AKIDEXAMPLE",
        secret_access_key="wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
        session_token=session_token,
    )
    return RequestSigner(credentials=credentials, region="us-east-1", service="service")


def _authorization(names: str, signature: str) -> str:
    return (
        "AWS4-HMAC-SHA256"
        " Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request,"
        f" SignedHeaders={names}, Signature={signature}"
    )


@pytest.mark.parametrize(
    ("headers", "body", "names", "signature"),
    [
        pytest.param(
            *({}, "", "host;x-amz-date"),
            "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b",
            id="post-vanilla",
        ),
        pytest.param(
            *({"My-Header1": "value1"}, "", "host;my-header1;x-amz-date"),
            "c5410059b04c1ee005303aed430f6e6645f61f4dc9e1461ec8f8916fdf18852c",
            id="post-header-key-sort",
        ),
        pytest.param(
            *({"My-Header1": "VALUE1"}, "", "host;my-header1;x-amz-date"),
            "cdbc9802e29d2942e5e10b5bccfdd67c5f22c7c4e8ae67b53629efa58b974b7d",
            id="post-header-value-case",
        ),
        pytest.param(
            *(FORM, "Param1=value1", "content-type;host;x-amz-date"),
            "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a",
            id="post-x-www-form-urlencoded",
        ),
        pytest.param(
            *(FORM_UTF8, "Param1=value1", "content-type;host;x-amz-date"),
            "1a72ec8f64bd914b0e42e42607c7fbce7fb2c7465f63e3092b3b0d39fa77a6fe",
            id="post-x-www-form-urlencoded-parameters",
        ),
    ],
)
def test_signature_is_that_of_the_test_suite(
    headers: dict[str, str], body: str, names: str, signature: str
) -> None:
    signed = _signer().sign(HOST | headers, body, AT)

    assert signed["Authorization"] == _authorization(names, signature)


def test_session_token_is_signed() -> None:
    signed = _signer(SESSION_TOKEN).sign(HOST, "", AT)

    # post-sts-header-before
    assert signed["X-Amz-Security-Token"] == SESSION_TOKEN
    assert signed["Authorization"] == _authorization(
        "host;x-amz-date;x-amz-security-token",
        "85d96828115b5dc0cfc3bd16ad9e210dd772bbebba041836c64533a82be05ead",
    )


def test_time_of_another_zone_is_signed_in_utc() -> None:
    at = AT.astimezone(timezone(timedelta(hours=9)))

    assert _signer().sign(HOST, "", at) == _signer().sign(HOST, "", AT)


def test_repr_contains_no_secret() -> None:
    text = repr(_signer(SESSION_TOKEN))

    assert "wJalr" not in text
    assert SESSION_TOKEN not in text
