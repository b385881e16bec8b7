"""What would happen to a message, step by step of its route."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from otp_engine.domain import addresses
from otp_engine.domain.limits import hits
from otp_engine.domain.limits.limits import WindowUsage
from otp_engine.domain.models import Channel, SendRequest
from otp_engine.domain.phones.destinations import AllowedDestinations
from otp_engine.domain.phones.numbers import PhoneNumber
from otp_engine.domain.phones.phone_keys import PhoneKey
from otp_engine.domain.policy.policy import Policy
from otp_engine.domain.ports import LimitUsageStore
from otp_engine.domain.routing import plan
from otp_engine.domain.routing.steps import Step, default_steps
from otp_engine.errors import CountryNotAllowed, NumberTypeNotAllowed, OTPError


@dataclass(frozen=True, slots=True, kw_only=True)
class ExplainedStep:
    """One step, and what would stop a message on it.

    Attributes:
        step: The step.
        skipped: Why the step is skipped; None if it is not.
        full: The windows that would refuse a message of the step.
    """

    step: Step
    skipped: str | None
    full: Sequence[WindowUsage] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ExplainedRoute:
    """The steps of a number.

    Attributes:
        destination: The destination of its route: a prefix, a country or `*`; None
            without a route.
        excluded: The rule that refuses every message to the number, if there is one.
        steps: The steps, in order.
    """

    destination: str | None
    excluded: str | None
    steps: Sequence[ExplainedStep]


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteExplainer:
    """Explains the route of a number, without a change.

    Attributes:
        policy: The policy in force.
        channels: The channels of each configured provider, in order of preference.
        usage: Reads the usage of limits.
    """

    policy: Policy
    channels: Mapping[str, Sequence[Channel]]
    usage: LimitUsageStore

    def explain(
        self, number: PhoneNumber, phones: Sequence[PhoneKey]
    ) -> ExplainedRoute:
        """Return the steps of a number, and what would stop a message on each.

        Args:
            number: The number.
            phones: The key of the phone under each pepper.

        Raises:
            Unavailable: Redis does not answer.
        """
        routes = self.policy.routes
        steps = routes.steps_for(number) or default_steps(self.channels)
        unreachable = {
            channel for phone in phones for channel in self.usage.unreachable(phone)
        }
        excluded = self._find_exclusion(number)
        explained = []
        for step in steps:
            try:
                skipped = excluded or self._find_skip(step, number, unreachable)
            except OTPError as error:
                excluded = skipped = error.rule or error.error_code
            full = self._full_windows(step, number, phones[0])
            explained.append(ExplainedStep(step=step, skipped=skipped, full=full))
        return ExplainedRoute(
            destination=routes.destination_of(number),
            excluded=excluded,
            steps=explained,
        )

    def _find_exclusion(self, number: PhoneNumber) -> str | None:
        """Return why no message to a number is allowed; None if messages are."""
        try:
            AllowedDestinations(self.policy.allowed_countries).check(number)
        except CountryNotAllowed:
            return "allowed_countries"
        except NumberTypeNotAllowed as error:
            return error.error_code
        return None

    def _find_skip(
        self, step: Step, number: PhoneNumber, unreachable: set[Channel]
    ) -> str | None:
        """Return why a step is skipped.

        Raises:
            OTPError: Sending is off for the number.
        """
        offered = self.channels.get(step.provider)
        if offered is None or step.channel not in offered:
            owner = "OTP_SENDER" if offered is None else step.provider
            missing = step.provider if offered is None else step.channel
            return f"{owner} has no {missing}"
        request = SendRequest(address=number)
        if problem := plan.find_problem(step.channel, request, self.policy):
            if problem.rule == "call_countries":
                return f"call_countries does not have {number.country}"
            return f"sending has channel:{step.channel}=off"
        if not addresses.can_receive(number, step.channel):
            return f"a landline has no {step.channel}"
        if step.channel in unreachable:
            return "a provider reported that the channel does not reach the phone"
        return None

    def _full_windows(
        self, step: Step, number: PhoneNumber, phone: PhoneKey
    ) -> list[WindowUsage]:
        """Return the windows that would refuse a message of a step."""
        counted = hits.for_destination(number, step.channel, self.policy)
        if step.channel is Channel.CALL:
            counted += hits.for_call(number.country, phone.digest, self.policy)
        usage = [
            *self.usage.phone_usage(phone, self.policy),
            *self.usage.shared_usage(counted),
        ]
        rules = {"failed_checks_per_phone", "max_consecutive_failures"}
        return [
            each
            for each in usage
            if each.used >= each.window.count
            and not each.window.shadow
            and each.limit_name not in rules
        ]
