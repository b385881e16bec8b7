"""`otp-engine guard show`, `lift` and `close`."""

from __future__ import annotations

import json
import os
from datetime import datetime, timedelta

import pytest

from otp_engine.crypto.pepper import Pepper
from otp_engine.domain.events import Action, RequestRefused
from otp_engine.domain.models import DestinationCharge
from otp_engine.domain.phones import numbers
from otp_engine.domain.pumping_guard.places import Destination
from otp_engine.domain.pumping_guard.rules import GuardMode, GuardRules
from otp_engine.domain.recipients import PseudonymousRecipient
from otp_engine.errors import DestinationSuspended
from otp_engine.store.redis_store import RedisStore
from tests.support import redis_server
from tests.support.command_line import run

KEY = {"Authorization": "Bearer shop-secret-0123456789"}
RULES = GuardRules(mode=GuardMode.ON, wide=None, pressure=None)
SENEGAL = Destination(block="+22177999", network="+221779", country="SN")
GHANA = Destination(block="+23320123", network="+233201", country="GH")


@pytest.fixture
def guard(environ):
    """Run a command about the guard."""

    def run_guard(*arguments):
        return run("guard", *arguments, **environ)

    return run_guard


@pytest.fixture
def store(real_redis):
    return RedisStore(real_redis)


@pytest.fixture
def send(store):
    """Return a function that charges messages to a destination, until a refusal."""

    def send(destination, count):
        charge = DestinationCharge(hits=[], destination=destination, guard=RULES)
        for _ in range(count):
            try:
                store.acquire_destination(charge, idempotency_key=os.urandom(8))
            except DestinationSuspended:
                return

    return send


@pytest.fixture
def attack(send):
    """Suspend a block of Senegal, beside two messages to Ghana."""
    send(SENEGAL, 11)
    send(GHANA, 2)


def shown(guard, *options):
    return json.loads(guard("show", "--json", *options).stdout)


def history(policy):
    return json.loads(policy("history", "--json").stdout)


@pytest.mark.usefixtures("attack")
def test_show_lists_the_worst_places_first(guard):
    places = shown(guard)["places"]

    assert [place["place"] for place in places[:3]] == ["+22177999", "+221779", "SN"]
    worst = places[0]
    assert (worst["level"], worst["country"], worst["trips"]) == ("block", "SN", 1)
    assert worst["unproven"] == pytest.approx(10, abs=0.1)
    assert worst["until"] is not None


@pytest.mark.usefixtures("attack")
def test_show_prints_totals_and_a_table(guard):
    lines = guard("show").stdout.splitlines()

    assert lines[0].startswith("guard is shadow (default).")
    assert "guard_exempt is off (default)." in lines
    assert "6 places, of which are suspended: block 1." in lines
    header = next(line for line in lines if line.startswith("PLACE"))
    assert header.split() == [
        *("PLACE", "LEVEL", "COUNTRY", "UNPROVEN", "APPROVED", "TRIPS", "UNTIL"),
    ]
    assert max(map(len, lines)) <= 80


@pytest.mark.usefixtures("attack")
@pytest.mark.parametrize(
    ("options", "names"),
    [
        (("-n", "1"), ["+22177999"]),
        (("--country", "gh"), ["+23320123", "+233201", "GH"]),
        (("--country", "NG"), []),
    ],
)
def test_show_selects_places(guard, options, names):
    assert [place["place"] for place in shown(guard, *options)["places"]] == names


def test_show_without_a_place_states_the_mode(guard):
    lines = guard("show").stdout.splitlines()

    assert lines[0] == "guard is shadow (default)."
    assert lines[1].startswith("It has refused no send since")
    assert lines[1].endswith(", and none in shadow mode.")
    assert lines[-1] == "0 places, and none of them is suspended."


def test_show_names_the_time_of_the_mode(guard, policy):
    policy("set", "guard", "on", "--reason", "pumping")
    policy("set", "ttl", "5m")

    since = shown(guard)["since"]

    assert since == history(policy)[1]["at"]
    assert f"guard is on since {since[:10]} {since[11:19]}Z." in guard("show").stdout


def test_show_counts_what_the_guard_refused(guard, store):
    recipient = PseudonymousRecipient.from_address(
        numbers.parse("+221779991234", "IN"), Pepper(b"p" * 32)
    )
    for limit, shadow in (
        *(("pumping_guard", True), ("pumping_guard", True)),
        *(("pumping_guard", False), ("sends_total", False)),
    ):
        store.events.add(
            RequestRefused(
                recipient=recipient, action=Action.SEND, limit=limit, shadow=shadow
            )
        )
    assert store.events.flush()

    counts = shown(guard)
    lines = guard("show").stdout

    assert (counts["would_refuse"], counts["refused"]) == ({"SN": 2}, {"SN": 1})
    assert "In shadow mode it would have refused 2 sends since" in lines
    assert "It refused 1 send since" in lines
    assert shown(guard, "--country", "GH")["refused"] == {}


@pytest.mark.usefixtures("attack")
def test_lift_exempts_a_block_and_ends_its_suspension(guard, policy, store):
    result = guard("lift", "+22177999", "--reason", "our campaign")

    [version] = history(policy)
    [end] = version["changes"][0]["ends"]
    left = datetime.fromisoformat(end["until"]) - datetime.fromisoformat(version["at"])
    assert result.exit_code == 0
    assert version["values"] == {"guard_exempt": "+22177999"}
    assert (version["reason"], end["item"]) == ("our campaign", "+22177999")
    assert timedelta(days=7) <= left < timedelta(days=7, minutes=1)
    assert "✓ the guard starts again with 1 place in +22177999" in result.stderr
    assert store.guard.list_suspensions() == []


