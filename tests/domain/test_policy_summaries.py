from __future__ import annotations

from otp_engine.domain.limits.networks import NetworkSet
from otp_engine.domain.policy.changes import Source, SourcedValue, ValueChange
from otp_engine.domain.policy.policy import PARSERS
from otp_engine.domain.policy.summaries import MAX_TEXT, difference, summary

NETWORKS = ", ".join(f"10.{n >> 8}.{n & 255}.0/24" for n in range(10_000))
PREFIXES = "; ".join(f"+9198{n:04}=5/10m, 9/1d" for n in range(10_000))


def change(name, old, new):
    return ValueChange(
        name, SourcedValue(old, Source.LIVE), SourcedValue(new, Source.LIVE)
    )


def test_short_value_is_shown_in_full():
    text = str(PARSERS["sends_per_country"]("60/10m, SN=5/10m, 20/1h"))

    assert summary(text) == text
    assert difference(text, "off") == ""


def test_long_value_is_shown_by_its_start_and_its_number_of_items():
    assert summary(NETWORKS) == (
        "10.0.0.0/24, 10.0.1.0/24, 10.0.2.0/24, 10.0.3.0/24, 10.0.4.0/24 ..."
        " (10000 items)"
    )
    assert summary(PREFIXES).endswith("+91980004=5/10m, 9/1d ... (10000 items)")


def test_long_value_of_one_item_is_cut():
    assert summary("x" * 1_000) == f"{'x' * MAX_TEXT} ... (1 items)"


def test_difference_of_long_values_lists_their_items():
    assert difference(NETWORKS, f"{NETWORKS}, 203.0.113.0/24") == "added 203.0.113.0/24"
    assert difference(NETWORKS, "none") == (
        "added none; removed 10.0.0.0/24, 10.0.1.0/24, 10.0.2.0/24, 10.0.3.0/24,"
        " 10.0.4.0/24 and 9995 others"
    )


def test_changed_limit_of_a_prefix_is_added_and_removed():
    changed = PREFIXES.replace("+91980000=5/10m", "+91980000=6/10m")

    assert difference(PREFIXES, changed) == (
        "added +91980000=6/10m, 9/1d; removed +91980000=5/10m, 9/1d"
    )


def test_change_of_a_long_value_is_one_readable_line():
    text = str(change("blocked_networks", NETWORKS, f"{NETWORKS}, 203.0.113.0/24"))

    assert len(text) < 300
    assert text.endswith("(10001 items): added 203.0.113.0/24")


def test_change_of_a_short_value_has_both_values():
    text = str(change("sending", "on", "on, SN=off"))

    assert text == "sending: on → on, SN=off"


def test_longest_lists_fit_into_a_policy_version():
    assert len(NetworkSet.parse(NETWORKS).names) == 10_000
    assert len(PARSERS["sends_per_prefix"](PREFIXES).by_name) == 10_000
