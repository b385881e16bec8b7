"""All stores on one Redis client."""

from __future__ import annotations

from collections.abc import Sequence

from redis.exceptions import ResponseError

from otp_engine.config import Settings
from otp_engine.domain.events import EventListener
from otp_engine.domain.models import ApprovalCredit
from otp_engine.domain.routing.steps import Step
from otp_engine.resilience.dependency_metrics import NULL_METRICS, DependencyMetrics
from otp_engine.store import keys
from otp_engine.store.budget import RedisBudgetStore
from otp_engine.store.challenges import RedisChallengeStore
from otp_engine.store.connection import Client, RedisCommands, connect
from otp_engine.store.console_sessions import RedisConsoleSessions
from otp_engine.store.data_key import RedisDataKeyStore
from otp_engine.store.deliveries import RedisDeliveryStore
from otp_engine.store.entity_archive import RedisEntityArchiveStore
from otp_engine.store.events import funnel
from otp_engine.store.events.event_store import RedisEventStore
from otp_engine.store.events.funnel import RedisFunnel
from otp_engine.store.events.webhook import RedisEventFeed
from otp_engine.store.factors import RedisFactorStore
from otp_engine.store.guard import RedisGuardStore
from otp_engine.store.inbox import RedisInbox
from otp_engine.store.limit_usage import RedisLimitUsageStore
from otp_engine.store.page_links import RedisPageLinkStore
from otp_engine.store.persistence import factor_warnings, persistence_warnings
from otp_engine.store.policy_versions import RedisPolicyVersionStore
from otp_engine.store.probe import Probe
from otp_engine.store.provider_health import RedisProviderHealth
from otp_engine.store.provider_health_monitor import ProviderHealthMonitor
from otp_engine.store.recovery_codes import RedisRecoveryCodeStore
from otp_engine.store.redis_client import RedisClient
from otp_engine.store.safe_list import RedisSafeList
from otp_engine.store.services import RedisServiceStore
from otp_engine.store.verification_records import RedisVerificationRecordStore
from otp_engine.store.verifications import RedisVerificationStore


class RedisStore(RedisVerificationStore):
    """The store of verifications, with every other store; `keys` lists their keys."""

    def __init__(
        self,
        client: Client,
        *,
        retry_client: Client | None = None,
        replicas: int = 0,
        shared_slots: int = 1,
        metrics: DependencyMetrics = NULL_METRICS,
    ) -> None:
        """Create all stores.

        Args:
            client: Executes the first attempt of a command.
            retry_client: A client of the same Redis for the retry; see `RedisClient`.
            replicas: Number of replicas that must acknowledge each write that a promise
                depends on.
            shared_slots: Number of Cluster slots of shared limits.
            metrics: Measures the commands.
        """
        redis_client = RedisClient(client, retry_client=retry_client, metrics=metrics)
        super().__init__(redis_client, replicas=replicas, shared_slots=shared_slots)
        self._replicas = replicas
        self._probe = Probe(redis_client, replicas=replicas)
        self.services = RedisServiceStore(redis_client, replicas=replicas)
        self.records = RedisVerificationRecordStore(redis_client)
        self.budget = RedisBudgetStore(redis_client)
        self.guard = RedisGuardStore(redis_client, replicas=replicas)
        self.provider_health = RedisProviderHealth(redis_client)
        self._monitors: list[ProviderHealthMonitor] = []
        self.safe_list = RedisSafeList(redis_client)
        self.events = RedisEventStore(redis_client, credit=self._credit)
        self.funnel = RedisFunnel(redis_client, keys.EVENTS, funnel.step)
        self.refusals = RedisFunnel(
            redis_client, keys.UNAUTHENTICATED_EVENTS, funnel.refusal
        )
        self.event_feed = RedisEventFeed(redis_client)
        self.inbox = RedisInbox(redis_client)
        self.page_links = RedisPageLinkStore(redis_client)
        self.console_sessions = RedisConsoleSessions(redis_client, replicas=replicas)
        self.limit_usage = RedisLimitUsageStore(redis_client, shared_slots=shared_slots)
        self.deliveries = RedisDeliveryStore(redis_client, replicas=replicas)
        self.recovery_codes = RedisRecoveryCodeStore(redis_client, replicas=replicas)
        self.challenges = RedisChallengeStore(redis_client, replicas=replicas)
        self.factors = RedisFactorStore(
            redis_client, self.challenges, replicas=replicas
        )
        self.entity_archive = RedisEntityArchiveStore(redis_client, replicas=replicas)
        self.data_key = RedisDataKeyStore(redis_client, replicas=replicas)
        self.policy_versions = RedisPolicyVersionStore(redis_client, replicas=replicas)

    def monitor_providers(
        self, steps: Sequence[Step], emit: EventListener
    ) -> ProviderHealthMonitor:
        """Return a new monitor of the health of providers.

        Args:
            steps: Every channel with every provider of the settings.
            emit: Receives an event for each weight that the monitor changes.
        """
        monitor = ProviderHealthMonitor(self.provider_health, steps, emit=emit)
        self._monitors.append(monitor)
        return monitor

    def close(self) -> None:
        """Write what the background threads hold, and end those of the monitors."""
        while self._monitors:
            self._monitors.pop().stop()
        self.events.flush()

    def _credit(self, credit: ApprovalCredit) -> None:
        self.credit_approval(
            credit.destination,
            verification_id=credit.verification_id,
            messages=credit.messages,
            rules=credit.rules,
        )

    def ping(self) -> None:
        """Check that Redis would serve a send; see `Probe.check_send`.

        Raises:
            StoreUnavailable: It would not.
        """
        self._probe.check_send()

    def check_permissions(self) -> None:
        """Check every command on every kind of key; see `Probe.check_everything`.

        Raises:
            StoreUnavailable: Redis did not reply, or denied a command.
        """
        self._probe.check_everything()

    def persistence_warnings(self) -> list[str]:
        """Return the settings that can lose data, of one node in a Cluster.

        Raises:
            StoreUnavailable: Redis did not reply.
        """
        info = self._client.execute(lambda redis: redis.info(), keys.SHARED_LIMITS)
        return persistence_warnings(info, replicas=self._replicas)

    def factor_warnings(self) -> list[str]:
        """Return the settings that can lose factors, of one node in a Cluster.

        Raises:
            StoreUnavailable: Redis did not reply.
        """
        return self._client.execute(_factor_warnings, keys.SHARED_LIMITS)


def _factor_warnings(redis: RedisCommands) -> list[str]:
    info = redis.info()
    try:
        # A user with CONFIG GET can read the passwords of Redis, so few have it.
        found = redis.config_get("appendfsync")
    except ResponseError:
        found = {}
    return factor_warnings(info, appendfsync=found.get("appendfsync"))


def build_store(
    settings: Settings, metrics: DependencyMetrics = NULL_METRICS
) -> RedisStore:
    """Return the store in the Redis of *settings*, or in this process.

    Raises:
        InvalidSettings: The URL of Redis cannot be parsed.
    """
    url, timeout = settings.redis_url, settings.redis_timeout
    client = connect(url, timeout)
    retry_client = connect(url, timeout / 2) if url else None
    return RedisStore(
        client,
        retry_client=retry_client,
        replicas=settings.redis_replicas,
        shared_slots=settings.shared_slots,
        metrics=metrics,
    )
