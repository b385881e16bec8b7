"""The engines of one policy version: for real numbers, and for sandbox numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta

from otp_engine.domain.addresses import Address
from otp_engine.domain.deliveries import ignore_delivery
from otp_engine.domain.engine import Engine
from otp_engine.domain.events import ignore_event
from otp_engine.domain.limits.limits import Limit
from otp_engine.domain.limits.limits_by_name import LimitByName
from otp_engine.domain.phones.destinations import AllowedDestinations
from otp_engine.domain.phones.numbers import (
    COUNTRY_WILDCARD,
    GLOBAL_NETWORK,
)
from otp_engine.domain.policy.by_country import ByCountry
from otp_engine.domain.policy.policy import Policy
from otp_engine.domain.policy.switches import Switches
from otp_engine.domain.ports import Sender
from otp_engine.domain.pumping_guard.rules import GuardMode
from otp_engine.domain.sandbox_numbers import SandboxNumbers

_MAX_SENDS = 100
_NAMESPACE_SUFFIX = ":test"


@dataclass(frozen=True, slots=True)
class EngineRouter:
    """The engines of one policy version.

    Attributes:
        production: Serves real numbers.
        sandbox: Serves sandbox numbers.
        numbers: The sandbox numbers.
    """

    production: Engine
    sandbox: Engine
    numbers: SandboxNumbers

    def engine_for(self, address: Address) -> Engine:
        """Return the engine that serves *address*."""
        is_sandbox = self.numbers.get(address.canonical) is not None
        return self.sandbox if is_sandbox else self.production


def build(
    live: Engine, numbers: SandboxNumbers, null_senders: Mapping[str, Sender]
) -> EngineRouter:
    """Build the sandbox of the engine *live*.

    The sandbox sends no message and emits no event, because an event would count as a
    message. It stores and checks codes like any other engine, with the usual number of
    checks. All destinations are allowed. Each send costs a hash, so the limits of the
    requester count it, and no other limit does.

    Its verifications have a namespace of their own. A fixed code is therefore useless
    after the last day of its number. From then on the number gets no message either: it
    can belong to a person.

    Args:
        live: The engine of real numbers.
        numbers: The sandbox numbers.
        null_senders: Accept each message, and send none.
    """
    sandbox = replace(
        live,
        senders=null_senders,
        destinations=AllowedDestinations({COUNTRY_WILDCARD, GLOBAL_NETWORK}),
        policy=_without_limits(live.policy),
        prices=None,
        emit=ignore_event,
        track=ignore_delivery,
        marks_proven=False,
        fixed_codes={e164: number.code for e164, number in numbers.by_e164.items()},
        namespace_suffix=_NAMESPACE_SUFFIX,
    )
    allowed = AllowedDestinations(
        live.policy.allowed_countries, excluded=frozenset(numbers.by_e164)
    )
    return EngineRouter(replace(live, destinations=allowed), sandbox, numbers)


def _without_limits(policy: Policy) -> Policy:
    return replace(
        policy,
        sending=Switches(),
        max_sends=_MAX_SENDS,
        resend_cooldown=timedelta(),
        v2_resend_cooldown=timedelta(),
        sends_per_phone=Limit(),
        sends_per_country=LimitByName(),
        sends_per_prefix=LimitByName(),
        sends_per_channel=LimitByName(),
        sends_total=Limit(),
        call_countries=frozenset({COUNTRY_WILDCARD, GLOBAL_NETWORK}),
        calls_per_phone=Limit(),
        calls_per_country=LimitByName(),
        calls_total=Limit(),
        guard=ByCountry(GuardMode.OFF),
    )
