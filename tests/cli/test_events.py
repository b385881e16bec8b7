"""The command `otp-engine events`, in this process."""

from __future__ import annotations

import base64
import json
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from otp_engine.cli import event_text
from otp_engine.cli.commands.events import COUNTED_BY
from otp_engine.cli.event_counts import print_counts
from otp_engine.crypto.pepper import Pepper
from otp_engine.domain import email_addresses
from otp_engine.domain.events import (
    Action,
    BudgetReached,
    CheckFailed,
    CheckNotFound,
    CodeSent,
    FactorCheckFailed,
    FactorCheckRefused,
    LimitNear,
    MaxAttemptsReached,
    MessageUndelivered,
    PlaceSuspended,
    PolicyChanged,
    ProviderWeightChanged,
    RecordedEvent,
    RequestRefused,
    RequestUnavailable,
    SendRejected,
    VerificationApproved,
)
from otp_engine.domain.models import Channel
from otp_engine.domain.phones import numbers
from otp_engine.domain.pumping_guard.places import Level
from otp_engine.domain.pumping_guard.rules import Pressure
from otp_engine.domain.recipients import PseudonymousRecipient
from otp_engine.store.redis_store import RedisStore
from tests.support import redis_server, server_process
from tests.support.command_line import run

KEY = {"Authorization": "Bearer shop-secret-0123456789"}
PHONE = {"phone": "+919445012345"}
ID = bytes(range(16))
RECIPIENT = PseudonymousRecipient(
    phone_hash="xBsuUixoSM3ju4Iw",
    prefix="+91944",
    country="IN",
    ip_hash="vYoJD2ADJ2qjrzjf",
)
SENEGAL = PseudonymousRecipient(
    phone_hash="T0vJD2ADJ2qjrzjx", prefix="+221771", country="SN"
)
NO_FACTS_OF_A_SEND: dict[str, object] = {
    "counted_at": 0,
    "requester_ms": 0,
    "phone_ms": 0,
    "client_name": None,
    "ip_networks": [],
    "bound": False,
    "proven": False,
    "vouched": False,
    "exempt": False,
    "price": 0,
}
REFUSED = RequestRefused(
    recipient=RECIPIENT, action=Action.SEND, limit="resend_cooldown"
)
SENT = CodeSent(
    recipient=RECIPIENT,
    verification_id=ID,
    send_id=ID[:8],
    service="",
    channel=Channel.SMS,
    code_length=6,
    locale="pt-BR",
)
POLICY = PolicyChanged(
    version=8, author="alice", change="ttl = 5m", reason="slow\nnetworks"
)
NEAR = LimitNear(
    limit="sends_per_country", identifier="SN", used=800, count=1_000, period="10m"
)
BUDGET = BudgetReached(level=80, spent=384_000_000, amount=480_000_000, currency="USD")
SUSPENDED = PlaceSuspended(
    level=Level.BLOCK,
    prefix="+22177999",
    country="SN",
    unproven=10.02,
    until=datetime(2026, 11, 23, 12, 14, tzinfo=UTC),
    trips=1,
)
SLOW = ProviderWeightChanged(
    provider="twilio",
    channel=Channel.WHATSAPP,
    weight=90,
    previous=100,
    reason="slow",
    messages=402,
    slow_share=0.41,
)
LONGEST = [
    SUSPENDED,
    SLOW,
    replace(SUSPENDED, prefix="+2217799", level=Level.NETWORK, shadow=True),
    Pressure(level=Level.COUNTRY, prefix="SN", country="SN", unproven=10.5),
    replace(BUDGET, country="SN", spent=99_999_999_999, amount=99_999_999_999),
    REFUSED,
    replace(
        REFUSED, limit="max_consecutive_failures", action=Action.CHECK, shadow=True
    ),
    replace(REFUSED, limit="BL" + "0123456789abcdef" * 2),
    replace(SENT, confirmed=False, recipient=SENEGAL),
    replace(SENT, recipient=replace(RECIPIENT, country="001", prefix="+881622")),
    CheckFailed(recipient=RECIPIENT, verification_id=ID, attempts_remaining=99),
    MaxAttemptsReached(recipient=RECIPIENT, verification_id=ID),
    VerificationApproved(recipient=RECIPIENT, verification_id=ID, channel=Channel.SMS),
    CheckNotFound(recipient=RECIPIENT),
    MessageUndelivered(recipient=RECIPIENT, channel=Channel.SMS, provider_error=30003),
    SendRejected(
        recipient=RECIPIENT,
        channel=Channel.SMS,
        error="number_type_not_allowed",
        provider_error=21408,
    ),
    RequestUnavailable(
        recipient=RECIPIENT, action=Action.CHECK, reason="sending_disabled"
    ),
    NEAR,
    POLICY,
    replace(POLICY, change="sends_per_country = 200/10m shadow; " * 5),
]


