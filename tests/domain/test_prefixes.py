from __future__ import annotations

from itertools import count, islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otp_engine.domain.phones import prefixes
from otp_engine.domain.phones.prefixes import Prefix, PrefixIndex


@pytest.mark.parametrize(
    "text",
    ["+1", "+91", "+221", "+22177", "+22177999", "+1415555", "+8835", "+491511234"],
)
def test_prefix_is_accepted_and_formatted(text):
    assert str(Prefix.parse(text)) == text


@pytest.mark.parametrize(
    ("text", "phrase"),
    [
        ("", "prefixes such as"),
        ("+", "prefixes such as"),
        ("22177", "prefixes such as"),
        ("0022177", "prefixes such as"),
        ("+0221", "prefixes such as"),
        ("+221 77", "prefixes such as"),
        ("+22177x", "prefixes such as"),
        ("+٢٢١", "prefixes such as"),
        ("+1234567890123456", "prefixes such as"),
        ("+2", "known calling code"),
        ("+21", "known calling code"),
        ("+999123", "known calling code"),
    ],
)
def test_text_that_is_no_prefix_is_rejected(text, phrase):
    with pytest.raises(ValueError, match=phrase):
        Prefix.parse(text)


@pytest.mark.parametrize(
    ("text", "longest"),
    [
        ("+221779990", "+22177999"),
        ("+221779991234", "+22177999"),
        ("+14155550", "+1415555"),
        ("+919445012", "+91944501"),
        ("+628123456789", "+6281234567"),
    ],
)
def test_prefix_of_a_person_is_rejected_without_the_hidden_digits(text, longest):
    with pytest.raises(ValueError, match="hide at least 4") as raised:
        Prefix.parse(text)

    assert f" {longest} is the longest" in str(raised.value)
    assert text not in str(raised.value)


def test_every_matching_prefix_is_found_shortest_first():
    texts = ["+22177999", "+221", "+22178", "+22177", "+1"]
    index = PrefixIndex(map(Prefix, texts))

    found = index.matching("+221779991234")

    assert [str(prefix) for prefix in found] == ["+221", "+22177", "+22177999"]


def test_number_shorter_than_a_prefix_does_not_match_it():
    index = PrefixIndex([Prefix("+431234567")])

    assert index.matching("+43123456") == []


def test_empty_index_is_false():
    assert not PrefixIndex()
    assert PrefixIndex([Prefix("+1")])


@given(st.sets(st.from_regex(r"\+[12]{1,6}", fullmatch=True), max_size=30))
def test_index_finds_what_a_search_through_all_prefixes_finds(texts):
    number = "+1212121212"

    found = PrefixIndex(map(Prefix, texts)).matching(number)

    expected = sorted((t for t in texts if number.startswith(t)), key=len)
    assert [prefix.text for prefix in found] == expected


class CountedText(str):
    """A number that counts its slices."""

    __slots__ = ()

    slices = 0

    def __getitem__(self, key):
        type(self).slices += 1
        return super().__getitem__(key)


def test_search_among_100_000_prefixes_takes_one_lookup_for_each_length():
    texts = islice((f"+4477{n}" for n in count()), 100_000)
    index = PrefixIndex(map(Prefix, texts))

    found = index.matching(CountedText("+447701234567"))

    assert [prefix.text for prefix in found] == ["+44770"]
    assert CountedText.slices == 5


def test_blocks_of_a_prefix_have_all_but_four_digits():
    assert prefixes.blocks_in("+91944501") == ["+91944501"]
    assert prefixes.blocks_in("+9194450") == [f"+9194450{digit}" for digit in range(10)]
    assert len(prefixes.blocks_in("+919445")) == 100


def test_blocks_of_numbers_of_several_lengths_have_several_lengths():
    blocks = prefixes.blocks_in("+6281234")

    assert blocks[0] == "+6281234"
    assert {len(block) for block in blocks} == {8, 9, 10, 11}
    assert len(blocks) == len(set(blocks)) == 1111


def test_prefix_with_too_many_blocks_is_rejected():
    with pytest.raises(ValueError, match="more than 100000 blocks"):
        prefixes.blocks_in("+91")


def test_name_of_a_block_of_short_numbers_is_rejected_with_its_digits():
    with pytest.raises(ValueError, match=r"\+43650 in place of '\+43650xxxx'"):
        Prefix.parse("+43650xxxx")
