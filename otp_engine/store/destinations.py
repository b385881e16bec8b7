"""The charges of messages: the global limits and the pumping guard in one script."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from otp_engine.domain.models import DestinationCharge, DestinationUsage
from otp_engine.domain.pumping_guard.places import Destination
from otp_engine.domain.pumping_guard.rules import GuardRules
from otp_engine.errors import DestinationSuspended, RateLimited
from otp_engine.store import budget_codec, guard_codec, keys
from otp_engine.store.limit_hits import (
    RedisLimitHits,
    decode_usages,
    encode_hits,
    refused_by,
)
from otp_engine.store.lua_scripts import LuaScript
from otp_engine.store.redis_client import RedisClient


class RedisDestinations(RedisLimitHits):
    """Counts messages against global limits and the pumping guard.

    The guard is in one Cluster slot. With several slots of shared limits, a message
    needs a call for the guard after those of its limits. A message that the guard
    refuses then takes the place of another one in its limits for a moment. In the other
    order, simultaneous messages that a limit refuses would suspend a block for hours.
    """

    def __init__(
        self, client: RedisClient, *, replicas: int = 0, shared_slots: int = 1
    ) -> None:
        """Count the messages in Redis.

        Args:
            client: Executes the commands.
            replicas: Number of replicas that must acknowledge a charge.
            shared_slots: Number of Cluster slots of shared limits.
        """
        super().__init__(client, replicas=replicas, shared_slots=shared_slots)
        durable = partial(LuaScript, client, replicas=replicas)
        self._acquire_destination = durable("acquire_destination")
        self._release_destination = LuaScript(client, "release_destination")
        self._credit_approval = LuaScript(client, "credit_approval")

    def acquire_destination(
        self, charge: DestinationCharge, *, idempotency_key: bytes
    ) -> DestinationUsage:
        """Count one message, or refuse it and count nothing.

        Raises:
            DestinationSuspended: The pumping guard refused.
            RateLimited: A limit or the budget refused.
            StoreUnavailable: Redis did not reply.
        """
        if self._slots.count == 1 or not charge.hits:
            return self._acquire(charge, idempotency_key)
        limits = self.acquire_hits(charge.hits, idempotency_key=idempotency_key)
        try:
            usage = self._acquire(replace(charge, hits=()), idempotency_key)
        except (DestinationSuspended, RateLimited):
            self.release_hits(charge.hits, idempotency_key=idempotency_key)
            raise
        return replace(usage, limit_usage=limits)

    def release_destination(
        self, charge: DestinationCharge, *, idempotency_key: bytes
    ) -> None:
        """Take back a message that was counted."""
        if self._slots.count == 1 or not charge.hits:
            self._release(charge, idempotency_key)
            return
        self.release_hits(charge.hits, idempotency_key=idempotency_key)
        self._release(replace(charge, hits=()), idempotency_key)

    def credit_approval(
        self,
        destination: Destination,
        *,
        verification_id: bytes,
        messages: int,
        rules: GuardRules,
    ) -> None:
        """Forgive unproven messages after an approval, once for each verification."""
        if messages <= 0 or rules.is_off:
            return
        self._credit_approval.run(
            [keys.GUARD, keys.guard_credit(verification_id)],
            messages,
            guard_codec.encode_rules(rules),
            *(destination.block, destination.network, destination.country),
        )

    def _acquire(
        self, charge: DestinationCharge, idempotency_key: bytes
    ) -> DestinationUsage:
        destination = charge.destination
        logs = [keys.shared_limit(hit) for hit in charge.hits]
        reply = self._acquire_destination.run(
            [
                *(keys.GUARD, keys.guard_charge(idempotency_key)),
                *(*logs, *[log + keys.PACKED for log in logs]),
            ],
            *(idempotency_key, self._largest_log, self._block_size),
            guard_codec.encode_charge(charge),
            *(destination.block, destination.network, destination.country),
            budget_codec.encode(charge.budget, charge.price, proven=charge.proven),
            *encode_hits(charge.hits),
        )
        match reply:
            case [b"acquired", text, *usages]:
                usage = guard_codec.decode_usage(text.decode(), charge)
                limits = decode_usages(charge.hits, usages, usage.counted_at)
                return replace(usage, limit_usage=limits)
            case [b"suspended", text]:
                raise guard_codec.decode_refusal(text.decode(), destination)
            case [b"over", rule, wait, text] if charge.budget:
                raise budget_codec.decode_refusal(
                    rule.decode(), wait, text.decode(), charge.budget
                )
            case [b"refused", at, position, wait]:
                raise refused_by(charge.hits[position - 1], at, wait)
            case _:
                raise AssertionError(reply)

    def _release(self, charge: DestinationCharge, idempotency_key: bytes) -> None:
        destination = charge.destination
        self._release_destination.run(
            [
                *(keys.GUARD, keys.guard_charge(idempotency_key)),
                *(keys.shared_limit(hit) for hit in charge.hits),
            ],
            idempotency_key,
            guard_codec.encode_charge(charge),
            *(destination.block, destination.network, destination.country),
        )
