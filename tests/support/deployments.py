"""Deployments with authenticator apps, as their commands and clients see them."""

from __future__ import annotations

import base64
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from typing import Any

import pyotp
import redis

from otp_engine import config
from otp_engine.composition.engine import build_engine
from otp_engine.composition.factors import build_data_keys, build_factors
from otp_engine.crypto.argon2 import Argon2Parameters
from otp_engine.crypto.factor_keys import RecoveryKey
from otp_engine.domain.factors.factors import Factors
from otp_engine.domain.factors.models import (
    FactorCheck,
    FactorCheckResult,
    FactorRequest,
    NewFactor,
)
from otp_engine.domain.factors.records import EntityName
from otp_engine.domain.factors.recovery_codes import RecoveryHashes
from otp_engine.domain.services import Service
from otp_engine.resilience.dependency_metrics import NULL_METRICS
from otp_engine.store import keys
from otp_engine.store.redis_store import RedisStore
from tests.support import server_process

IDENTITY = "0b5a2a1e-7f1e-4a8e-9a55-2f7c0a4d9e11"


@dataclass(frozen=True)
class Deployment:
    """One deployment: an environment, and its Redis.

    Attributes:
        environ: The environment variables.
        redis: A client of its Redis.
    """

    environ: dict[str, str]
    redis: redis.Redis

    @cached_property
    def store(self) -> RedisStore:
        return RedisStore(self.redis)

    @property
    def service(self) -> Service:
        return config.load(self.environ).service

    @property
    def factors(self) -> Factors:
        settings, store = config.load(self.environ), self.store
        build = build_factors(settings, store, build_data_keys(settings, store))
        assert build
        return build(build_engine(settings, store, {}, NULL_METRICS))

    def enroll(
        self,
        identity: str = IDENTITY,
        *,
        codes: Sequence[str] = (),
        friendly_name: str = "Ann's phone",
        metadata: str | None = None,
    ) -> NewFactor:
        """Create the factor of an authenticator, with recovery codes."""
        factors = self.factors
        hashes = RecoveryHashes(
            argon2=Argon2Parameters.parse("m=64,t=1,p=1"), salt=os.urandom(16)
        )
        recovery_key = RecoveryKey.generate(os.urandom)
        macs = list(map(recovery_key.code_mac, codes))
        hashes = replace(
            hashes, hashes=[hashes.argon2.hash(mac, hashes.salt) for mac in macs]
        )
        return factors.create_factor(
            FactorRequest(
                service=self.service,
                identity=identity,
                friendly_name=friendly_name,
                metadata=metadata,
                is_authenticator=True,
                recovery=hashes.encode() if codes else b"",
                recovery_key=recovery_key,
                client_name="shop",
            )
        )

    def check(
        self, code: str, identity: str = IDENTITY, *, activates: bool = False
    ) -> FactorCheckResult:
        """Check a code of the authenticator."""
        return self.factors.check(
            FactorCheck(
                service=self.service,
                identity=identity,
                code=code,
                activates=activates,
                client_name="shop",
            )
        )

    def code(self, new: NewFactor, *, steps: int = 0) -> str:
        """Return the code of a factor some time steps from now, by Redis."""
        app = pyotp.parse_uri(new.uri)
        assert isinstance(app, pyotp.TOTP)
        now: datetime = self.store.policy_versions.now()
        return app.at(now.timestamp(), counter_offset=steps)

    def activate(
        self, identity: str = IDENTITY, *, codes: Sequence[str] = ()
    ) -> NewFactor:
        """Create a factor and activate it with the code before the current one."""
        new = self.enroll(identity, codes=codes)
        assert self.check(self.code(new, steps=-1), identity, activates=True).approved
        return new

    def use_recovery_code(self, code: str, identity: str = IDENTITY) -> None:
        """Use a recovery code of the authenticator, without the limits of a client."""
        name = EntityName(self.service.sid, identity)
        access = self.factors.access(name)
        entity = self.store.factors.get_entity(access.key)
        assert entity
        factor = entity.factors[-1]
        fields: Any = self.redis.hgetall(keys.entity(access.key))
        hashes = RecoveryHashes.decode(fields[factor.id + b":recovery"])
        recovery_key = access.read(factor).recovery_key
        assert recovery_key
        mac = recovery_key.code_mac(code)
        used = self.store.recovery_codes.use_recovery_code(
            access.key,
            factor.id,
            idempotency_key=os.urandom(8),
            code_hash=hashes.argon2.hash(mac, hashes.salt),
        )
        assert used

    @property
    def recovery_codes_left(self) -> int:
        """Number of recovery codes of the last factor of the usual identity."""
        return self.factors.list_factors(self.service, IDENTITY)[-1].recovery_codes_left


def deployment(
    redis_url: str, client: redis.Redis, factor_key: bytes, previous: bytes = b""
) -> Deployment:
    """Return a deployment with factor keys."""
    secrets = {
        "OTP_FACTOR_KEY": base64.b64encode(factor_key).decode(),
        "OTP_FACTOR_KEY_PREVIOUS": base64.b64encode(previous).decode(),
    }
    return Deployment(
        server_process.production(redis_url, "http://127.0.0.1")
        | {"OTP_ARGON2": "m=64,t=1,p=1"}
        | {name: text for name, text in secrets.items() if text},
        client,
    )