@pytest.fixture
def stored(real_redis):
    """Return a function that stores events."""
    store = RedisStore(real_redis)

    def add(*events):
        for event in events:
            store.events.add(event)
            # Two streams keep the order of milliseconds only.
            store.events.flush()

    return add


@pytest.fixture
def shown(environ):
    """Return a function that returns the printed events, from JSON."""

    def events(*arguments, stdin=None):
        result = run("events", "--json", *arguments, stdin=stdin, **environ)
        assert result.exit_code == 0, result.stderr
        return [json.loads(line) for line in result.stdout.splitlines()]

    return events


def text(event):
    time = datetime(2026, 11, 23, 0, 14, 29, tzinfo=UTC)
    return re.sub(r"\x1b\[\d+m", "", event_text.to_text(RecordedEvent(time, event)))


def test_text_of_an_event_has_short_ids(environ, stored):
    stored(SENT)

    [line] = run("events", **environ).stdout.splitlines()

    assert line.split()[2:] == [
        *("sent", "IN", "+91944", "xBsuUixo", "vYoJD2AD"),
        *("00010203", "sms", "pt-BR"),
    ]


@pytest.mark.parametrize(
    ("event", "columns"),
    [
        (REFUSED, "refused               IN +91944  xBsuUixo  vYoJD2AD  send resend_"),
        (replace(REFUSED, shadow=True), "refused (shadow)      IN +91944  xBsuUixo"),
        (
            replace(SENT, recipient=SENEGAL, confirmed=False),
            "sent                  SN +221771 T0vJD2AD  -         00010203  unconf",
        ),
        (
            POLICY,
            r"policy                version 8 by alice: ttl = 5m (slow\nnetworks)",
        ),
        (
            SUSPENDED,
            "suspended             block +22177999: 10.0 unproven, until 11-23 12:14Z",
        ),
        (
            Pressure(level=Level.COUNTRY, prefix="SN", country="SN", unproven=10.5),
            "pressure              country SN: 10.5 unproven",
        ),
        (NEAR, "limit_near            sends_per_country SN: 800 of 1000/10m"),
        (BUDGET, "budget                80 % of the budget: 384 of 480 USD"),
        (
            replace(BUDGET, country="SN", shadow=True, spent=24_500_000),
            "budget (shadow)       80 % of the share of SN: 24.50 of 480 USD",
        ),
        (
            FactorCheckFailed(
                identity_hash="xBsuUixoAbCdEfGh",
                service="VA1",
                factor_sid="YF000102030405060708090a0b0c0d0e0f",
                client_name="shop",
                attempts_remaining=4,
            ),
            "factor_check_failed   identity xBsuUixo  YF00010203  shop  attempts left:",
        ),
        (
            FactorCheckRefused(
                identity_hash="xBsuUixoAbCdEfGh",
                service="VA1",
                limit="failed_checks_per_factor",
            ),
            "factor_check_refused  identity xBsuUixo  failed_checks_per_factor",
        ),
    ],
)
def test_text_of_an_event_is_aligned(event, columns):
    assert text(event).startswith(f"11-23 00:14:29Z  {columns}")


@pytest.mark.parametrize(
    ("is_fallback", "details"),
    [(False, "sms:msg91 pt-BR"), (True, "sms:msg91 fallback")],
)
def test_text_of_a_send_has_its_step(is_fallback, details):
    line = text(replace(SENT, provider="msg91", is_fallback=is_fallback))

    assert line.endswith(f"  00010203  {details}")


@pytest.mark.parametrize("event", LONGEST)
def test_text_of_every_event_is_one_line_of_100_columns(event):
    line = text(event)

    assert len(line) <= 100
    assert line.isprintable()


@pytest.mark.parametrize("event", LONGEST[:-1])
def test_only_a_long_bucket_or_change_is_cut(event):
    is_bucket = getattr(event, "limit", "").startswith("BL")

    assert ("…" in text(event)) is is_bucket


