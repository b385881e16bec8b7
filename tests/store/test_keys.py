from __future__ import annotations

import pytest

from otp_engine.domain.phones.phone_keys import PhoneKey
from otp_engine.store import keys

ID = bytes(range(16))


@pytest.mark.parametrize(
    ("phone", "key"),
    [
        (PhoneKey("digest"), "otp:{digest}:verification"),
        (PhoneKey("digest", "VA1"), "otp:{digest}:verification:VA1"),
        (PhoneKey("digest", ":test"), "otp:{digest}:verification::test"),
        (PhoneKey("digest", "", ID), f"otp:{{digest}}:verification:+{ID.hex()}"),
        (PhoneKey("digest", "VA1", ID), f"otp:{{digest}}:verification:VA1+{ID.hex()}"),
    ],
)
def test_verification_key_contains_the_scope(phone, key):
    assert keys.for_phone(phone).verification == key


def test_sends_of_all_scopes_share_a_key():
    phones = [PhoneKey("digest"), PhoneKey("digest", "VA1", ID)]

    assert {keys.for_phone(phone).sends for phone in phones} == {"otp:{digest}:sends"}


def test_keys_of_a_phone_differ_and_share_a_hash_tag():
    names = keys.for_phone(PhoneKey("digest", "VA1", ID))

    assert len(set(names)) == len(names)
    assert all(name.startswith("otp:{digest}:") for name in names)


@pytest.mark.parametrize("phone", [PhoneKey("d", "VA1"), PhoneKey("d", "VA1:test", ID)])
def test_scope_can_be_parsed(phone):
    assert PhoneKey("d").in_namespace(phone.namespace) == phone