@pytest.fixture
def send_code(service):
    """Return a function that requests a code for a number of one block of India."""
    numbers_of_block = (f"+91944501{number:04}" for number in range(1_000))

    def send_code():
        response = service.post(
            "/auth/send_otp", json={"phone": next(numbers_of_block)}, headers=KEY
        )
        return response.status_code, response.json.get("error")

    return send_code


def test_lifted_block_gets_messages_again(guard, policy, send_code):
    policy("set", "guard=on", "guard_block=1", "guard_strict=1")
    statuses = [send_code(), send_code()]

    guard("lift", "+91944501", "--for", "2h")

    assert statuses == [(201, None), (403, "destination_suspended")]
    # The third message in a row passes only where the exemption is live.
    redis_server.wait_until(
        lambda: [send_code() for _ in range(3)] == [(201, None)] * 3
    )


def test_closed_block_gets_no_message(guard, send_code):
    before = send_code()

    guard("close", "+91944501", "--for", "2h")

    assert before == (201, None)
    redis_server.wait_until(lambda: send_code() == (403, "prefix_not_allowed"))


@pytest.mark.usefixtures("attack")
def test_lift_of_a_network_includes_its_blocks(guard, store):
    result = guard("lift", "+221779", "--for", "2h")

    assert "with 2 places in +221779" in result.stderr
    assert {place.prefix for place in store.guard.list_places()} == {
        "SN",
        *("+23320123", "+233201", "GH"),
    }


@pytest.mark.usefixtures("attack")
def test_lift_of_a_country_includes_its_places(guard, store):
    result = guard("lift", "SN", "--for", "2h")

    assert "with 3 places in SN" in result.stderr
    assert {place.country for place in store.guard.list_places()} == {"GH"}


@pytest.mark.usefixtures("attack")
def test_dry_run_of_a_lift_changes_nothing(guard, policy, store):
    result = guard("lift", "+22177999", "--dry-run")

    assert "(+22177999 until 2" in result.stderr
    assert history(policy) == []
    assert len(store.guard.list_suspensions()) == 1


@pytest.mark.usefixtures("attack")
def test_second_lift_ends_the_suspension_again(guard, send, store):
    guard("lift", "+22177999", "--for", "2h")
    send(SENEGAL, 40)

    guard("lift", "+22177999", "--for", "2h")

    assert store.guard.list_suspensions() == []


def test_lift_of_an_unknown_place_is_warned_of(guard, policy):
    result = guard("lift", "+22177999")

    assert "! the guard had counted no message to +22177999" in result.stderr
    assert history(policy)[0]["values"] == {"guard_exempt": "+22177999"}


@pytest.mark.parametrize(
    ("first", "second", "warning"),
    [
        ("+22177", "+22177999", "! guard_exempt already has +22177, which includes"),
        ("SN", "+22177999", "! guard_exempt already has SN, which includes +22177999"),
        ("+22177999", "+22177", "! +22177 includes +22177999 of guard_exempt"),
        ("+22177999", "SN", "! SN includes +22177999 of guard_exempt"),
    ],
)
def test_overlapping_lift_is_warned_of(guard, first, second, warning):
    guard("lift", first)

    assert warning in guard("lift", second).stderr


def test_lift_of_another_place_has_no_overlap(guard):
    guard("lift", "+22177999")

    assert "includes" not in guard("lift", "+22178999").stderr


def test_lift_in_a_country_that_is_not_allowed_is_warned_of(guard):
    assert "! messages to SN are refused" in guard("lift", "+22177999").stderr
    assert "are refused" not in guard("lift", "+9194450").stderr


@pytest.mark.parametrize("command", ["lift", "close"])
@pytest.mark.parametrize(
    ("place", "error"),
    [
        ("22177", "✗ prefix must have prefixes such as +22177: '22177'"),
        ("+22177x", "✗ prefix must have prefixes such as +22177"),
        ("+999", "✗ prefix must have prefixes with a known calling code"),
        ("+221779999", "✗ prefix must have prefixes that hide at least 4 digits"),
        ("XX", "✗ country must be the ISO 3166 code of a country"),
        ("UK", "✗ country must be GB, and not UK"),
        ("", "✗ country must be the ISO 3166 code"),
    ],
)
def test_place_that_is_none_is_rejected(guard, policy, command, place, error):
    result = guard(command, place)

    assert result.exit_code == 1
    assert error in result.stderr
    assert history(policy) == []


@pytest.mark.parametrize(
    ("place", "item"),
    [("+22177999", "+22177999=off"), ("sn", "SN=off"), ("001", "001=off")],
)
def test_close_is_a_version_that_sends_nothing_there(guard, policy, place, item):
    guard("close", place, "--for", "2h", "--by", "alice")

    [version] = history(policy)
    assert item in version["values"]["sending"]
    assert version["author"] == "alice"
    assert [end["item"] for end in version["changes"][0]["ends"]] == [item]


def test_close_is_undone_by_unblock(guard, policy):
    guard("close", "+22177999")

    policy("unblock", "prefix", "+22177999")

    assert history(policy)[0]["values"] == {"sending": "on"}


@pytest.mark.parametrize("words", [(), ("show",), ("lift",), ("close",)])
def test_help_needs_no_environment(words):
    result = run("guard", *words, "-h")

    assert result.exit_code == 0
    assert "..." not in result.stdout.partition("Commands:")[2]
