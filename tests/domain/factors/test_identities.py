from __future__ import annotations

import pytest

from otp_engine.domain.factors import identities
from otp_engine.errors import InvalidIdentity


@pytest.mark.parametrize(
    "text",
    [
        *("person-1", "ff483d1ff591898a9942916050d2ca3f", "A" * 64, "--------"),
        *("12345678", "123456789", "1234567890123456", "12345678901a"),
        "01234567-89ab-cdef-0123-456789abcdef",
    ],
)
def test_identity_is_accepted_as_it_is(text):
    assert identities.parse(text) == text


@pytest.mark.parametrize(
    "text",
    [
        *("", "person1", "A" * 65, "person 1", "person_01", "person.1", "pérson-1"),
        *("person-1\n", "٣٣٣٣٣٣٣٣٣", "person/1", "%70erson-1"),
    ],
)
def test_text_with_other_length_or_characters_is_refused(text):
    with pytest.raises(InvalidIdentity):
        identities.parse(text)


@pytest.mark.parametrize(
    "text",
    [
        *("+919445012345", "9445012345", "919445012345", "944-501-2345"),
        *("-9445012345-", "123456789012345", "alice@example.com"),
    ],
)
def test_number_or_address_is_refused_without_being_repeated(text):
    with pytest.raises(InvalidIdentity) as caught:
        identities.parse(text)

    assert text not in str(caught.value)
    assert text not in caught.value.message