def test_header_has_the_columns_of_a_line():
    header, line = event_text.HEADER, text(SENT)

    for name, value in [
        *(("KIND", "sent"), ("CC", "IN"), ("PREFIX", "+91944")),
        *(("HASH", "xBsuUixo"), ("IP", "vYoJD2AD"), ("DETAILS", "00010203")),
    ]:
        assert header.index(name) == line.index(value)


def test_output_of_a_pipe_has_no_header_and_no_color(environ, stored):
    stored(REFUSED)

    output = run("events", **environ).stdout

    assert len(output.splitlines()) == 1
    assert "\x1b" not in output


def test_output_without_a_match_states_the_start_of_the_search(environ, stored):
    stored(REFUSED)

    arguments = ("events", "--kind", "canceled", "--since", "2026-11-22T22:30")
    text = run(*arguments, **environ)
    as_json = run(*arguments, "--json", **environ)
    matching = run("events", **environ)

    assert text.stdout == ""
    assert text.stderr == "✓ no event matches since 2026-11-22 22:30:00Z\n"
    assert (as_json.stdout, as_json.stderr, matching.stderr) == ("", "", "")


def test_json_of_an_event_has_the_documented_fields(shown, stored):
    stored(REFUSED)

    [event] = shown()

    del event["at"]
    assert event == {
        "kind": "refused",
        "phone_hash": "xBsuUixoSM3ju4Iw",
        "prefix": "+91944",
        "country": "IN",
        "ip_hash": "vYoJD2ADJ2qjrzjf",
        "action": "send",
        "limit": "resend_cooldown",
        "shadow": False,
        "block_hash": None,
        "channel": None,
        **NO_FACTS_OF_A_SEND,
    }


@pytest.mark.parametrize(
    "arguments",
    [
        ("--since", "yesterday"),
        ("--since", "40d"),
        ("--since", "2020-01-01"),
        ("--until", "-1h"),
        ("--kind", "gossip"),
        ("--phone", "+919445012345"),
        ("--phone", "9445012345"),
        ("--phone", "94450-12345"),
        ("--by", "weather"),
        ("--by", ""),
        ("--country", "Senegal"),
        ("--country", ""),
        ("--country", "XX"),
        ("--country", "UK"),
        ("--prefix", "22177"),
        ("--prefix", "Senegal"),
        ("--prefix", ""),
        ("--prefix", "+999123"),
        ("--prefix", "+919445012"),
        ("--limit", "5"),
        ("--limit", ""),
        ("--count", "0"),
    ],
    ids=" ".join,
)
def test_events_with_invalid_option_fails(environ, arguments):
    result = run("events", *arguments, **environ)

    assert result.exit_code == 2
    assert f"Invalid value for '{arguments[0]}'" in result.stderr.replace(
        "'-n' / '--count'", "'--count'"
    )


@pytest.mark.parametrize("number", ["+919445012345", "9445012345"])
def test_number_as_an_argument_is_rejected_without_being_shown(environ, number):
    assert number not in run("events", "--phone", number, **environ).stderr


@pytest.mark.parametrize("option", [("--until", "1m"), ("--by", "kind")])
def test_follow_with_an_end_is_a_usage_error(environ, option):
    result = run("events", "--follow", *option, **environ)

    assert result.exit_code == 2
    assert "--follow has no end" in result.stderr


def test_count_shows_the_newest_events(shown, stored):
    stored(*(replace(POLICY, version=version) for version in range(1, 6)))

    assert [event["version"] for event in shown("-n", "2")] == [4, 5]


@pytest.mark.parametrize("code", ["SN", "sn"])
def test_country_selects_recipients(shown, stored, code):
    stored(SENT, replace(SENT, recipient=SENEGAL), POLICY)

    assert [event["country"] for event in shown("--country", code)] == ["SN"]


def test_countries_and_kinds_can_be_repeated(shown, stored):
    stored(SENT, REFUSED, replace(SENT, recipient=SENEGAL), POLICY)

    selected = shown(
        *("--country", "SN", "--country", "IN", "--kind", "sent", "--kind", "policy")
    )

    assert [event["country"] for event in selected] == ["IN", "SN"]


def test_number_as_a_limit_names_the_option_for_counts(environ):
    assert "use -n" in run("events", "--limit", "5", **environ).stderr


@pytest.mark.parametrize("prefix", ["+221771", "+22177", "+221"])
def test_prefix_selects_recipients_by_first_digits(shown, stored, prefix):
    stored(SENT, replace(SENT, recipient=SENEGAL), POLICY)

    assert [event["prefix"] for event in shown("--prefix", prefix)] == ["+221771"]


