from __future__ import annotations

from datetime import timedelta

import pytest

from otp_engine import errors
from otp_engine.api import verify_v2
from tests.support.fakes import different_code, suspended_block
from tests.support.verify_client import SERVICE, Verify

MAX_RETRY_AFTER = 3
LIST = f"/v2/Services/{SERVICE}/RateLimits"
WAIT = timedelta(hours=1)
# Every error of the tree that the tests can build without its cause.
ERRORS = {
    errors.RateLimited: errors.RateLimited("sends_total", retry_after=WAIT),
    errors.BudgetExceeded: errors.BudgetExceeded(
        "budget", retry_after=WAIT, usage=None
    ),
    errors.TooManyAttempts: errors.TooManyAttempts(retry_after=WAIT),
    errors.BudgetExceeded: errors.BudgetExceeded(
        "budget", retry_after=WAIT, usage=None
    ),
    errors.DestinationSuspended: suspended_block(WAIT),
    errors.LimitExceeded: errors.LimitExceeded(retry_after=WAIT),
    errors.ChannelNotAllowed: errors.ChannelNotAllowed("sms"),
    errors.PrefixNotAllowed: errors.PrefixNotAllowed("+22177"),
    errors.InvalidSettings: errors.InvalidSettings(["broken"]),
    errors.InvalidFactor: errors.InvalidFactor("skew", "must be from 0 to 2"),
}


def tree(kind):
    return [kind, *(leaf for each in kind.__subclasses__() for leaf in tree(each))]


def new_error(kind):
    if kind in ERRORS:
        return ERRORS[kind]
    error = kind()
    if isinstance(error, errors.Unavailable):
        error.retry_after = WAIT
    return error


def test_of_every_error_only_503_has_retry_after_of_at_most_three_seconds(app_with):
    app = app_with()
    seen: dict[int, list[dict[str, str]]] = {}
    for kind in tree(errors.OTPError):
        with app.test_request_context("/v2/Services"):
            _, status, headers = verify_v2.errors.handle(new_error(kind))
        seen.setdefault(status, []).append(headers)

    assert {400, 401, 403, 404, 409, 429, 500, 502, 503, 504} == set(seen)
    for headers in seen.pop(503):
        assert 1 <= int(headers["Retry-After"]) <= MAX_RETRY_AFTER
        assert int(headers["OTP-Retry-After"]) >= int(headers["Retry-After"])
    # No wait gives an unverified factor its checks back.
    seen[429].remove({})
    for headers in seen[429]:
        assert int(headers["OTP-Retry-After"]) == 3600
    for status, with_status in seen.items():
        for headers in with_status:
            assert "Retry-After" not in headers, status


def sixth_send(verify, outbox):
    return [verify.send() for _ in range(6)][-1]


def sixth_check(verify, outbox):
    verify.send()
    return [verify.check(different_code(outbox.code)) for _ in range(6)][-1]


def send_over_bucket(verify, outbox):
    sid = verify.post(LIST, UniqueName="ip").body["sid"]
    verify.post(f"{LIST}/{sid}/Buckets", Max=1, Interval=86_400)
    return [verify.send(RateLimits='{"ip": "a"}') for _ in range(2)][-1]


@pytest.mark.parametrize(
    ("act", "code"),
    [(sixth_send, 60203), (sixth_check, 60202), (send_over_bucket, 20429)],
)
def test_429_has_wait_in_own_header_only(verify, outbox, act, code):
    response = act(verify, outbox)

    assert response.error[:2] == (429, code)
    assert int(response.headers["OTP-Retry-After"]) > MAX_RETRY_AFTER
    assert "Retry-After" not in response.headers


def test_429_of_wrong_token_has_wait_in_own_header_only(app_with):
    app = app_with(OTP_AUTH_FAILURES_PER_IP="1/1h", OTP_API_KEYS="AC1:the-token")
    client = Verify(app.test_client(), password="wrong")
    assert client.get("/v2/Services").status == 401

    response = client.get("/v2/Services")

    assert response.error[:2] == (429, 20429)
    assert response.headers["OTP-Retry-After"] == "3600"
    assert "Retry-After" not in response.headers


def test_wait_of_429_is_rounded_for_anonymous_client(app_with):
    client = Verify(app_with(OTP_SENDS_PER_PHONE="1/601s").test_client())
    client.send()

    response = client.send()

    assert response.headers["OTP-Retry-After"] == "660"


def test_503_of_provider_that_is_paused_has_whole_wait_in_own_header(verify, outbox):
    outbox.full = errors.ProviderUnavailable(retry_after=timedelta(minutes=10))

    response = verify.send()

    assert response.error == (503, 20503, "Service unavailable")
    assert response.headers["OTP-Retry-After"] == "600"
    assert response.headers["Retry-After"] == str(MAX_RETRY_AFTER)


def test_503_while_sending_is_off_has_short_retry_after(verify_with):
    response = verify_with(OTP_SENDING="off").send()

    assert response.error[:2] == (503, 20503)
    assert response.headers["OTP-Retry-After"] == "60"
    assert response.headers["Retry-After"] == str(MAX_RETRY_AFTER)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v2/Nothing"),
        ("DELETE", "/v2/Services"),
        ("POST", f"/v2/Services/{SERVICE}/Verifications"),
    ],
)
def test_other_error_has_no_wait(app_with, method, path):
    response = app_with().test_client().open(path, method=method)

    assert response.status_code in {400, 404, 405}
    assert not {"Retry-After", "OTP-Retry-After"} & set(response.headers.keys())
