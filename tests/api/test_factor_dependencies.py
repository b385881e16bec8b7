"""The factors as the views of both APIs get them."""

from __future__ import annotations

import pyotp
import pytest

from otp_engine.api import context
from otp_engine.domain.factors.models import FactorCheck, FactorRequest
from otp_engine.domain.policy.policy import PARSERS
from otp_engine.domain.policy.signed_versions import SignedPolicyVersions
from otp_engine.domain.policy.versions import PolicyVersion
from otp_engine.errors import FactorsNotConfigured, FactorsUnreadable
from tests.support import redis_server
from tests.support.settings import PEPPER

IDENTITY = "person-0001"
ONE, TWO = (
    "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=",
    "ZmVkY2JhOTg3NjU0MzIxMGZlZGNiYTk4NzY1NDMyMTA=",
)


@pytest.fixture
def in_app(new_app):
    """Return a function that calls a function in the context of an app."""

    def call(function, app=None, **environ):
        app = app or new_app(**environ)
        with app.app_context():
            dependencies = context.get_dependencies()
            return function(dependencies.factors, dependencies.auth_service)

    return call


def create(factors, service):
    return factors.create_factor(
        FactorRequest(service=service, identity=IDENTITY, friendly_name="Ann")
    )


def check_of(new, service, code, *, activates=False):
    return FactorCheck(
        service=service,
        identity=IDENTITY,
        code=code,
        factor_sid=new.factor.sid,
        activates=activates,
    )


def test_without_factor_key_there_are_no_factors(in_app):
    with pytest.raises(FactorsNotConfigured):
        in_app(
            lambda factors, _: factors,
            REDIS_URL="redis://localhost",
            OTP_PEPPER=PEPPER,
        )


def test_in_dev_mode_factors_need_no_setting(in_app):
    new = in_app(create)

    assert new.factor.identity == IDENTITY
    assert pyotp.parse_uri(new.uri).issuer == "OTP Engine"


def test_factor_of_one_instance_is_read_by_another_during_a_rotation(in_app):
    new = in_app(create, OTP_FACTOR_KEY=ONE)

    found = in_app(
        lambda factors, service: factors.list_factors(service, IDENTITY),
        OTP_FACTOR_KEY=TWO,
        OTP_FACTOR_KEY_PREVIOUS=ONE,
    )

    assert found == [new.factor]


def test_instance_with_another_factor_key_reads_and_writes_nothing(in_app, redis):
    def read(factors, service):
        return factors.get_entity(service, IDENTITY)

    def stored():
        keys = redis.keys("otp:*entit*") + redis.keys("otp:{factors}*")
        return {key: redis.dump(key) for key in keys}

    in_app(create, OTP_FACTOR_KEY=ONE)
    before = stored()

    for call in (create, read):
        with pytest.raises(FactorsUnreadable):
            in_app(call, OTP_FACTOR_KEY=TWO)

    # The entity, the list of entities, the data key and its fingerprint.
    assert len(before) == 4
    assert stored() == before


def test_changed_policy_applies_to_the_next_check(in_app, new_app, store):
    app = new_app()
    new = in_app(create, app)

    def activate(factors, service):
        code = pyotp.TOTP(new.secret).at(store.policy_versions.now())
        return factors.check(check_of(new, service, code, activates=True))

    def wrong(factors, service):
        return factors.check(check_of(new, service, "abcdef"))

    assert in_app(activate, app).approved
    assert in_app(wrong, app).attempts_remaining == 9
    _change_policy(app, store, failed_checks_per_factor="3/1h")

    assert in_app(wrong, app).attempts_remaining == 1


def _change_policy(app, store, **values):
    """Add a policy version, and wait until *app* has it."""
    dependencies = app.extensions["otp_engine"]
    versions = SignedPolicyVersions(store.policy_versions, dependencies.peppers)
    number, at = versions.following(dependencies.utcnow())
    versions.add(
        PolicyVersion(version=number, created_at=at, author="alice", values=values)
    )
    expected = {name: PARSERS[name](text) for name, text in values.items()}
    redis_server.wait_until(
        lambda: all(
            getattr(dependencies.current_engines().production.policy, name) == value
            for name, value in expected.items()
        )
    )
