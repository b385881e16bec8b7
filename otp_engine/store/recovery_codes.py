"""The store of recovery codes, which are in the hash of their entity."""

from __future__ import annotations

from functools import partial

from otp_engine.domain.factors.ports import EntityKey
from otp_engine.domain.factors.recovery_store import RecoveryReservation, RecoveryUse
from otp_engine.domain.policy.policy import Policy
from otp_engine.store import keys, lua_codec
from otp_engine.store.factors import decode_reservation
from otp_engine.store.lua_scripts import LuaScript
from otp_engine.store.redis_client import RedisClient

_FIRST_FIELD = 6  # of the reply to a check


class RedisRecoveryCodeStore:
    """Implements `domain.factors.recovery_store.RecoveryCodeStore`."""

    def __init__(self, client: RedisClient, *, replicas: int = 0) -> None:
        """Check recovery codes in Redis.

        Args:
            client: Executes the commands.
            replicas: Number of replicas that must acknowledge each write.
        """
        # A code can be checked even while the memory of Redis is full.
        durable = partial(LuaScript, client, replicas=replicas, when_full=True)
        self._reserve_check = durable("reserve_recovery_check")
        self._release_check = LuaScript(
            client, "release_recovery_check", when_full=True
        )
        self._use_code = durable("use_recovery_code")

    def reserve_recovery_check(
        self, key: EntityKey, *, idempotency_key: bytes, policy: Policy
    ) -> RecoveryReservation:
        """Count one check as failed, and return the codes of the authenticator."""
        reply = self._reserve_check.run(
            [keys.entity(key)],
            idempotency_key,
            lua_codec.encode_limit(policy.failed_checks_per_factor),
            lua_codec.encode_limit(policy.consecutive_failures),
        )
        reservation = decode_reservation(reply)
        fields = lua_codec.to_fields(reply[_FIRST_FIELD:])
        return RecoveryReservation(reservation, fields.get(b"recovery", b""))

    def release_recovery_check(
        self, key: EntityKey, factor_id: bytes, *, idempotency_key: bytes
    ) -> None:
        """Release a reserved check that compared no code."""
        self._release_check.run([keys.entity(key)], factor_id, idempotency_key)

    def use_recovery_code(
        self,
        key: EntityKey,
        factor_id: bytes,
        *,
        idempotency_key: bytes,
        code_hash: bytes,
    ) -> RecoveryUse | None:
        """Delete a recovery code; return None if it is gone."""
        at, left = self._use_code.run(
            [keys.entity(key)], factor_id, idempotency_key, code_hash
        )
        if not at:
            return None
        return RecoveryUse(at=lua_codec.from_epoch_ms(at), codes_left=left)
