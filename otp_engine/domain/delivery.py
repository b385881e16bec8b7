"""Handing a message over, and what is left of its code's time after that."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from otp_engine.domain.messages import Message
from otp_engine.domain.ports import Handover
from otp_engine.domain.verification import Opened, Sent
from otp_engine.errors import DeliveryUnconfirmed


def deliver(
    message: Message,
    hand_over: Handover,
    opened: Opened,
    *,
    token: bytes,
    clock: Callable[[], float],
) -> Sent:
    """Hand *message* over for the send *token* that was *opened*.

    Raises:
        DeliveryFailed, Unavailable: It surely did not leave; see `ports.Sender`.
        DeliveryUnconfirmed: Nobody knows; its error says what is left of the time.
    """
    began, silent = clock(), False
    try:
        hand_over(message)
    except DeliveryUnconfirmed:
        silent = True
    took = timedelta(seconds=clock() - began)
    sent = Sent(
        id=opened.binding.id,
        token=token,
        expires_in=message.life - took,
        resend_after=opened.resend_after - took,
        uses=opened.uses,
    )
    if silent:
        raise DeliveryUnconfirmed(
            verification=sent.id,
            attempt=sent.token,
            expires_in=sent.expires_in,
            resend_after=sent.resend_after,
        )
    return sent
