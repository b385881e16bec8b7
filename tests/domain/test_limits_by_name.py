from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otp_engine.domain.limits import names
from otp_engine.domain.limits.limits import Limit, Window
from otp_engine.domain.limits.limits_by_name import MAX_NAMES, LimitByName

KINDS = {
    "country": (names.COUNTRY, st.sampled_from(["IN", "SN", "GB", "US"])),
    "key": (names.KEY, st.from_regex(r"[A-Za-z0-9_.-]{1,12}", fullmatch=True)),
    "channel": (names.CHANNEL, st.just("sms")),
    "prefix": (names.PREFIX, st.sampled_from(["+221", "+22177", "+1", "+9198765"])),
    "network": (
        names.NETWORK,
        st.sampled_from(["203.0.113.0/24", "203.0.0.0/16", "2001:db8::/32"]),
    ),
}
windows = st.builds(
    Window,
    st.integers(1, 1_000_000),
    st.integers(1, 31 * 86_400).map(lambda seconds: timedelta(seconds=seconds)),
    st.booleans(),
)
limits = st.lists(windows, max_size=3).map(tuple).map(Limit)
separators = st.sampled_from([", ", ",", " ; ", ";"])


def test_limit_by_name_has_a_default_and_limits_of_single_names():
    limit = LimitByName.parse("100/1h; shop=1000/1h, 20/1m; ci=off", names.KEY)

    assert limit.for_name("other") == Limit.parse("100/1h")
    assert limit.for_name("shop") == Limit.parse("1000/1h, 20/1m")
    assert limit.for_name("ci") == Limit()


def test_windows_after_a_name_belong_to_it_until_the_next_name():
    limit = LimitByName.parse("60/10m, SN=5/10m, 20/1h, FR=9/1h", names.COUNTRY)

    assert limit.default == Limit.parse("60/10m")
    assert limit.for_name("SN") == Limit.parse("5/10m, 20/1h")
    assert limit.for_name("FR") == Limit.parse("9/1h")


@pytest.mark.parametrize(
    ("text", "formatted"),
    [
        ("off", "off"),
        ("100/1h", "100/1h"),
        ("shop=1/1h", "shop=1/1h"),
        ("shop=1/1h; off", "shop=1/1h"),
        ("b=1/1m;a=2/1m; 3/1m shadow", "3/1m shadow; a=2/1m; b=1/1m"),
        ("9/1m, b=1/1m, 2/1h shadow,a=off", "9/1m; a=off; b=1/1m, 2/1h shadow"),
    ],
)
def test_limit_by_name_is_formatted_with_the_default_first(text, formatted):
    limit = LimitByName.parse(text, names.KEY)

    assert str(limit) == formatted
    assert LimitByName.parse(formatted, names.KEY) == limit


@given(data=st.data(), default=limits, separator=separators)
@pytest.mark.parametrize("kind", KINDS)
def test_written_limit_by_name_is_parsed_and_formatted_to_the_same_value(
    kind, data, default, separator
):
    name_kind, known_names = KINDS[kind]
    by_name = data.draw(st.dictionaries(known_names, limits, max_size=4))
    default = Limit() if name_kind.index else default
    named = [f"{name}={limit}" for name, limit in by_name.items()]

    limit = LimitByName.parse(separator.join([str(default), *named]), name_kind)

    assert limit == LimitByName(default, tuple(sorted(by_name.items())))
    assert LimitByName.parse(str(limit), name_kind) == limit


@given(text=st.text(alphabet="0123456789/=,; smhdSNoff", max_size=30))
def test_text_is_parsed_or_rejected_with_a_reason(text):
    try:
        limit = LimitByName.parse(text, names.COUNTRY)
    except ValueError as error:
        assert str(error).startswith("must ")  # noqa: PT017 - a text can be valid
    else:
        assert LimitByName.parse(str(limit), names.COUNTRY) == limit


