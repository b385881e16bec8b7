"""What a send has counted so far, and what that depends on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from otp_engine.crypto.pepper import Pepper
from otp_engine.domain.limits.limits import WindowUsage
from otp_engine.domain.messages.templates import IssuedCode, Message
from otp_engine.domain.models import Channel, SendRequest, SendReservation
from otp_engine.domain.phones.phone_keys import PhoneKey
from otp_engine.domain.routing.steps import Step


@dataclass(slots=True, kw_only=True)
class CountedSend:
    """A send that its requester and its phone have counted.

    Attributes:
        pepper: The pepper of the phone.
        phone: The key of the phone.
        reservation: The reservation of the phone.
        issued: The code.
        usage: Usage of every window that counted the send.
        started: The time just before the reservation, in seconds of the clock.
        exempt: Whether the pumping guard leaves the send out.
    """

    pepper: Pepper
    phone: PhoneKey
    reservation: SendReservation
    issued: IssuedCode
    usage: list[WindowUsage]
    started: float
    exempt: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargedMessage:
    """A message that its destination has counted.

    Attributes:
        step: The step of the message.
        message: The message.
        usage: Usage of the windows that counted it.
        is_guarded: Whether the pumping guard counted it.
    """

    step: Step
    message: Message
    usage: Sequence[WindowUsage]
    is_guarded: bool


def rejection_scope(request: SendRequest, channel: Channel) -> str:
    """Return the part of a send that a provider's rejection can depend on."""
    # A recipient can have answered STOP to one sender and not to another.
    sender = request.service.messaging_service(request.address.country) or ""
    # A landline has no text messages, and can be called.
    scope = sender if channel is Channel.SMS else f"{channel} {sender}".rstrip()
    # Without its risk check, the provider applies other rules to the message.
    return f"{scope} unfiltered" if request.options.skip_risk_check else scope
