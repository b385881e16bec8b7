"""The ledgers of the budget, for operators and metrics."""

from __future__ import annotations

from otp_engine.domain.money.charges import WHOLE
from otp_engine.domain.money.ledger import HOUR_MS, Ledger
from otp_engine.domain.money.report import Spending
from otp_engine.domain.phones import numbers
from otp_engine.store import keys
from otp_engine.store.redis_client import RedisClient


class RedisBudgetStore:
    """Reads what messages cost."""

    def __init__(self, client: RedisClient) -> None:
        """Read the ledgers from Redis.

        Args:
            client: Executes the commands.
        """
        self._client = client

    def read(self) -> Spending:
        """Return the ledgers, without a change.

        Raises:
            StoreUnavailable: Redis did not reply.
        """
        countries = sorted(numbers.every_country())
        names = [WHOLE, *(WHOLE + country for country in countries)]
        seconds, _ = self._client.execute(lambda redis: redis.time(), keys.GUARD)
        texts = self._client.execute(
            lambda redis: redis.hmget(keys.GUARD, names), keys.GUARD
        )
        hour = seconds * 1000 // HOUR_MS
        whole, *ledgers = (
            Ledger.read(text.decode() if text else None, hour) for text in texts
        )
        return Spending(
            whole=whole,
            by_country={
                name.removeprefix(WHOLE): ledger
                for name, ledger in zip(names[1:], ledgers, strict=True)
                if any(ledger.hours) or any(ledger.days)
            },
        )
