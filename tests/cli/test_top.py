"""The command `otp-engine top`, in this process."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta

import click
import pytest

from otp_engine import config
from otp_engine.cli import top_frame
from otp_engine.crypto.pepper import Pepper
from otp_engine.domain import email_addresses
from otp_engine.domain.events import (
    Action,
    CheckFailed,
    CodeSent,
    LimitNear,
    MessageDelivered,
    MessageUndelivered,
    PlaceSuspended,
    PolicyChanged,
    RecordedEvent,
    RequestRefused,
    SendRejected,
    VerificationApproved,
)
from otp_engine.domain.limits.limits import Limit, LimitHit, Window, WindowUsage
from otp_engine.domain.models import Channel
from otp_engine.domain.money.budget import Budget
from otp_engine.domain.policy.by_country import ByCountry
from otp_engine.domain.policy.policy import Policy
from otp_engine.domain.policy.signed_versions import SignedPolicyVersions
from otp_engine.domain.policy.switches import Switches
from otp_engine.domain.policy.versions import PolicyVersion
from otp_engine.domain.pumping_guard.places import Level
from otp_engine.domain.pumping_guard.rules import GuardMode, Suspension
from otp_engine.domain.recipients import PseudonymousRecipient
from otp_engine.domain.send_facts import SendFacts
from otp_engine.errors import StoreUnavailable
from otp_engine.operations.context import OperatorContext
from otp_engine.operations.recent_traffic import CountryTraffic, RecentTraffic
from otp_engine.operations.traffic import Frame, Monitor
from otp_engine.store.redis_store import RedisStore
from tests.support.command_line import run

ID = bytes(16)
NOW = datetime(2026, 11, 27, 2, 50, 12, tzinfo=UTC)
PERIOD = timedelta(minutes=10)
INDIA = PseudonymousRecipient(
    phone_hash="xBsuUixoSM3ju4Iw", prefix="+91944", country="IN"
)
SENEGAL = PseudonymousRecipient(
    phone_hash="T0vJD2ADJ2qjrzjx", prefix="+221771", country="SN"
)
SENT = CodeSent(
    recipient=INDIA,
    verification_id=ID,
    send_id=ID[:8],
    service="",
    channel=Channel.SMS,
    code_length=6,
    locale=None,
)
APPROVED = VerificationApproved(
    recipient=INDIA, verification_id=ID, channel=Channel.SMS
)
REFUSED = RequestRefused(recipient=INDIA, action=Action.SEND, limit="resend_cooldown")
POLICY = PolicyChanged(version=8, author="alice", change="ttl = 5m", reason="slow")
# Ten messages to Senegal of which no code was entered, and a usual day in India.
ATTACK = [
    *[replace(SENT, recipient=SENEGAL)] * 10,
    *[replace(REFUSED, recipient=SENEGAL, limit="sends_per_ip")] * 7,
    *[replace(REFUSED, recipient=SENEGAL, limit="sends_total", shadow=True)] * 4,
    *[SENT] * 5,
    *[APPROVED] * 4,
    *[MessageDelivered(recipient=INDIA, channel=Channel.SMS)] * 3,
    MessageUndelivered(recipient=INDIA, channel=Channel.SMS, provider_error=30003),
    SendRejected(
        recipient=INDIA, channel=Channel.SMS, error="delivery_failed", provider_error=1
    ),
    REFUSED,
    POLICY,
    LimitNear(limit="sends_total", identifier="", used=800, count=1000, period="1h"),
    CheckFailed(recipient=INDIA, verification_id=ID, attempts_remaining=3),
]
USAGE = [
    WindowUsage(
        limit_name="sends_total",
        window=Window(1000, timedelta(hours=1)),
        used=850,
        resets_in=timedelta(),
    ),
    WindowUsage(
        limit_name="sends_per_country",
        identifier="SN",
        window=Window(10, timedelta(minutes=10)),
        used=10,
        resets_in=timedelta(minutes=4),
    ),
]

SUSPENSION = Suspension(
    level=Level.BLOCK,
    prefix="+22177999",
    country="SN",
    unproven=10,
    until=NOW + timedelta(hours=12),
    trips=1,
)


def traffic_of(events, *, age=timedelta(minutes=1), at=NOW):
    traffic = RecentTraffic(PERIOD)
    for event in events:
        traffic.add(RecordedEvent(at - age, event))
    return traffic.at(at)


def frame(events=ATTACK, **values):
    shown = Frame(
        at=NOW,
        period=PERIOD,
        policy_version=7,
        policy=Policy(),
        traffic=traffic_of(events),
        usage=USAGE,
        unproven={"SN": 12.4, "IN": 0.5},
        suspensions=[SUSPENSION],
        spent=12_500_000,
    )
    return replace(shown, **values)


def plain(shown, columns=100, rows=None):
    return [*map(click.unstyle, top_frame.to_lines(shown, columns, rows))]


def test_events_are_counted_by_country():
    traffic = traffic_of(ATTACK)

    assert list(traffic.countries.items()) == [
        ("SN", CountryTraffic(sent=10, refused=7)),
        (
            "IN",
            CountryTraffic(
                sent=5, rejected=1, delivered=3, undelivered=1, approved=4, refused=1
            ),
        ),
    ]
    assert traffic.total.sent == 15


def test_conversion_is_approvals_divided_by_messages():
    countries = traffic_of(ATTACK).countries

    assert [row.conversion for row in countries.values()] == [0, 0.8]
    assert CountryTraffic(refused=3).conversion is None


def test_refusals_are_counted_by_rule_with_enforced_ones_first():
    refusals = traffic_of(ATTACK).refusals

    assert [(rule.limit, rule.shadow, rule.count) for rule in refusals] == [
        ("sends_per_ip", False, 7),
        ("resend_cooldown", False, 1),
        ("sends_total", True, 4),
    ]
    assert refusals[0].by_country == {"SN": 7}


def test_event_is_counted_for_the_period_only():
    traffic = RecentTraffic(PERIOD)
    traffic.add(RecordedEvent(NOW, SENT))
    traffic.add(RecordedEvent(NOW, REFUSED))
    traffic.add(RecordedEvent(NOW, POLICY))

    within = traffic.at(NOW + timedelta(minutes=9, seconds=50))
    after = traffic.at(NOW + timedelta(minutes=10, seconds=5))

    assert (within.total.sent, len(within.refusals), len(within.incidents)) == (1, 1, 1)
    assert (after.total.sent, after.refusals, after.incidents) == (0, [], ())


def test_frame_shows_countries_rules_limits_and_changes():
    assert plain(frame(), 76) == [
        "last 10m at 2026-11-27 02:50:12Z   policy 7   sending on   guard shadow",
        "spent 12.50 USD in 24 h",
        "",
        "COUNTRY  SENT  APPROVED  CONVERSION  UNPROVEN  REFUSED  DELIVERED",
        "all        15         4         27%                  8          3",
        "SN         10         0          0%      12.4        7          0",
        "IN          5         4         80%       0.5        1          3",
        "",
        "COUNT  REFUSED BY            COUNTRIES",
        "    7  sends_per_ip          SN 7",
        "    1  resend_cooldown       IN 1",
        "    4  sends_total (shadow)  SN 4",
        "",
        "LIMIT                 WINDOW      USED   FULL",
        "sends_per_country SN  10/10m        10   100%  ####################",
        "sends_total           1000/1h      850    85%  #################...",
        "",
        "SUSPENDED        COUNTRY  UNPROVEN  UNTIL",
        "block +22177999  SN           10.0  2026-11-27 14:50:12Z  shadow",
        "",
        "INCIDENTS AND CHANGES",
        "11-27 02:49:12Z  limit_near            sends_total: 800 of 1000/1h",
        "11-27 02:49:12Z  policy                version 8 by alice: ttl = 5m (slow)",
    ]


def test_widest_frame_has_the_cost_of_each_country():
    lines = plain(frame([replace(SENT, facts=SendFacts(price=83_000))] * 2))

    assert lines[3].split()[-2:] == ["REJECTED", "COST"]
    assert lines[4].endswith("0.17")


def test_suspension_is_red_where_the_guard_refuses():
    on = Policy(guard=ByCountry(GuardMode.SHADOW, (("SN", GuardMode.ON),)))

    lines = top_frame.to_lines(frame(policy=on), 100)

    [line] = [line for line in lines if "block +22177999" in line]
    assert line.startswith("\x1b[31m")
    assert "shadow" not in line


@pytest.mark.parametrize(
    ("spent", "text", "color"),
    [
        (10, "spent 10.00 USD in 24 h, 10% of the budget 100/24h", None),
        (79.5, "spent 79.50 USD in 24 h, 79% of the budget 100/24h", None),
        (80, "spent 80.00 USD in 24 h, 80% of the budget 100/24h", "\x1b[33m"),
        (100, "spent 100.00 USD in 24 h, 100% of the budget 100/24h", "\x1b[31m"),
    ],
)
def test_frame_shows_money_against_the_budget(spent, text, color):
    shown = frame(
        policy=Policy(budget=Budget.parse("100/24h")), spent=round(spent * 1_000_000)
    )

    line = top_frame.to_lines(shown, 100)[1]

    assert click.unstyle(line) == text
    assert line.startswith(color or "spent")


def test_country_without_approvals_is_red():
    lines = top_frame.to_lines(frame(suspensions=[]), 100)

    [line] = [line for line in lines if "SN   " in line]
    assert line.startswith("\x1b[31m")


@pytest.mark.parametrize("columns", [10, 20, 33, 40, 60, 80])
def test_lines_fit_a_narrow_terminal(columns):
    assert max(map(len, plain(frame(), columns))) <= columns


def test_narrow_terminal_lacks_the_last_columns():
    lines = plain(frame(), 50)

    assert lines[3] == "COUNTRY  SENT  APPROVED  CONVERSION  UNPROVEN"


@pytest.mark.parametrize("rows", [5, 10, 24])
def test_frame_fits_the_height_of_the_terminal(rows):
    countries = [f"{first}{second}" for first in "AB" for second in "ABCDEFGHIJKL"]
    sent = [replace(SENT, recipient=replace(INDIA, country=name)) for name in countries]

    lines = plain(frame(sent + ATTACK), 100, rows)

    assert len(lines) <= rows


def test_countries_without_room_are_counted():
    countries = [f"A{second}" for second in "ABCDEFGHIJKL"]
    sent = [replace(SENT, recipient=replace(INDIA, country=name)) for name in countries]

    lines = plain(frame(sent, usage=[], suspensions=[], spent=0), 100, 10)

    assert len(lines) == 10
    assert lines[-1] == "and 7 more"


def test_text_from_redis_cannot_move_the_cursor():
    bucket = replace(REFUSED, limit="BL\x1b[2J")

    assert not any("\x1b[2J" in line for line in plain(frame([bucket])))


def test_frame_states_that_sending_is_off():
    lines = plain(frame(policy=Policy(sending=Switches(default=False))))

    assert "sending OFF" in lines[0]
    assert lines[2].startswith("! sending is off")


def test_frame_states_which_part_of_sending_is_off():
    sending = Switches.parse("on, SN=off")

    lines = plain(frame(policy=Policy(sending=sending)))

    assert "sending partly on" in lines[0]
    assert lines[2] == "! sending is on, SN=off"


def test_frame_without_events_has_a_row_of_zeros():
    shown = frame([], usage=[], suspensions=[], spent=0)

    assert plain(shown)[3].split() == [
        *("all", "0", "0", "-", "0", "0", "0", "0", "0.00")
    ]


@pytest.fixture
def store(real_redis):
    return RedisStore(real_redis)


@pytest.fixture
def stored(store):
    """Return a function that stores events."""

    def add(*events):
        for event in events:
            store.events.add(event)
        store.events.flush()

    return add


def test_once_prints_one_frame_without_colors(environ, stored):
    stored(*ATTACK)

    result = run("top", "--once", **environ)

    assert result.exit_code == 0
    assert "\x1b" not in result.stdout
    lines = result.stdout.splitlines()
    assert lines[0].startswith("last 10m at ")
    assert [line.split()[:2] for line in lines[3:6]] == [
        ["all", "15"],
        ["SN", "10"],
        ["IN", "5"],
    ]


def counts(**values):
    return {**asdict(CountryTraffic()), "conversion": None} | values


def country_counts(**values):
    return counts(**values) | {"unproven": 0}


def test_once_as_json_has_the_documented_fields(environ, stored, store):
    stored(*ATTACK)
    hit = LimitHit("sends_total", "", Limit.parse("1000/1h"))
    store.acquire_hits([hit], idempotency_key=bytes(8))
    until = datetime.now(UTC).replace(microsecond=0) + timedelta(hours=1)
    store.guard.suspend("+22177999", until)

    result = run("top", "--once", "--json", "--period", "1h", **environ)

    shown = json.loads(result.stdout)
    assert datetime.fromisoformat(shown.pop("at")).tzinfo == UTC
    assert shown == {
        "period": 3600,
        "problem": None,
        "policy_version": 0,
        "sending": True,
        "guard": "shadow",
        "spent": 0,
        "budget": None,
        "currency": "USD",
        "suspensions": [
            {
                "place": "+22177999",
                "level": "block",
                "country": "SN",
                "unproven": 0,
                "until": until.isoformat(),
                "trips": 0,
                "shadow": True,
            }
        ],
        "countries": {
            "SN": country_counts(sent=10, refused=7, conversion=0),
            "IN": country_counts(
                sent=5,
                rejected=1,
                delivered=3,
                undelivered=1,
                approved=4,
                refused=1,
                conversion=0.8,
            ),
        },
        "total": counts(
            sent=15,
            rejected=1,
            delivered=3,
            undelivered=1,
            approved=4,
            refused=8,
            conversion=4 / 15,
        ),
        "refused": [
            {
                "limit": "sends_per_ip",
                "shadow": False,
                "count": 7,
                "countries": {"SN": 7},
            },
            {
                "limit": "resend_cooldown",
                "shadow": False,
                "count": 1,
                "countries": {"IN": 1},
            },
            {
                "limit": "sends_total",
                "shadow": True,
                "count": 4,
                "countries": {"SN": 4},
            },
        ],
        "limits": [
            {
                "limit": "sends_total",
                "identifier": None,
                "window": "1000/1h",
                "used": 1,
                "resets_in": 0,
            }
        ],
        "events": [
            {
                "at": shown["events"][0]["at"],
                "kind": "policy",
                "version": 8,
                "author": "alice",
                "change": "ttl = 5m",
                "reason": "slow",
            },
            {
                "at": shown["events"][1]["at"],
                "kind": "limit_near",
                "limit": "sends_total",
                "identifier": "",
                "used": 800,
                "count": 1000,
                "period": "1h",
            },
        ],
    }


def test_output_that_cannot_refresh_needs_an_option(environ):
    result = run("top", **environ)

    assert result.exit_code == 1
    assert "use --once or --json" in result.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ("--interval", "0"),
        ("--interval", "soon"),
        ("--period", "10s"),
        ("--period", "2d"),
        ("--period", "ten"),
    ],
    ids=" ".join,
)
def test_top_with_invalid_option_fails(environ, arguments):
    result = run("top", "--once", *arguments, **environ)

    assert result.exit_code == 2
    assert f"Invalid value for '{arguments[0]}'" in result.stderr


def test_once_without_redis_fails(environ):
    gone = environ | {"REDIS_URL": "unix:///nonexistent/redis.sock"}

    result = run("top", "--once", **gone)

    assert result.exit_code == 1
    assert "Redis" in result.stderr


class RecordingStore:
    """A store that counts the calls of one part of it, and can be away."""

    def __init__(self, store):
        self._store, self.away = store, False
        self.events, self.limit_usage = store.events, self
        self.guard, self.budget = store.guard, store.budget
        self.policy_versions = store.policy_versions

    def shared_usage(self, hits):
        if self.away:
            raise StoreUnavailable
        return self._store.limit_usage.shared_usage(hits)


@pytest.fixture
def flaky(store):
    return RecordingStore(store)


@pytest.fixture
def monitor(environ, flaky):
    settings = config.load(environ | {"OTP_SENDS_PER_COUNTRY": "60/10m"})
    return Monitor(OperatorContext.build(settings, flaky), PERIOD)


def test_next_frame_has_the_new_events_too(monitor, stored):
    stored(SENT)
    first = monitor.read()
    stored(SENT, APPROVED)

    second = monitor.read()

    assert (first.traffic.total.sent, second.traffic.total.sent) == (1, 2)
    assert second.traffic.total.approved == 1


def test_frame_is_read_with_emails_among_the_messages(monitor, stored):
    address = email_addresses.parse("person@example.com")
    recipient = PseudonymousRecipient.from_address(address, Pepper(b"p" * 32))
    stored(SENT, replace(SENT, recipient=recipient))

    shown = monitor.read()

    assert {name: row.sent for name, row in shown.traffic.countries.items()} == {
        "IN": 1,
        "": 1,
    }
    assert set(shown.unproven) == {"IN"}


def test_usage_is_read_for_the_countries_with_messages(monitor, stored, store):
    stored(SENT)
    hit = LimitHit("sends_per_country", "IN", Limit.parse("60/10m"))
    store.acquire_hits([hit], idempotency_key=bytes(8))

    shown = monitor.read()

    assert {
        (usage.limit_name, usage.identifier, usage.used) for usage in shown.usage
    } == {("sends_total", "", 0), ("sends_per_country", "IN", 1)}


def test_frame_without_redis_has_the_last_figures_and_the_reason(
    monitor, stored, flaky
):
    stored(SENT)
    before = monitor.read()
    flaky.away = True
    with pytest.raises(StoreUnavailable) as raised:
        monitor.read()

    shown = monitor.without_redis(raised.value)

    assert (shown.at, shown.traffic) == (before.at, before.traffic)
    assert "retrying" in plain(shown)[1]


def test_first_frame_without_redis_has_no_figures(monitor):
    shown = monitor.without_redis(StoreUnavailable())

    assert shown.traffic.total == CountryTraffic()


def test_frame_after_an_outage_has_the_events_of_the_outage(monitor, stored, flaky):
    flaky.away = True
    stored(SENT)
    with pytest.raises(StoreUnavailable):
        monitor.read()
    stored(SENT)
    flaky.away = False

    assert monitor.read().traffic.total.sent == 2


def test_suspensions_are_listed_at_most_every_30_seconds(environ, flaky, store):
    times = iter([NOW, NOW, NOW + timedelta(seconds=29), NOW + timedelta(seconds=30)])
    context = OperatorContext.build(config.load(environ), flaky, lambda: next(times))
    monitor = Monitor(context, PERIOD)
    until = datetime.now(UTC) + timedelta(days=1)
    first = monitor.read()
    store.guard.suspend("+22177999", until)

    early, due = monitor.read(), monitor.read()

    assert (first.suspensions, early.suspensions) == ([], [])
    assert [found.prefix for found in due.suspensions] == ["+22177999"]


def test_new_suspension_is_listed_at_once_or_after_five_seconds(
    environ, flaky, store, stored
):
    seconds = iter([0, 0, 4, 6, 10, 11])
    context = OperatorContext.build(
        config.load(environ), flaky, lambda: NOW + timedelta(seconds=next(seconds))
    )
    monitor = Monitor(context, PERIOD)
    until = datetime.now(UTC) + timedelta(days=1)
    event = PlaceSuspended(**asdict(SUSPENSION))

    listed = [len(monitor.read().suspensions)]
    for prefix in ("+22177999", "+22177998"):
        store.guard.suspend(prefix, until)
        stored(event)
        listed += [len(monitor.read().suspensions) for _ in range(2)]

    assert listed == [0, 0, 1, 1, 2]


def test_frame_has_the_live_policy(environ, monitor):
    before = monitor.read().policy_version
    run("policy", "set", "sending", "off", **environ)

    shown = monitor.read()

    assert (before, shown.policy_version, bool(shown.policy.sending)) == (0, 1, False)


def test_policy_that_only_another_release_can_read_is_stated(environ, monitor, store):
    versions = SignedPolicyVersions(store.policy_versions, config.load(environ).peppers)
    versions.add(
        PolicyVersion(
            version=1,
            created_at=datetime.now(UTC),
            author="alice",
            values={"sends_total": "5 per hour"},
        )
    )

    shown = monitor.read()

    assert shown.policy_version == 1
    assert shown.policy.sends_total == Policy().sends_total
    assert shown.problem.startswith("the live policy is invalid in this release")
    assert "sends_total" in shown.problem


def test_emails_have_a_row_of_their_own():
    address = email_addresses.parse("person@example.com")
    recipient = PseudonymousRecipient.from_address(address, Pepper(b"p" * 32))
    refused = replace(REFUSED, recipient=recipient)

    lines = plain(frame([replace(SENT, recipient=recipient), refused]))

    assert any(line.startswith("e-mail ") for line in lines)
    assert any(line.rstrip().endswith("e-mail 1") for line in lines)
