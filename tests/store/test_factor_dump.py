"""What an attacker with a dump of Redis can read of authenticator apps."""

from __future__ import annotations

import base64
import os

import pytest

from otp_engine.crypto.factor_keys import FactorKey, decrypt_data_key
from otp_engine.domain.factors import recovery_codes
from otp_engine.domain.factors.models import TotpConfig
from tests.support.deployments import IDENTITY, deployment
from tests.support.redis_dump import everything_in

KEY, NEW_KEY = bytes(range(50, 82)), bytes(range(100, 132))
NAME = "Ann's phone, the new one"
METADATA = '{"device": "pixel of ann"}'


def encodings(value):
    """Return a value in every form in which a dump could have it."""
    forms = {value, value.hex().encode(), value.hex().upper().encode()}
    for encode in (base64.b64encode, base64.urlsafe_b64encode, base64.b32encode):
        encoded = encode(value).rstrip(b"=")
        # Of a text inside a longer one, base64 has only the middle in common.
        forms |= {encoded, encoded.lower(), encoded[2:-2]}
    return forms


@pytest.fixture
def here(redis_url, real_redis):
    return deployment(redis_url, real_redis, KEY)


@pytest.fixture
def life(here, real_redis):
    """Return the dumps of the whole life of a factor, and its secret values."""
    dump = b""

    def look():
        nonlocal dump
        assert here.store.events.flush()
        dump += everything_in(real_redis) + b"\n"

    codes = recovery_codes.generate(os.urandom)
    new = here.enroll(friendly_name=NAME, metadata=METADATA, codes=codes)
    look()
    verifying, wrong = here.code(new, steps=-1), here.code(new, steps=50)
    here.check(wrong, activates=True)
    look()
    assert here.check(verifying, activates=True).approved
    look()
    current = here.code(new)
    assert here.check(current).approved
    here.check(current)
    here.check(wrong)
    look()
    here.factors.update_factor(
        here.service,
        IDENTITY,
        new.factor.sid,
        friendly_name=f"{NAME}!",
        config=TotpConfig(skew=2),
    )
    look()
    here.factors.delete_factor(here.service, IDENTITY, new.factor.sid)
    look()
    here.factors.delete_entity(here.service, IDENTITY)
    look()
    secret = new.secret + "=" * (-len(new.secret) % 8)
    values = {
        "secret": base64.b32decode(secret),
        "secret in Base32": new.secret.encode(),
        "uri": new.uri.encode(),
        "identity": IDENTITY.encode(),
        "name": NAME.encode(),
        "metadata": METADATA.encode(),
        **{f"recovery code {code}": code.encode() for code in codes},
        **{
            f"typed recovery code {code}": recovery_codes.format_code(code).encode()
            for code in codes
        },
    }
    return dump, values, {verifying, wrong, current}


def test_dump_of_the_life_of_a_factor_contains_no_secret_in_any_encoding(life):
    dump, values, _ = life

    found = {
        name
        for name, value in values.items()
        for form in encodings(value)
        if form in dump
    }

    assert found == set()


def test_dump_of_the_life_of_a_factor_contains_no_code(life):
    dump, _, codes = life
    # Six digits are in times, ids and hashes by chance, so a code is a whole value.
    separated = {value.strip(b'"') for value in dump.replace(b":", b"\n").split(b"\n")}

    assert not separated & {code.encode() for code in codes}


def test_dump_is_decrypted_by_the_factor_key_and_by_no_other(here):
    here.enroll()

    encrypted = here.store.data_key.get()

    assert decrypt_data_key([FactorKey(NEW_KEY)], encrypted) is None
    pepper = here.factors.engine.peppers[0].secret
    assert decrypt_data_key([FactorKey(pepper)], encrypted) is None
    assert decrypt_data_key([FactorKey(KEY)], encrypted) is not None
