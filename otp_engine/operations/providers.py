"""The health of providers, and the routes of messages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from otp_engine.domain.events import ProviderWeightChanged
from otp_engine.domain.routing.steps import Step, default_steps
from otp_engine.operations.context import OperatorContext
from otp_engine.store import lua_codec


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderHealth:
    """The health of one step.

    Attributes:
        step: The channel and the provider.
        weight: Its part of the messages in percent; 100 at rest.
        reason: Why the weight is another one; None at rest.
        changed_at: When the weight changed; None if it did not.
        messages: Messages of the last minutes.
        late_share: The part of them without a report in time; None without reports or
            with fewer than 20 messages that are old enough to be late.
        errors: Errors of the last minutes.
        has_reports: Whether the provider reports deliveries.
    """

    step: Step
    weight: int
    reason: str | None
    changed_at: datetime | None
    messages: int
    late_share: float | None
    errors: int
    has_reports: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthReport:
    """The health of each step with messages or a weight.

    Attributes:
        steps: The steps, by channel and provider.
        policy_problem: Why the live version is invalid in this release, if it is.
    """

    steps: Sequence[ProviderHealth]
    policy_problem: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteReport:
    """The live routes.

    Attributes:
        routes: The steps of each destination, in their order.
        default: The steps of destinations without a route.
        problems: The problems of the routes with the providers.
        policy_problem: Why the live version is invalid in this release, if it is.
    """

    routes: Mapping[str, Sequence[Step]]
    default: Sequence[Step]
    problems: Sequence[str]
    policy_problem: str | None = None


def read_health(context: OperatorContext) -> HealthReport:
    """Return the health of each step with messages or a weight.

    Args:
        context: The settings and the stores.

    Raises:
        StoreUnavailable: Redis did not reply.
    """
    read = context.read_policy()
    reading = context.store.provider_health.read()
    steps = []
    for step in sorted(reading.healths):
        health = reading.healths[step]
        counts, weight = health.recent(reading.at), health.weight
        steps.append(
            ProviderHealth(
                step=step,
                weight=weight.value,
                reason=str(weight.reason) if weight.reason else None,
                changed_at=lua_codec.from_epoch_ms(weight.changed)
                if weight.changed
                else None,
                messages=counts.messages,
                late_share=health.late_share(reading.at, read.policy.slow_after),
                errors=counts.errors,
                has_reports=health.has_reports,
            )
        )
    return HealthReport(steps=steps, policy_problem=read.problem)


def known_providers(context: OperatorContext) -> list[str]:
    """Return the names of the providers with messages or a weight.

    Raises:
        StoreUnavailable: Redis did not reply.
    """
    reading = context.store.provider_health.read()
    return sorted({step.provider for step in reading.healths})


def rest(context: OperatorContext, provider: str) -> list[ProviderWeightChanged]:
    """Set the weights of a provider to rest.

    Args:
        context: The stores.
        provider: Its name, one of `known_providers`.

    Returns:
        The events of the changed weights.

    Raises:
        StoreUnavailable: Redis did not reply.
    """
    store = context.store
    changed = list(store.provider_health.rest(provider))
    for event in changed:
        store.events.add(event)
    store.events.flush()
    return changed


def read_routes(context: OperatorContext) -> RouteReport:
    """Return the live routes.

    Args:
        context: The settings and the stores.

    Raises:
        StoreUnavailable: Redis did not reply.
    """
    read, settings = context.read_policy(), context.settings
    return RouteReport(
        routes=dict(read.policy.routes.by_destination),
        default=default_steps(settings.channels_by_provider),
        problems=settings.route_problems(read.policy.routes),
        policy_problem=read.problem,
    )
