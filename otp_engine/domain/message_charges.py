"""The charge of a message at its destination, by its channel."""

from __future__ import annotations

from typing import TYPE_CHECKING

from otp_engine.domain.email_addresses import EmailAddress
from otp_engine.domain.limits import hits
from otp_engine.domain.messages import segments
from otp_engine.domain.messages.templates import Message
from otp_engine.domain.models import Channel, DestinationCharge, SendRequest
from otp_engine.domain.send_states import CountedSend

if TYPE_CHECKING:
    from otp_engine.domain.engine import Engine


def charge_of(
    message: Message, engine: Engine, request: SendRequest, counted: CountedSend
) -> DestinationCharge:
    """Return the charge of a message.

    Args:
        message: The message.
        engine: The engine, with the policy and the prices.
        request: The send.
        counted: What the phone has counted.
    """
    number = request.address
    limits = hits.for_destination(number, message.channel, engine.policy)
    if message.channel is Channel.CALL:
        limits += hits.for_call(number.country, counted.phone.digest, engine.policy)
    if isinstance(number, EmailAddress):
        limits += hits.for_mailbox(number, counted.pepper, engine.policy)
    price, budget = 0, None
    # An e-mail has no price.
    if engine.prices and number.country:
        each = engine.prices.price(number.country, message.channel)
        # A call has the price of its one minute, and a template that of a message.
        is_text = message.channel is Channel.SMS
        price = each * segments.count(message.body) if is_text else each
        budget = engine.policy.budget_rules(engine.prices.currency)
    return DestinationCharge(
        hits=limits,
        destination=number.destination,
        guard=engine.policy.guard_rules(number.country),
        exempt=counted.exempt,
        vouched=request.vouched,
        proven=counted.reservation.proven,
        price=price,
        budget=budget,
    )
