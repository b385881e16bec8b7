"""Fixtures of factors on a store."""

from __future__ import annotations

import secrets
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pyotp
import pytest

from otp_engine.crypto.factor_keys import FactorKey
from otp_engine.domain.factors.challenges import Challenges
from otp_engine.domain.factors.data_keys import DataKeys
from otp_engine.domain.factors.factors import Factors
from otp_engine.domain.factors.models import FactorCheck, FactorRequest, TotpConfig
from otp_engine.domain.services import Service
from tests.support.authenticator_app import AuthenticatorApp

SERVICE = Service(sid=f"VA{'1' * 32}", brand="Shop")
IDENTITY = "person-0001"
FACTOR_KEY = FactorKey(b"f" * 32)


@pytest.fixture
def emitted():
    return []


@pytest.fixture
def notices():
    return []


@pytest.fixture
def factors(engine, store, emitted, notices):
    return Factors(
        engine=replace(engine, emit=emitted.append),
        store=store.factors,
        data_keys=DataKeys(
            store.data_key,
            [FACTOR_KEY],
            random_bytes=secrets.token_bytes,
            clock=lambda: 0.0,
        ),
        brand="Acme",
        notify=notices.append,
    )


@pytest.fixture
def request_factor():
    """Return a function that makes a request for a factor."""

    def make(**values):
        defaults: dict[str, Any] = {
            "service": SERVICE,
            "identity": IDENTITY,
            "friendly_name": "Ann’s phone",
            "client_name": "shop",
        }
        return FactorRequest(**defaults | values)

    return make


@pytest.fixture
def check(factors):
    """Return a function that checks a code."""

    def check(code, factor=None, **values):
        defaults: dict[str, Any] = {
            "service": SERVICE,
            "identity": IDENTITY,
            "client_name": "shop",
        }
        sid = factor and factor.sid
        return factors.check(
            FactorCheck(code=code, factor_sid=sid, **defaults | values)
        )

    return check


@pytest.fixture
def app(store):
    """Return a function that shows the code of a factor, by the store's clock."""

    def code(new, *, steps=0):
        uri = pyotp.parse_uri(new.uri)
        assert isinstance(uri, pyotp.TOTP)
        now: datetime = store.policy_versions.now()
        return uri.at(now.timestamp(), counter_offset=steps)

    return code


@pytest.fixture
def verified(factors, request_factor, check, app):
    """Return a factor that was verified by the code before the current one."""
    new = factors.create_factor(request_factor())
    assert check(app(new, steps=-1), new.factor, activates=True).approved
    return new


@pytest.fixture
def challenges_with(factors, store):
    """Return a function that makes challenges under a policy with changes."""

    def make(**changes):
        policy = replace(factors.engine.policy, **changes)
        return Challenges(
            factors=replace(factors, engine=replace(factors.engine, policy=policy)),
            store=store.challenges,
            utcnow=lambda: datetime.now(UTC),
        )

    return make


@pytest.fixture
def challenges(challenges_with):
    return challenges_with()


@pytest.fixture
def enrolled(factors, request_factor, check, emitted, notices):
    """Return the SID and the app of a verified factor, without their events.

    With a skew of two steps, the codes one step ago and one step ahead are right at any
    time of a test.
    """
    new = factors.create_factor(request_factor(config=TotpConfig(skew=2)))
    authenticator = AuthenticatorApp(new.uri)
    assert check(authenticator.code(-1), new.factor, activates=True).approved
    emitted.clear()
    notices.clear()
    return new.factor.sid, authenticator
