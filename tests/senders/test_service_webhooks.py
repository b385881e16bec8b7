"""Posts of notices to the webhooks of a service."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from ipaddress import ip_network
from queue import SimpleQueue
from urllib.parse import parse_qsl

import pytest
from twilio.request_validator import RequestValidator

from otp_engine.config.service_webhooks import ServiceWebhookSettings
from otp_engine.domain.factors.notices import FactorNotice, NoticeType
from otp_engine.domain.services import Service, Webhook
from otp_engine.errors import StoreUnavailable
from otp_engine.senders.service_webhooks import ServiceWebhooks
from tests.support import http_server

WAIT = 30
ACCOUNT, SERVICE = f"AC{'a' * 32}", f"VA{'b' * 32}"
LOOPBACK = ServiceWebhookSettings(networks=(ip_network("127.0.0.0/8"),), dev=True)
NOTICE = FactorNotice(
    type=NoticeType.CHALLENGE_APPROVED,
    service=SERVICE,
    identity="person-0001",
    factor_sid=f"YF{'1' * 32}",
    factor_name="Alice’s phone & more",
    challenge_sid=f"YC{'2' * 32}",
)


def secret_of(sid):
    return f"secret of {sid}"


def webhook(url, **values):
    now = datetime(2026, 1, 2, tzinfo=UTC)
    return Webhook(
        **{
            "sid": f"YW{'3' * 32}",
            "name": "Logins",
            "url": url,
            "event_types": ("*",),
            "created_at": now,
            "updated_at": now,
            **values,
        }
    )


@dataclass
class Poster:
    """Posts the notices of one service, and records the outcomes."""

    settings: ServiceWebhookSettings = LOOPBACK
    service: Service | None = None
    error: Exception | None = None
    get_secret: Callable[[str], str] = secret_of
    outcomes: SimpleQueue[str] = field(default_factory=SimpleQueue)

    def start(self, **options):
        return ServiceWebhooks(
            self.settings,
            account=ACCOUNT,
            get_service=self._read,
            get_secret=self.get_secret,
            metrics=self,
            intervals=(0.0, 0.0),
            **options,
        )

    def has(self, *webhooks):
        self.service = Service(sid=SERVICE, webhooks=webhooks)

    def count_post(self, outcome):
        self.outcomes.put(outcome)

    def next_outcome(self):
        return self.outcomes.get(timeout=WAIT)

    def _read(self, sid):
        if self.error:
            raise self.error
        return self.service if sid == SERVICE else None


@pytest.fixture
def receiver():
    with http_server.running() as server:
        yield server


@pytest.fixture
def poster(receiver):
    poster = Poster()
    poster.has(webhook(f"{receiver.url}/hook?tenant=1"))
    return poster


def form_of(request):
    return dict(parse_qsl(request.body.decode(), strict_parsing=True))


def test_notice_is_posted_as_a_form_with_the_fields_of_verify(receiver, poster):
    poster.start().notify(NOTICE)

    assert poster.next_outcome() == "accepted"
    [request] = receiver.requests
    form = form_of(request)
    assert request.line == "POST /hook?tenant=1 HTTP/1.1"
    assert request.headers["content-type"].startswith(
        "application/x-www-form-urlencoded"
    )
    assert form == {
        "uuid": request.headers["i-twilio-idempotency-token"],
        "type": "challenge.approved",
        "account_sid": ACCOUNT,
        "service_sid": SERVICE,
        "entity_identity": "person-0001",
        "factor_sid": NOTICE.factor_sid,
        "factor_type": "totp",
        "factor_friendly_name": "Alice’s phone & more",
        "challenge_sid": NOTICE.challenge_sid,
    }


def test_notice_of_a_factor_has_no_challenge(receiver, poster):
    notice = replace(NOTICE, type=NoticeType.FACTOR_CREATED, challenge_sid=None)

    poster.start().notify(notice)

    assert poster.next_outcome() == "accepted"
    assert "challenge_sid" not in form_of(receiver.requests[0])


def test_validator_of_the_sdk_accepts_the_signature(receiver, poster):
    poster.start().notify(NOTICE)
    poster.next_outcome()

    [request] = receiver.requests
    url = f"{receiver.url}/hook?tenant=1"
    validator = RequestValidator(secret_of(f"YW{'3' * 32}"))
    signature = request.headers["x-twilio-signature"]
    assert validator.validate(url, form_of(request), signature)
    forged = form_of(request) | {"entity_identity": "person-0002"}
    assert not validator.validate(url, forged, signature)
    assert not RequestValidator("other").validate(url, form_of(request), signature)


@pytest.mark.parametrize(
    ("values", "wanted"),
    [
        ({"event_types": ("factor.created", "challenge.approved")}, True),
        ({"event_types": ("factor.created",)}, False),
        ({"enabled": False}, False),
    ],
)
def test_only_wanted_notices_are_posted(receiver, poster, values, wanted):
    last = webhook(f"{receiver.url}/last", sid="YWlast")
    poster.has(webhook(f"{receiver.url}/hook", **values), last)

    poster.start().notify(NOTICE)

    for _ in range(1 + wanted):
        assert poster.next_outcome() == "accepted"
    lines = {request.line.split()[1] for request in receiver.requests}
    assert lines == {"/last", *(["/hook"] if wanted else [])}


def test_notice_of_a_service_without_webhooks_is_not_posted(receiver, poster):
    webhooks = poster.start()

    webhooks.notify(replace(NOTICE, service=f"VA{'9' * 32}"))
    webhooks.notify(NOTICE)

    assert poster.next_outcome() == "accepted"
    assert len(receiver.requests) == 1
    assert poster.outcomes.empty()


def test_failed_post_is_repeated_with_the_same_id(receiver, poster):
    answers = map(http_server.respond, (503, 429, 200))

    def answer(connected):
        next(answers)(connected)

    receiver.behave = answer

    poster.start().notify(NOTICE)

    outcomes = [poster.next_outcome() for _ in range(3)]
    assert outcomes == ["status 503", "status 429", "accepted"]
    ids = {form_of(request)["uuid"] for request in receiver.requests}
    assert len(ids) == 1


def test_notice_is_dropped_after_its_last_attempt_with_one_log_line(
    receiver, poster, caplog
):
    receiver.behave = http_server.respond(500)

    with caplog.at_level(logging.WARNING):
        poster.start().notify(NOTICE)
        outcomes = [poster.next_outcome() for _ in range(4)]

    assert outcomes == ["status 500"] * 3 + ["dropped"]
    [line] = caplog.messages
    assert "60330" in line
    assert "challenge.approved" in line
    assert "status 500" in line
    for part in ("person-0001", "Alice", "tenant", "127.0.0.1", "secret"):
        assert part not in line


@pytest.mark.parametrize("status", [302, 307, 400, 401, 404, 410])
def test_definite_answer_is_not_repeated_and_no_redirect_is_followed(
    receiver, poster, status
):
    receiver.behave = http_server.respond(status, Location=f"{receiver.url}/other")

    poster.start().notify(NOTICE)

    assert [poster.next_outcome() for _ in range(2)] == [f"status {status}", "dropped"]
    assert [each.line.split()[1] for each in receiver.requests] == ["/hook?tenant=1"]


def test_receiver_that_hangs_is_given_up_after_the_timeout(receiver, poster):
    receiver.behave = receiver.hang

    poster.start(timeout=0.05).notify(NOTICE)

    outcomes = [poster.next_outcome() for _ in range(4)]
    assert outcomes == ["no answer in time"] * 3 + ["dropped"]


def test_receiver_that_hangs_does_not_delay_other_webhooks(receiver, poster):
    with http_server.running() as hanging:
        hanging.behave = hanging.hang
        slow = webhook(hanging.url, sid="YWslow")
        poster.has(slow, *poster.service.webhooks)
        webhooks = poster.start()

        for _ in range(20):
            webhooks.notify(NOTICE)

        assert {poster.next_outcome() for _ in range(20)} == {"accepted"}
        assert len(receiver.requests) == 20


def test_address_that_is_not_allowed_gets_no_request(receiver, poster):
    poster.settings = ServiceWebhookSettings()

    poster.start().notify(NOTICE)

    outcomes = [poster.next_outcome() for _ in range(4)]
    assert outcomes[0].startswith("not connected: its address is not in")
    assert outcomes[3] == "dropped"
    assert receiver.connections == 0


def test_address_is_looked_up_once_for_the_check_and_the_connection(receiver, poster):
    looked_up: SimpleQueue[str] = SimpleQueue()

    def resolve(host, _port):
        looked_up.put(host)
        return ["10.0.0.1", "127.0.0.1"]

    poster.has(webhook(f"http://hooks.example.com:{receiver.port}/"))

    poster.start(resolve=resolve).notify(NOTICE)

    assert poster.next_outcome() == "accepted"
    assert looked_up.get_nowait() == "hooks.example.com"
    assert looked_up.empty()


@pytest.mark.parametrize(
    "after", [(), (webhook("http://127.0.0.1:1/", enabled=False),)]
)
def test_waiting_post_of_a_deleted_or_disabled_webhook_is_not_sent(
    receiver, poster, after
):
    def answer(connected):
        poster.has(*after, webhook(f"{receiver.url}/other", sid="YWother"))
        http_server.respond(503)(connected)
        receiver.behave = http_server.respond(200)

    receiver.behave = answer
    webhooks = poster.start()

    webhooks.notify(NOTICE)
    assert poster.next_outcome() == "status 503"
    webhooks.notify(NOTICE)

    assert poster.next_outcome() == "accepted"
    lines = [each.line.split()[1] for each in receiver.requests]
    assert lines == ["/hook?tenant=1", "/other"]


def test_notice_is_dropped_without_the_store(receiver, poster, caplog):
    poster.error = StoreUnavailable()

    poster.start().notify(NOTICE)

    assert poster.next_outcome() == "dropped"
    assert receiver.requests == []


def test_post_is_never_sent_without_its_secret(receiver, poster):
    def fail(_sid):
        raise StoreUnavailable

    poster.get_secret = fail

    poster.start().notify(NOTICE)

    assert poster.next_outcome() == "dropped"
    assert receiver.requests == []


def test_repr_of_a_notice_has_no_identity():
    assert "person-0001" not in repr(NOTICE)
    assert "Alice" not in repr(NOTICE)
