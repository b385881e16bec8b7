"""The warnings of `otp-engine policy set` about usage, on both backends."""

from __future__ import annotations

import secrets

import pytest

from otp_engine import config
from otp_engine.domain.events import CodeSent
from otp_engine.domain.limits import names
from otp_engine.domain.limits.limits import Limit, LimitHit
from otp_engine.domain.limits.limits_by_name import LimitByName
from otp_engine.domain.models import Channel, DestinationCharge
from otp_engine.domain.money.budget import BudgetRules
from otp_engine.domain.policy.policy import PARSERS, Policy
from otp_engine.domain.pumping_guard.places import Destination
from otp_engine.domain.pumping_guard.rules import GuardMode, GuardRules
from otp_engine.domain.recipients import PseudonymousRecipient
from otp_engine.operations.limit_warnings import full_warnings, off_warnings
from tests.support.settings import PRODUCTION

SETTINGS = config.load(
    PRODUCTION | {"OTP_API_KEYS": "shop:" + secrets.token_hex(16), "OTP_TTL": "5m"}
)


SENT = CodeSent(
    recipient=PseudonymousRecipient(phone_hash="x", prefix="+221771", country="SN"),
    verification_id=bytes(16),
    send_id=bytes(8),
    service="",
    channel=Channel.SMS,
    code_length=6,
    locale=None,
)


def use(store, name, identifier, times):
    hit = LimitHit(name, identifier, Limit.parse("100/1h"))
    for _ in range(times):
        store.acquire_hits([hit], idempotency_key=secrets.token_bytes(8))


def warnings(store, **values):
    return full_warnings(store, SETTINGS, Policy(), Policy(**values))


@pytest.mark.parametrize(
    ("name", "identifier"),
    [("sends_total", ""), ("sends_per_country", "SN"), ("failed_checks_total", "")],
)
def test_window_that_is_full_is_warned_of(store, name, identifier):
    use(store, name, identifier, 3)
    store.events.add(SENT)
    store.events.flush()

    assert warnings(store, **{name: PARSERS[name]("4/1h")}) == []
    [warning] = warnings(store, **{name: PARSERS[name]("3/1h, 9/1d")})
    assert warning.startswith(f"{name} 3/1h is full now")
    assert "in that time: 3)" in warning


def spend(store, price):
    charge = DestinationCharge(
        hits=(),
        destination=Destination("+22177999", "+221779", "SN"),
        guard=GuardRules(mode=GuardMode.SHADOW),
        price=price,
        budget=BudgetRules(amount=None),
    )
    store.acquire_destination(charge, idempotency_key=secrets.token_bytes(8))


@pytest.mark.parametrize(
    ("budget", "expected"),
    [
        ("9.7/24h", ["budget 9.70/24h is spent already (9.70 USD in that time), and"]),
        ("12/24h", ["budget 12/24h has only its last fifth left (9.70 USD in that"]),
        ("12.2/24h", []),
        ("9.7/24h shadow", []),
        ("off", []),
    ],
)
def test_budget_that_is_nearly_spent_is_warned_of(store, budget, expected):
    spend(store, 9_700_000)

    found = warnings(store, budget=PARSERS["budget"](budget))

    assert len(found) == len(expected)
    assert all(map(str.startswith, found, expected))


def test_budget_that_stays_is_not_warned_of(store):
    spend(store, 9_700_000)
    policy = Policy(budget=PARSERS["budget"]("9/24h"))

    assert full_warnings(store, SETTINGS, policy, policy) == []


@pytest.mark.parametrize("name", ["sends_per_key", "checks_per_key"])
def test_window_of_an_api_key_that_is_full_is_warned_of(store, name):
    use(store, name, "shop", 3)

    [warning] = warnings(
        store, **{name: LimitByName.parse("9/1h; shop=3/1h", names.KEY)}
    )

    what = name.partition("_")[0]
    assert warning.startswith(f"{name} 3/1h is full now ({what} of shop in that")


@pytest.mark.parametrize(
    ("name", "identifier", "text"),
    [
        ("sends_per_country", "SN", "9/1h, SN=3/1h"),
        ("sends_per_prefix", "+22177", "+22177=3/1h, +22178=3/1h"),
        ("sends_per_channel", "sms", "3/1h"),
        ("sends_per_network", "203.0.113.0/24", "203.0.113.0/24=3/1h"),
    ],
)
def test_window_of_a_name_that_is_full_is_warned_of(store, name, identifier, text):
    use(store, name, identifier, 3)

    [warning] = warnings(store, **{name: PARSERS[name](text)})

    assert warning == (
        f"{name} 3/1h is full now (sends of {identifier} in that time: 3), and refuses"
        " more"
    )


def test_many_full_windows_are_counted(store):
    text = ", ".join(f"+9198{n:03}=1/1h" for n in range(250))
    for n in range(12):
        use(store, "sends_per_prefix", f"+9198{n:03}", 1)

    found = warnings(store, sends_per_prefix=PARSERS["sends_per_prefix"](text))

    assert len(found) == 11
    assert found[-1] == "2 more windows are full now"


def test_country_without_recent_messages_has_no_warning(store):
    use(store, "sends_per_country", "SN", 3)

    assert warnings(store, sends_per_country=LimitByName(Limit.parse("3/1h"))) == []


def test_full_window_that_does_not_change_has_no_warning(store):
    use(store, "sends_total", "", 3)
    policy = Policy(sends_total=Limit.parse("3/1h"))

    assert full_warnings(store, SETTINGS, policy, policy) == []


def test_full_window_in_shadow_mode_has_no_warning(store):
    use(store, "sends_total", "", 3)

    assert warnings(store, sends_total=Limit.parse("3/1h shadow")) == []


def test_limit_that_was_off_is_not_turned_off():
    off = Policy(sends_total=Limit())

    assert off_warnings(off, off) == []
    assert off_warnings(Policy(), off) == [
        "sends_total enforces no limit any longer, and it was 1000/1h"
    ]
