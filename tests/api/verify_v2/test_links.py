from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.totp_client import TotpClient
from tests.support.verify_client import SERVICE

BASE = "http://localhost"
ROOTS = ["/v2/Services", "/v2/Templates", "/v2/Attempts", "/v2/Attempts/Summary"]


@pytest.fixture
def filled(verify):
    """Create one of each resource; return the paths that no link leads to."""
    sid = verify.service(FriendlyName="Bank")
    service = f"/v2/Services/{sid}"
    limit = verify.post(f"{service}/RateLimits", UniqueName="ip").body["url"]
    verify.post(f"{limit.removeprefix(BASE)}/Buckets", Max=1, Interval=60)
    messaging = {"Country": "IN", "MessagingServiceSid": f"MG{'1' * 32}"}
    verify.post(f"{service}/MessagingConfigurations", **messaging)
    webhook = {"EventTypes": "*", "WebhookUrl": "https://example.com/"}
    verify.post(f"{service}/Webhooks", FriendlyName="All", **webhook)
    totp = TotpClient(verify, service=sid)
    totp.challenge(totp.verified_factor())
    number = verify.post("/v2/SafeList/Numbers", PhoneNumber="+14155552671").body
    sent = [verify.send(service=each).body for each in (SERVICE, sid)]
    return [*ROOTS, *(body["url"].removeprefix(BASE) for body in (number, *sent))]


def urls_in(value: Any) -> Iterator[str]:
    match value:
        case dict():
            for part in value.values():
                yield from urls_in(part)
        case list():
            for part in value:
                yield from urls_in(part)
        case str() if value.startswith(BASE):
            yield value.removeprefix(BASE)


def test_every_url_of_every_resource_exists(verify, filled):
    waiting, answers = list(filled), {}
    while waiting:
        path = waiting.pop()
        if path not in answers:
            answers[path] = verify.get(path)
            waiting += urls_in(answers[path].body)

    assert {answer.status for answer in answers.values()} == {200, 405}
    names = {path.partition("?")[0].split("/")[-1] for path in answers}
    assert {"Buckets", "VerificationCheck", "Webhooks", "Notifications"} <= names
    assert len(answers) > 20


@pytest.mark.parametrize("name", ["Forms", "Nothing"])
def test_resource_of_verify_that_does_not_exist_is_not_found(verify, name):
    path = f"/v2/Services/{SERVICE}/{name}"

    response = verify.post(path, FriendlyName="x")

    message = f"The requested resource {path} was not found"
    assert response.error == (404, 20404, message)
