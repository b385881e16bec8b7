"""The protocol that a new provider implements."""

from __future__ import annotations

from typing import Protocol

from otp_engine.domain.messages.templates import Message


class Provider(Protocol):
    """A service that delivers messages, called from several threads at once."""

    @property
    def name(self) -> str:
        """The name of the provider in settings, logs and metrics."""

    @property
    def has_deadline(self) -> bool:
        """Whether `send` always returns within 12 seconds.

        A message of another provider is sent in a thread of its own, which costs 0.1 ms
        of CPU.
        """

    def send(self, message: Message) -> None:
        """Send *message*, and return once the provider has accepted it.

        Raises:
            ProviderUnavailable: The provider could not be reached, or throttles
                requests. The message was not sent.
            DeliveryFailed: The provider rejected the message.
            DestinationNotAllowed, InvalidPhone: The provider rejected the number.
            DeliveryUnconfirmed: The provider did not answer. The message may arrive.
        """

    def ping(self) -> None:
        """Check that the provider accepts messages, without sending one.

        Raises:
            ProviderUnavailable: The provider could not be reached.
            DeliveryFailed: The provider rejected the credentials.
        """
