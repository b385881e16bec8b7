from __future__ import annotations

import pytest
from argon2.low_level import Type, hash_secret_raw

from otp_engine.crypto.argon2 import PROFILES, Argon2Parameters


@pytest.mark.parametrize(
    ("text", "parameters"),
    [
        ("owasp", Argon2Parameters(19_456, 2, 1)),
        ("RFC9106", Argon2Parameters(65_536, 3, 4)),
        ("m=12288,t=3,p=1", Argon2Parameters(12_288, 3, 1)),
        ("m=12288, t=3, p=1", Argon2Parameters(12_288, 3, 1)),
    ],
)
def test_parse_accepts_a_profile_or_parameters(text, parameters):
    assert Argon2Parameters.parse(text) == parameters


@pytest.mark.parametrize(
    "text",
    [
        *("", "cheap", "m=1,t=1,p=1", "m=64,t=0,p=1", "m=64,t=1,p=0", "m=8,t=1,p=4"),
        *("m=1048577,t=1,p=1", "m=64,t=17,p=1", "m=1024,t=1,p=17"),
    ],
)
def test_parse_rejects_parameters_that_argon2_rejects(text):
    with pytest.raises(ValueError, match=r"must|needs"):
        Argon2Parameters.parse(text)


@pytest.mark.parametrize("parameters", PROFILES.values(), ids=PROFILES)
def test_str_is_parsed_to_the_same_parameters(parameters):
    assert Argon2Parameters.parse(str(parameters)) == parameters


def test_hash_is_argon2id_with_the_parameters():
    expected = hash_secret_raw(b"secret", b"s" * 16, 2, 64, 1, 32, Type.ID)

    assert Argon2Parameters(64, 2, 1).hash(b"secret", b"s" * 16) == expected


@pytest.mark.parametrize(
    ("name", "meets"),
    [("owasp", True), ("rfc9106", True), ("light", False), ("test", False)],
)
def test_profile_meets_asvs_or_not(name, meets):
    assert PROFILES[name].meets_asvs is meets
