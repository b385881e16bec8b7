"""The protocol that a new provider implements."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from otp_engine.domain.messages.templates import Message
from otp_engine.domain.models import Channel


class Provider(Protocol):
    """A service that delivers messages, called from several threads at once."""

    @property
    def name(self) -> str:
        """The name of the provider in settings, logs and metrics."""

    @property
    def channels(self) -> Sequence[Channel]:
        """The channels that the provider delivers, its usual one first."""

    @property
    def has_deadline(self) -> bool:
        """Whether `send` always returns within 12 seconds.

        A message of another provider is sent in a thread of its own, which costs 0.1 ms
        of CPU.
        """

    @property
    def reports_delivery(self) -> bool:
        """Whether delivery reports of the provider reach this service.

        They need a URL that the provider reaches and a secret that signs them.
        """

    def send(self, message: Message) -> str | None:
        """Send *message*, and return once the provider has accepted it.

        Returns:
            The provider's id of the message; None without one.

        Raises:
            ProviderUnavailable: The provider could not be reached, or throttles
                requests. The message was not sent.
            DeliveryFailed: The provider rejected the message.
            RecipientNotOnChannel: The recipient does not use the channel.
            DestinationNotAllowed, InvalidPhone: The provider rejected the number.
            DeliveryUnconfirmed: The provider did not answer. The message may arrive.
        """

    def ping(self) -> None:
        """Check that the provider accepts messages, without sending one.

        Raises:
            ProviderUnavailable: The provider could not be reached.
            DeliveryFailed: The provider rejected the credentials.
        """


@runtime_checkable
class ConfirmingProvider(Protocol):
    """A provider that receives feedback on which of its messages had an effect."""

    def confirm(self, message_id: str) -> None:
        """Report that the code of a message was entered; a failure is only logged.

        Args:
            message_id: The provider's id of the message.
        """