def test_prefixes_can_be_repeated(shown, stored):
    stored(SENT, replace(SENT, recipient=SENEGAL), POLICY)

    selected = shown("--prefix", "+91", "--prefix", "+22177")

    assert [event["prefix"] for event in selected] == ["+91944", "+221771"]


@pytest.mark.parametrize(
    ("prefix", "found"),
    [
        ("+919445", ["+919445012345", "+919445067890"]),
        ("+9194450", ["+919445012345", "+919445067890"]),
        ("+91944506", ["+919445067890"]),
        ("+91944507", []),
    ],
)
def test_prefix_that_is_longer_than_events_show_is_found_by_block(
    shown, stored, prefix, found
):
    numbers_by_hash = {}
    for number in ("+919445012345", "+919445067890", "+919446012345"):
        stored(replace(SENT, recipient=recipient(server_process.PEPPER, number)))
        numbers_by_hash[recipient(server_process.PEPPER, number).phone_hash] = number

    selected = shown("--prefix", prefix)

    assert [numbers_by_hash[event["phone_hash"]] for event in selected] == found


def test_short_and_long_prefixes_combine(shown, stored):
    stored(
        replace(SENT, recipient=SENEGAL),
        replace(SENT, recipient=recipient(server_process.PEPPER)),
        replace(SENT, recipient=recipient(server_process.PEPPER, "+919446012345")),
    )

    selected = shown("--prefix", "+221", "--prefix", "+91944501")

    assert [event["prefix"] for event in selected] == ["+221771", "+91944"]


def test_limit_selects_the_rule_that_refused(shown, stored):
    stored(SENT, REFUSED, replace(REFUSED, limit="sends_per_ip"), POLICY)

    assert [event["limit"] for event in shown("--limit", "sends_per_ip")] == [
        "sends_per_ip"
    ]
    assert [
        event["limit"]
        for event in shown("--limit", "resend_cooldown", "--limit", "sends_per_ip")
    ] == ["resend_cooldown", "sends_per_ip"]


def test_until_is_an_age_or_a_time(shown, stored):
    stored(SENT)
    later = (datetime.now(UTC) + timedelta(minutes=1)).isoformat()

    assert len(shown("--until", "0s")) == 1
    assert len(shown("--until", later)) == 1
    assert shown("--until", "1m") == []


def test_since_is_an_age_or_a_time(shown, stored):
    stored(SENT)
    earlier = datetime.now(UTC) - timedelta(minutes=1)
    later = datetime.now(UTC) + timedelta(minutes=1)

    assert len(shown("--since", f"{earlier:%Y-%m-%dT%H:%M:%S}")) == 1
    assert len(shown("--since", "1m")) == 1
    assert shown("--since", later.isoformat()) == []


def recipient(pepper, number="+919445012345"):
    return PseudonymousRecipient.from_address(numbers.parse(number, "IN"), pepper)


def test_events_of_a_phone_are_found_under_every_pepper(environ, shown, stored):
    previous = Pepper(bytes(range(1, 33)))
    other = recipient(server_process.PEPPER, "+919445012346")
    stored(
        replace(SENT, recipient=recipient(previous)),
        replace(SENT, recipient=other),
        replace(REFUSED, recipient=recipient(server_process.PEPPER)),
        POLICY,
    )
    before_swap = shown("--phone", "-", stdin="9445012345\n")
    environ["OTP_PEPPER_PREVIOUS"] = base64.b64encode(previous.secret).decode()

    timeline = shown("--phone", "-", stdin="9445012345\n")

    assert [event["kind"] for event in before_swap] == ["refused"]
    assert [event["kind"] for event in timeline] == ["sent", "refused"]


def test_events_of_a_phone_are_found_by_the_short_hash(shown, stored):
    stored(SENT, replace(SENT, recipient=SENEGAL))

    assert [event["country"] for event in shown("--phone", "T0vJD2AD")] == ["SN"]


def test_invalid_number_of_a_phone_fails(environ):
    result = run("events", "--phone", "-", stdin="hello\n", **environ)

    assert result.exit_code == 1
    assert "not a phone number" in result.stderr


def test_counts_are_sorted_by_frequency(environ, stored):
    stored(SENT, SENT, REFUSED, replace(SENT, recipient=SENEGAL))

    lines = run("events", "--by", "country", "--by", "kind", **environ).stdout

    assert [line.split() for line in lines.splitlines()] == [
        ["COUNT", "COUNTRY", "KIND"],
        ["2", "IN", "sent"],
        ["1", "IN", "refused"],
        ["1", "SN", "sent"],
    ]


