"""The pages of the policy, with the rules of the operations underneath."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest

from otp_engine.console import policy, policy_groups
from otp_engine.domain.events import CodeSent, PolicyChanged
from otp_engine.domain.models import Channel
from otp_engine.domain.policy.policy import PARSERS
from otp_engine.domain.recipients import PseudonymousRecipient
from tests.support.operators import BOB, Operator
from tests.support.policy_forms import TTL, confirm, edit, preview, set_ttl

SENT = CodeSent(
    recipient=PseudonymousRecipient(phone_hash="x", prefix="+221771", country="SN"),
    verification_id=bytes(16),
    send_id=bytes(8),
    service="",
    channel=Channel.SMS,
    code_length=6,
    locale=None,
)


@pytest.fixture
def versions(store):
    """Return a function that returns the changes of the policy, oldest first."""

    def versions():
        events = (recorded.event for recorded in store.events.since(None))
        changed = [event for event in events if isinstance(event, PolicyChanged)]
        return [(e.version, e.author, e.change, e.reason) for e in changed][::-1]

    return versions


def test_page_lists_every_value_with_its_source(alice):
    text = alice.get("/policy").text

    assert [name for name in PARSERS if f'name="name" value="{name}"' not in text] == []
    assert "every value is that of the environment" in text


def test_every_value_is_in_a_group_of_its_own():
    groups = policy_groups.grouped(dict.fromkeys(PARSERS))

    assert sorted(name for group in groups.values() for name in group) == sorted(
        PARSERS
    )
    assert "Others" not in groups


def test_value_of_another_release_is_in_the_last_group():
    assert policy_groups.grouped({"new_value": 1}) == {"Others": {"new_value": 1}}


def test_form_has_the_live_values_and_their_forms(alice):
    text = alice.get("/policy/change?name=ttl&name=sends_per_ip").text

    assert 'name="value.ttl" value="10m"' in text
    assert "a number and a unit of s, m, h or d" in text
    assert 'name="value.sends_per_ip"' in text


@pytest.mark.parametrize("query", ["", "?name=", "?name=tll"])
def test_form_without_a_value_is_not_found(alice, query):
    assert alice.get(f"/policy/change{query}").status_code == 404


def test_preview_shows_the_change_and_stores_nothing(alice, versions):
    response = preview(alice, **TTL)

    assert response.status_code == 200
    assert "10m (default)" in response.text
    assert "preview of version 1" in response.text
    assert versions() == []


def test_preview_has_the_warnings_of_the_command_line(alice):
    response = preview(alice, **TTL | {"value.ttl": "20m"})

    assert "ttl 20m is over 10m" in response.text


def test_preview_has_the_chance_of_guessing_if_it_changes(alice):
    fields = {"action": "set", "value.code_length": "8", "shown.code_length": "6"}

    assert "chance of guessing a code is at most" in preview(alice, **fields).text
    assert "chance of guessing" not in preview(alice, **TTL).text


def test_confirmed_change_is_a_version_by_the_operator(alice, versions):
    response = set_ttl(alice, reason="spring sale")

    assert response.status_code == 303
    assert response.headers["Location"] == "/console/policy/versions/1?new="
    assert versions() == [(1, "alice", "ttl = 5m", "spring sale")]


def test_version_page_states_that_the_change_is_live(alice):
    location = set_ttl(alice).headers["Location"]

    text = alice.get(location.removeprefix("/console")).text

    assert "Version 1 is live within two seconds" in text
    assert "Restore version 1" not in text


def test_several_values_are_one_version(alice, versions):
    set_ttl(alice, **{"value.max_sends": "3", "shown.max_sends": "5"})

    [(_, _, change, _)] = versions()
    assert change == "ttl = 5m; max_sends = 3"


def test_value_that_the_form_had_is_not_changed(alice, versions):
    set_ttl(alice, **{"value.max_sends": "5", "shown.max_sends": "5"})

    [(_, _, change, _)] = versions()
    assert change == "ttl = 5m"


def test_form_without_a_change_is_shown_again(alice):
    response = preview(alice, **TTL | {"value.ttl": "10m"})

    assert response.status_code == 400
    assert "Change a value." in response.text


def test_invalid_value_is_shown_again_with_the_problem(alice):
    response = preview(alice, **TTL | {"value.ttl": '"soon"', "reason": "because"})

    assert response.status_code == 400
    assert 'role="alert"' in response.text
    assert 'value="&#34;soon&#34;"' in response.text
    assert 'aria-invalid="true"' in response.text
    assert 'value="because"' in response.text


def test_live_value_that_is_set_again_changes_nothing(alice):
    set_ttl(alice)

    response = preview(alice, **TTL)

    assert "Nothing changes" in response.text
    assert "Confirm" not in response.text


def test_other_version_since_the_preview_shows_the_preview_again(alice, versions):
    bob = Operator(alice.client.application)
    bob.sign_in(BOB)
    shown = preview(alice, **TTL)
    set_ttl(bob, **{"value.max_sends": "3", "shown.max_sends": "5", "value.ttl": "10m"})

    response = confirm(alice, shown)

    assert response.status_code == 409
    assert "Another operator changed the policy" in response.text
    assert "Version 1 is by bob" in response.text
    assert [author for _, author, _, _ in versions()] == ["bob"]
    assert confirm(alice, response).status_code == 303
    assert versions()[-1] == (2, "alice", "ttl = 5m", None)


def test_change_without_a_preview_is_shown_first(alice, versions):
    response = alice.submit("/policy/change?name=ttl", "/policy/changes", **TTL)

    assert response.status_code == 409
    assert versions() == []


def test_confirmed_change_that_is_live_already_stores_nothing(alice, versions):
    set_ttl(alice)

    response = alice.submit("/policy/change?name=ttl", "/policy/changes", **TTL)

    assert "Nothing changes" in response.text
    assert len(versions()) == 1


def test_confirmation_of_an_invalid_value_shows_the_form(alice, versions):
    fields = TTL | {"value.ttl": "soon"}

    response = alice.submit("/policy/change?name=ttl", "/policy/changes", **fields)

    assert response.status_code == 400
    assert versions() == []


def test_change_with_a_duration_ends(alice, versions):
    response = preview(alice, **TTL, end="for", duration="2h")
    confirm(alice, response)

    assert "It ends 20" in response.text
    [(_, _, change, _)] = versions()
    assert re.fullmatch(r"ttl = 5m until 20\S+ \S+Z, then 10m \(default\)", change)


def test_change_with_a_time_ends_at_it(alice):
    end = datetime.now(UTC) + timedelta(days=2)

    response = preview(alice, **TTL, end="until", time=f"{end:%Y-%m-%dT%H:%M}")

    assert f"It ends {end:%Y-%m-%d %H:%M}:00Z." in response.text


@pytest.mark.parametrize(
    ("end", "problem"),
    [
        ({"end": "for", "duration": ""}, "The end must be a number and a unit"),
        ({"end": "for", "duration": "400d"}, "The end must be from 1s to 366d"),
        ({"end": "until", "time": "tonight"}, "The end must be a time, such as 14:00"),
        ({"end": "until", "time": "2020-01-01T00:00"}, "The end must be after now"),
    ],
)
def test_invalid_end_is_shown_again(alice, end, problem):
    response = preview(alice, **TTL, **end)

    assert response.status_code == 400
    assert problem in response.text


def test_long_reason_is_shown_again(alice):
    response = preview(alice, **TTL, reason="x" * 201)

    assert response.status_code == 400


def test_edit_shows_the_form_with_the_fields_of_the_preview(alice):
    shown = preview(alice, **TTL, reason="spring sale", end="for", duration="2h")

    response = edit(alice, shown)

    assert 'name="value.ttl" value="5m"' in response.text
    assert 'value="spring sale"' in response.text
    assert 'value="2h"' in response.text


def test_selected_values_return_to_the_environment(alice, versions):
    set_ttl(alice)

    shown = preview(alice, action="unset", name="ttl")
    confirm(alice, shown)

    assert "10m (default)" in shown.text
    assert versions()[-1][2] == "ttl = value of the environment"


def test_unset_of_a_value_that_is_not_live_is_shown_again(alice):
    response = preview(alice, action="unset", name="ttl")

    assert response.status_code == 400
    assert "no live value" in response.text


def test_earlier_version_is_restored(alice, versions):
    set_ttl(alice)
    set_ttl(alice, **{"value.ttl": "6m"})

    confirm(alice, preview(alice, action="rollback", version="1"))

    assert versions()[-1] == (3, "alice", "ttl = 5m", "back to version 1")


@pytest.mark.parametrize("version", ["7", "", "x", "-1", "9" * 30])
def test_rollback_to_what_is_no_version_is_shown_again(alice, version):
    assert preview(alice, action="rollback", version=version).status_code == 400


@pytest.mark.parametrize(
    ("kind", "names", "change"),
    [
        ("country", "sn, ml", "sending = on, ML=off, SN=off"),
        ("network", "203.0.113.0/24", "blocked_networks = 203.0.113.0/24"),
    ],
)
def test_block_is_a_version_that_the_page_lists(alice, versions, kind, names, change):
    confirm(alice, preview(alice, action="block", kind=kind, items=names))

    [(_, author, blocked, _)] = versions()
    assert (author, blocked.split(": ")[0]) == ("alice", change)
    assert f"<td>{kind}</td>" in alice.get("/policy").text


def test_form_of_a_block_keeps_its_names_out_of_the_url(alice):
    [method] = re.findall(
        r'<form method="(\w+)"[^>]*>(?:(?!</form>).)*name="items"',
        alice.get("/policy").text,
        re.DOTALL,
    )

    response = alice.submit(
        "/policy", "/policy/change", action="block", kind="prefix", items="+22177"
    )

    assert method == "post"
    assert "+22177" in response.text


def test_unblock_undoes_a_block(alice, versions):
    confirm(alice, preview(alice, action="block", kind="prefix", items="+22177"))
    page = alice.get("/policy").text

    confirm(alice, preview(alice, action="unblock", kind="prefix", items="+22177"))

    assert "action=unblock&amp;kind=prefix&amp;items=%2B22177" in page
    assert "Nothing is blocked" in alice.get("/policy").text


@pytest.mark.parametrize(
    "fields",
    [
        {"action": "block", "kind": "planet", "items": "SN"},
        {"action": "block", "kind": "country", "items": " , "},
        {"action": "block", "kind": "country", "items": "Senegal"},
        {"action": "unblock", "kind": "country", "items": "SN"},
        {"action": "unset"},
    ],
)
def test_change_that_is_not_possible_is_shown_again(alice, fields):
    assert preview(alice, **fields).status_code == 400


def test_block_ends_where_the_form_has_an_end(alice):
    shown = preview(
        alice, action="block", kind="country", items="SN", end="for", duration="2h"
    )
    confirm(alice, shown)

    assert "<td>no end</td>" not in alice.get("/policy").text


def test_value_with_thousands_of_names_is_accepted(alice):
    networks = ", ".join(f"203.0.{n // 256}.{n % 256}/32" for n in range(3000))

    response = preview(
        alice,
        action="set",
        **{"value.blocked_networks": networks, "shown.blocked_networks": "none"},
    )

    assert response.status_code == 200
    assert "(3000 items)" in response.text


def test_preview_replays_the_stored_sends(alice, store):
    for _ in range(3):
        store.events.add(SENT)
    store.events.flush()

    response = preview(
        alice,
        action="set",
        **{"value.sends_total": "2/1h", "shown.sends_total": "1000/1h"},
    )

    assert "On the stored sends" in response.text
    assert re.search(r"<dt>Refused</dt><dd>1, to 1 phones", response.text)


def test_preview_without_stored_sends_states_it(alice, store):
    # The sign-in is an event, and no send.
    store.events.flush()

    response = preview(
        alice,
        action="set",
        **{"value.sends_total": "2/1h", "shown.sends_total": "1000/1h"},
    )

    assert "no send is stored" in response.text


def test_second_replay_at_the_same_time_is_refused(alice, store):
    with policy.REPLAYING:
        response = preview(
            alice,
            action="set",
            **{"value.sends_total": "2/1h", "shown.sends_total": "1000/1h"},
        )

    assert "another preview replays at the moment" in response.text
    assert "Confirm" in response.text


def test_replay_can_be_left_out(alice, store):
    response = preview(
        alice,
        action="set",
        period="none",
        **{"value.sends_total": "2/1h", "shown.sends_total": "1000/1h"},
    )

    assert "stored sends" not in response.text


def test_history_lists_the_versions_newest_first_with_their_changes(alice):
    set_ttl(alice)
    set_ttl(alice, **{"value.ttl": "6m"})

    text = alice.get("/policy/history").text

    assert text.index("Version 2") < text.index("Version 1")
    assert "<del><code>5m</code></del>" in text
    assert "<ins><code>6m</code></ins>" in text


def test_long_history_has_pages(alice, store):
    for number in range(26):
        set_ttl(alice, **{"value.ttl": f"{number + 30}s"})

    first = alice.get("/policy/history").text
    second = alice.get("/policy/history?before=2").text

    assert "before=2" in first
    assert ">Version 1<" not in first
    assert ">Version 1<" in second


def test_earlier_version_can_be_restored_from_its_page(alice):
    set_ttl(alice)
    set_ttl(alice, **{"value.ttl": "6m"})

    assert "Restore version 1" in alice.get("/policy/versions/1").text


def test_unknown_version_is_not_found(alice):
    assert alice.get("/policy/versions/7").status_code == 404


def test_reason_is_escaped(alice):
    set_ttl(alice, reason="<script>alert(1)</script>")

    assert "<script>alert" not in alice.get("/policy/history").text


@pytest.mark.parametrize(
    "path", ["/policy/preview", "/policy/changes", "/policy/change"]
)
def test_form_without_the_token_of_the_session_is_rejected(alice, versions, path):
    assert alice.post(path, **TTL).status_code == 403
    assert versions() == []


@pytest.mark.parametrize("path", ["/policy", "/policy/history", "/guard"])
def test_page_needs_an_operator(operator, path):
    assert operator.get(path).status_code == 303