def test_limit_by_name_is_off_if_every_part_is_off():
    assert not LimitByName.parse("off; shop=off", names.KEY)
    assert LimitByName.parse("shop=1/1h", names.KEY)


@pytest.mark.parametrize(
    "text",
    [
        *("", ";", "1/1h;", "1/1h; 2/1h", "=1/1h", "a b=1/1h", "shop=1/1h; shop=2/1h"),
        *("shop", "shop=", "shop=5", "shop=a=1/1h", "\u00e9=1/1h"),
        *("1/1h, shop=1/1h; 2/1h", "shop=1/1h, off", "shop=1/1h,", "1/1h,,shop=1/1h"),
    ],
)
def test_malformed_limit_by_name_is_rejected(text):
    with pytest.raises(ValueError, match="must"):
        LimitByName.parse(text, names.KEY)


@pytest.mark.parametrize(
    ("kind", "text", "reason"),
    [
        (names.COUNTRY, "XX=1/1h", "must be the ISO 3166 code"),
        (names.COUNTRY, "UK=1/1h", "must be GB, and not UK"),
        (names.COUNTRY, "AX=1/1h", "must have FI in place of AX"),
        (names.PREFIX, "1/1h", "must be like"),
        (names.PREFIX, "22177=1/1h", "must have prefixes such as"),
        (names.PREFIX, "+221771234567=1/1h", "must have prefixes that hide at least 4"),
        (names.NETWORK, "1/1h", "must be like"),
        (names.NETWORK, "203.0.113.7/24=1/1h", "must have 203.0.113.0/24"),
        (
            names.CHANNEL,
            "fax=1/1h",
            r"must have the name of a channel \(sms, .*\): 'fax'",
        ),
        (names.KEY, "a b=1/1h", "must have the name of an API key"),
    ],
)
def test_name_of_another_kind_is_rejected_with_the_kind(kind, text, reason):
    with pytest.raises(ValueError, match=f"^{reason}"):
        LimitByName.parse(text, kind)


@pytest.mark.parametrize(
    ("kind", "text", "name"),
    [(names.COUNTRY, "sn=1/1h", "SN"), (names.CHANNEL, "SMS=1/1h", "sms")],
)
def test_name_is_stored_in_its_canonical_form(kind, text, name):
    assert LimitByName.parse(text, kind).by_name == ((name, Limit.parse("1/1h")),)


@pytest.mark.parametrize("text", ["SN=1/1h, sn=2/1h", "SN=1/1h; SN=1/1h"])
def test_name_that_occurs_twice_is_rejected(text):
    with pytest.raises(ValueError, match="must have each name once"):
        LimitByName.parse(text, names.COUNTRY)


def test_every_prefix_of_a_number_has_its_limit():
    limit = LimitByName.parse("+22177=5/10m, +221=9/1h, +22178=1/1h", names.PREFIX)

    assert limit.matching("+221771234567") == [
        ("+221", Limit.parse("9/1h")),
        ("+22177", Limit.parse("5/10m")),
    ]
    assert limit.matching("+919445012345") == []


def test_every_network_of_a_client_has_its_limit():
    limit = LimitByName.parse("203.0.113.0/24=5/10m; 203.0.0.0/16=9/1h", names.NETWORK)

    assert limit.matching("203.0.113.7") == [
        ("203.0.0.0/16", Limit.parse("9/1h")),
        ("203.0.113.0/24", Limit.parse("5/10m")),
    ]


def test_value_with_too_many_names_is_rejected():
    text = ",".join(f"key{n}=1/1h" for n in range(MAX_NAMES + 1))

    with pytest.raises(ValueError, match="must have at most 10000 names: 10001"):
        LimitByName.parse(text, names.KEY)


def test_error_of_a_long_value_shows_its_start_only():
    with pytest.raises(ValueError, match="must be like") as error:
        LimitByName.parse("1/1h;" * 10_000, names.KEY)

    assert len(str(error.value)) < 200
