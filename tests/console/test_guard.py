"""The page of the pumping guard."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from otp_engine.domain.events import Action, RequestRefused
from otp_engine.domain.recipients import PseudonymousRecipient
from otp_engine.store import keys
from tests.support.policy_forms import confirm, preview

REFUSED = RequestRefused(
    recipient=PseudonymousRecipient(phone_hash="x", prefix="+221771", country="SN"),
    action=Action.SEND,
    limit="pumping_guard",
    shadow=True,
)


@pytest.fixture
def suspended(store):
    store.guard.suspend("+22177999", datetime.now(UTC) + timedelta(days=1))


def test_page_states_the_mode_and_that_no_place_is_suspended(alice):
    text = alice.get("/guard").text

    assert "<code>guard</code> is <code>shadow (default)</code>" in text
    assert "Suspended: none." in text
    assert "It has refused no send" in text


def test_page_lists_suspended_places(alice, suspended):
    text = alice.get("/guard").text

    assert "<code>+22177999</code>" in text
    assert "(shadow)" in text
    assert "Suspended: 1 block." in text


def test_page_counts_what_the_guard_would_have_refused(alice, store):
    store.events.add(REFUSED)
    store.events.flush()

    assert "would have refused 1 sends" in alice.get("/guard").text


def test_places_of_other_countries_are_hidden(alice, suspended):
    assert "+22177999" not in alice.get("/guard?country=IN").text
    assert "+22177999" in alice.get("/guard?country=SN,%20IN").text


def test_text_that_is_no_country_is_a_problem(alice):
    assert 'role="alert"' in alice.get("/guard?country=Senegal").text


def test_lifted_place_is_exempt_for_seven_days_and_starts_again(
    alice, store, suspended
):
    shown = preview(alice, action="lift", place="+22177999", reason="known customer")

    response = confirm(alice, shown)

    assert "It ends 20" in shown.text
    page = response.headers["Location"].removeprefix("/console")
    assert store.guard.list_suspensions() == []
    text = alice.get(page).text
    assert "Version 1 is live within two seconds." in text
    assert "The guard starts again with 1 place." in text
    assert "guard_exempt</code> is <code>+22177999 (+22177999 until" in text


def test_lift_that_redis_interrupts_states_what_is_left(alice, redis):
    shown = preview(alice, action="lift", place="+22177999")
    # Redis refuses the commands of the guard on a key of another type.
    redis.set(keys.GUARD, "")

    response = confirm(alice, shown)

    redis.delete(keys.GUARD)
    text = alice.get(response.headers["Location"].removeprefix("/console")).text
    assert "Version 1 is live within two seconds." in text
    assert "Lift the place again." in text


def test_place_that_is_exempt_already_starts_again(alice, store, suspended):
    tomorrow = f"{datetime.now(UTC) + timedelta(days=1):%Y-%m-%d %H:%M}"
    lift = {"action": "lift", "place": "+22177999", "end": "until", "time": tomorrow}
    confirm(alice, preview(alice, **lift))
    store.guard.suspend("+22177999", datetime.now(UTC) + timedelta(days=1))
    shown = preview(alice, **lift)

    response = confirm(alice, shown)

    assert "Nothing changes" in shown.text
    assert store.guard.list_suspensions() == []
    text = alice.get(response.headers["Location"].removeprefix("/console")).text
    assert "The exemption was live already." in text
    assert "The guard starts again with 1 place." in text


def test_closed_place_gets_no_messages(alice):
    confirm(alice, preview(alice, action="close", place="+22177"))

    assert "<td>prefix</td>" in alice.get("/policy").text


@pytest.mark.parametrize("action", ["lift", "close"])
@pytest.mark.parametrize("place", ["", "Senegal", "+0"])
def test_text_that_is_no_place_is_shown_again(alice, action, place):
    response = preview(alice, action=action, place=place)

    assert response.status_code == 400
    assert f'value="{place}"' in response.text


def test_form_of_a_place_has_the_place(alice):
    text = alice.get("/policy/change?action=lift&place=%2B22177").text

    assert 'name="place" value="+22177"' in text
    assert "After 7 days" in text