def test_counts_distinguish_shadow_mode_and_can_be_limited(environ, stored):
    shadow = replace(REFUSED, shadow=True)
    stored(REFUSED, shadow, shadow, SENT)

    result = run(
        *("events", "--by", "limit,ip", "--kind", "refused", "-n", "1", "--json"),
        **environ,
    )

    assert json.loads(result.stdout) == [
        {"count": 2, "limit": "resend_cooldown shadow", "ip": RECIPIENT.ip_hash}
    ]


def test_addresses_are_counted_under_both_words(environ, stored):
    stored(SENT)

    by_address = run("events", "--by", "address", **environ).stdout

    assert by_address == run("events", "--by", "ip", **environ).stdout
    assert by_address.splitlines()[1].split() == ["1", "vYoJD2AD"]


def in_hour(day, hour, minute=5):
    return RecordedEvent(datetime(2026, 11, day, hour, minute, tzinfo=UTC), SENT)


@pytest.mark.parametrize(
    ("count", "lines"),
    [
        (None, ["COUNT  HOUR", "    1  11-22 23:00Z", "    2  11-23 00:00Z"]),
        (1, ["COUNT  HOUR", "    2  11-23 00:00Z"]),
    ],
)
def test_counts_by_hour_are_in_the_order_of_time(capsys, count, lines):
    recorded = [in_hour(23, 0), in_hour(22, 23, 59), in_hour(23, 0, 59)]

    print_counts(recorded, ["hour"], count=count, as_json=False)

    assert capsys.readouterr().out.splitlines() == lines


def test_counts_by_hour_and_country_are_sorted_by_frequency(capsys):
    recorded = [in_hour(22, 23), in_hour(23, 0), in_hour(23, 0)]

    print_counts(recorded, ["country", "hour"], count=1, as_json=True)

    assert json.loads(capsys.readouterr().out) == [
        {"count": 2, "country": "IN", "hour": "2026-11-23T00:00:00+00:00"}
    ]


@pytest.mark.parametrize("name", COUNTED_BY)
def test_every_field_can_be_counted(environ, stored, name):
    stored(SENT, POLICY, REFUSED)

    lines = run("events", "--by", name, **environ).stdout.splitlines()

    assert lines[0].split() == ["COUNT", name.upper()]
    assert sum(int(line.split()[0]) for line in lines[1:]) == 3


def test_counts_without_events_are_a_header(environ):
    assert run("events", "--by", "country", **environ).stdout == "COUNT  COUNTRY\n"


def test_events_shows_change_of_policy_and_failed_check(environ, service):
    run("policy", "set", "ttl", "5m", "--reason", "tests", "--by", "alice", **environ)
    service.post("/auth/verify_otp", json=PHONE | {"otp": "123456"}, headers=KEY)

    def lines(*arguments):
        return run("events", *arguments, **environ).stdout.splitlines()

    redis_server.wait_until(lambda: lines("--kind", "not_found") != [])

    [policy] = lines("--kind", "policy")
    assert policy.endswith("version 1 by alice: ttl = 5m (tests)")
    assert "IN +91944" in lines("--kind", "not_found")[0]
    assert lines("--since", "0s") == []


def test_text_of_an_event_of_an_email_has_neither_prefix_nor_country():
    address = email_addresses.parse("person@example.com")
    recipient = PseudonymousRecipient.from_address(address, Pepper(b"p" * 32))

    line = text(replace(SENT, channel=Channel.EMAIL, recipient=recipient))

    assert re.match(r"11-23 00:14:29Z  sent +e-mail ", line)
    assert recipient.phone_hash[:8] in line
    assert "person" not in line


@pytest.mark.parametrize(
    ("event", "text"),
    [
        (SLOW, "whatsapp:twilio: 100 % to 90 %: slow, 41% of 402 late"),
        (
            replace(SLOW, reason="errors", errors=60),
            "whatsapp:twilio: 100 % to 90 %: errors, 60 in a minute",
        ),
        (
            replace(SLOW, reason="recovered", weight=100, previous=90),
            "whatsapp:twilio: 90 % to 100 %: recovered",
        ),
    ],
    ids=["slow", "errors", "recovered"],
)
def test_changed_weight_has_its_evidence(event, text):
    line = event_text.to_text(RecordedEvent(datetime(2026, 11, 23, tzinfo=UTC), event))

    assert line.endswith(text)
