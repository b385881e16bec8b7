from __future__ import annotations

import base64
import hashlib
import re
import secrets
import uuid

import pytest

from otp_engine.crypto import api_keys


def test_generated_keys_differ_and_have_the_prefix():
    keys = {api_keys.generate() for _ in range(100)}

    assert len(keys) == 100
    assert all(re.fullmatch(r"otp_live_[A-Za-z0-9]{38}", key) for key in keys)


def test_generated_key_has_valid_checksum():
    assert api_keys.checksum_valid(api_keys.generate())


@pytest.mark.parametrize("position", [0, 9, 20, 46])
def test_mistyped_key_has_invalid_checksum(position):
    key = api_keys.generate()
    other = "A" if key[position] != "A" else "B"

    assert not api_keys.checksum_valid(key[:position] + other + key[position + 1 :])


def test_truncated_key_has_invalid_checksum():
    key = api_keys.generate()

    assert not any(api_keys.checksum_valid(key[:length]) for length in range(len(key)))


def test_env_entry_omits_the_secret():
    key = api_keys.generate()

    entry = api_keys.env_entry("shop", key)

    assert key[9:] not in entry


def test_env_entry_is_parsed_to_the_same_key():
    key = api_keys.generate()

    name, _, hashed = api_keys.env_entry("shop", key).partition(":")

    assert api_keys.parse(name, hashed) == api_keys.parse("shop", key)


@pytest.mark.parametrize("change", [str.upper, str.lower, str.title])
def test_digest_in_any_case_is_parsed(change):
    key = api_keys.generate()

    assert api_keys.parse("shop", change(api_keys.hashed_form(key))) == (
        api_keys.parse("shop", key)
    )


HEX = hashlib.sha256(b"secret").hexdigest()
BASE64 = base64.b64encode(bytes.fromhex(HEX)).decode()


@pytest.mark.parametrize(
    "text",
    [
        "sha256:",
        f"sha256:{HEX[1:]}",
        f"sha256:{HEX}0",
        f"sha256:{HEX[1:]}g",
        f"sha256: {HEX}",
        f" sha256:{HEX}",
        f"sha256:{HEX} ",
        f"sha256:{HEX[:32]} {HEX[32:]}",
        f"sha256:{BASE64}",
        f"SHA256:{HEX[1:]}",
        f"SHA256:{BASE64}",
        f"sha-256:{HEX}",
        f"SHA-256:{HEX}",
        f"sha_256:{HEX}",
        f"sha256={HEX}",
        f"sha256-{BASE64}",
        f"sha256${HEX}",
        f"$sha256${HEX}",
        f"{{SHA256}}{BASE64}",
        f"sha512:{HEX}{HEX}",
        f"sha1:{HEX[:40]}",
        f"md5:{HEX[:32]}",
        "$argon2id$v=19$m=16,t=2,p=1$c2FsdHNhbHQ$aGFzaA",
        f"$2b$12${HEX[:53]}",
        f"pbkdf2_sha256$600000$salt${BASE64}",
    ],
)
def test_start_of_a_digest_that_is_none_is_rejected(text):
    with pytest.raises(ValueError, match="64 hexadecimal digits") as raised:
        api_keys.parse("shop", text)

    assert HEX[1:] not in str(raised.value)


@pytest.mark.parametrize(
    "secret", [HEX, f"sha256sum{HEX}", f"key-sha256:{HEX}", f"2b{HEX}", f"md5{HEX}"]
)
def test_secret_that_only_resembles_a_digest_is_a_secret(secret):
    assert api_keys.parse("shop", secret).digest == api_keys.digest(secret)


@pytest.mark.parametrize(
    ("secret", "bits"),
    [
        ("", 0),
        ("x" * 100, 0),
        ("abcdefg" * 20, 0),
        # 10 digits, 16, 36 and 62 characters.
        ("012345678998765432102468013579", 99.66),
        ("0123456789abcdeffedcba9876543210", 128),
        ("0123456789ABCDEFFEDCBA9876543210", 128),
        ("0123456789abcdeggedcba9876543210", 165.44),
        ("0123456789ABCDEGGEDCBA9876543210", 165.44),
        ("0123456789abcdeFFedcba9876543210", 190.53),
        # One more for each different other character.
        ("shop-secret-0123456789", 114.61),
        ("hunter2-hunter3", 78.14),
        # A repeated part counts once, with or without its end.
        ("hunter2-hunter2", 41.68),
        ("hunter2-" * 9, 41.68),
        ("changeme-changeme-changeme", 46.88),
        ("12345678" * 5, 26.58),
        ("0123456789abcdef" * 4, 64),
        # Equal ends are no repetition.
        ("0123456789abcdeffedcba9876543201", 128),
        ("01234567fedcba9889abcdef01234567", 128),
    ],
)
def test_entropy_is_length_times_bits_of_alphabet(secret, bits):
    assert api_keys.entropy_bits(secret) == pytest.approx(bits, abs=0.01)


def test_generated_keys_are_strong():
    keys = [api_keys.generate() for _ in range(100)]

    assert not any(api_keys.parse("shop", key).weak for key in keys)


@pytest.mark.parametrize("generate", [lambda: secrets.token_hex(16), uuid.uuid4])
def test_16_random_bytes_of_common_tools_are_strong(generate):
    assert not any(api_keys.parse("shop", str(generate())).weak for _ in range(100))
