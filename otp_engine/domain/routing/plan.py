"""The steps that one message can take."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from otp_engine.domain import addresses
from otp_engine.domain.addresses import Address
from otp_engine.domain.email_addresses import EmailAddress
from otp_engine.domain.models import Channel, SendRequest
from otp_engine.domain.phones import destinations
from otp_engine.domain.phones.destinations import AllowedDestinations
from otp_engine.domain.phones.numbers import PhoneNumber
from otp_engine.domain.policy import switches
from otp_engine.domain.policy.policy import Policy
from otp_engine.domain.routing import steps as route_steps
from otp_engine.domain.routing.routes import Routes
from otp_engine.domain.routing.steps import Step
from otp_engine.errors import (
    ChannelNotAllowed,
    CountryNotAllowed,
    KeyNotAllowed,
    OTPError,
    PrefixNotAllowed,
    ProviderUnavailable,
    SendingDisabled,
)


def channels_of(channels: Mapping[str, Sequence[Channel]]) -> tuple[Channel, ...]:
    """Return the channels that any provider has, in the order of `Channel`.

    Args:
        channels: The channels of each provider.
    """
    offered = {each for names in channels.values() for each in names}
    return tuple(channel for channel in Channel if channel in offered)


def steps_for(
    address: Address,
    channel: Channel | None,
    routes: Routes,
    channels: Mapping[str, Sequence[Channel]],
) -> tuple[Step, ...]:
    """Return the steps of a phone number in the order of its route.

    A step that no provider of this instance can take is left out. An e-mail address has
    no route: its steps are those of the channel `email`.

    Args:
        address: The number or the e-mail address.
        channel: The channel that the client chose; None lets the route decide.
        routes: The routes.
        channels: The channels of each provider, in order of preference.

    Raises:
        ProviderUnavailable: No provider of this instance can take a step of the route.
            The default would have a channel or a price that the route does not have.
    """
    if isinstance(address, EmailAddress):
        return route_steps.steps_of(Channel.EMAIL, channels)
    route = routes.steps_for(address)
    routed = [s for s in route if s.channel in channels.get(s.provider, ())]
    if channel is None and route:
        if not routed:
            raise ProviderUnavailable
        return tuple(routed)
    if channel is None:
        return route_steps.default_steps(channels)
    chosen = tuple(step for step in routed if step.channel is channel)
    return chosen or route_steps.steps_of(channel, channels)


def permitted(
    steps: Sequence[Step], request: SendRequest, policy: Policy
) -> tuple[Step, ...]:
    """Return the steps that the policy allows, at least one.

    Args:
        steps: The steps of the number.
        request: The send.
        policy: The policy in force.

    Raises:
        KeyNotAllowed, CountryNotAllowed, PrefixNotAllowed, SendingDisabled: Sending is
            off for the client or the number.
        ChannelNotAllowed: Sending is off for every channel, or no provider has it.
    """
    problems = {
        channel: find_problem(channel, request, policy)
        for channel in {step.channel: None for step in steps}
    }
    if not any(problems.values()):
        allowed = tuple(steps)
    else:
        allowed = tuple(step for step in steps if problems[step.channel] is None)
    if allowed:
        return allowed
    last = next(reversed(problems.values()), None)
    raise last or ChannelNotAllowed(request.channel or Channel.SMS)


def receivable(steps: Sequence[Step], address: Address) -> tuple[Step, ...]:
    """Return the steps with a channel that *address* can receive, at least one.

    Raises:
        NumberTypeNotAllowed: It is a landline, and no step is a call.
    """
    if isinstance(address, EmailAddress) or address.sms_capable:
        return tuple(steps)
    left = tuple(step for step in steps if addresses.can_receive(address, step.channel))
    if not left:
        raise destinations.wrong_type(address)
    return left


def find_problem(
    channel: Channel, request: SendRequest, policy: Policy
) -> OTPError | None:
    """Return the error of a rule that excludes a channel for a send.

    Args:
        channel: The channel.
        request: The send.
        policy: The policy in force.

    Raises:
        KeyNotAllowed, CountryNotAllowed, PrefixNotAllowed, SendingDisabled: Sending is
            off for every channel.
    """
    number = request.address
    if channel is Channel.CALL and isinstance(number, PhoneNumber):
        callable_numbers = AllowedDestinations(policy.call_countries)
        if not callable_numbers.includes(number):
            return CountryNotAllowed(number.country, rule="call_countries")
    if policy.sending.all_on:
        return None
    off = policy.sending.find_off(
        country=request.address.country,
        e164=request.address.canonical,
        channel=channel,
        client_name=request.client_name,
    )
    if off is None:
        return None
    if off.startswith(switches.CHANNEL):
        return ChannelNotAllowed(off.removeprefix(switches.CHANNEL))
    raise _switched_off(off)


def _switched_off(name: str) -> OTPError:
    """Return the error of a send that the switch *name* refuses."""
    if name == switches.DEFAULT:
        return SendingDisabled()
    if name.startswith(switches.KEY):
        return KeyNotAllowed()
    if name.startswith("+"):
        return PrefixNotAllowed(name)
    return CountryNotAllowed(name, rule="sending")
