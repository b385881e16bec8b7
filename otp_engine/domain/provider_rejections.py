"""A provider's rejection of a number, stored so that a repetition costs little.

Each send to a rejected number costs a hash and a request to the provider. The store
therefore has the rejection for ten minutes, under the keyed hash of the number. A send
in that time gets the same error at once. A recipient who has answered STOP can end the
rejection by an answer, so the store has that one for half a minute. That a recipient
does not use a channel, such as WhatsApp, is stored for a week.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from otp_engine.domain.channels import Channel
from otp_engine.errors import (
    CountryNotAllowed,
    DeliveryFailed,
    InvalidEmail,
    InvalidPhone,
    NumberTypeNotAllowed,
    OTPError,
    RecipientNotOnChannel,
    RecipientOptedOut,
)

TTL = timedelta(minutes=10)
"""Time that a rejection is stored, unless the recipient can end it."""

_OPTED_OUT_TTL = timedelta(seconds=30)
_UNREACHABLE_TTL = timedelta(days=7)

RejectionScopes = Mapping[Channel, str]
"""The channels that a message can take, in order of preference, and what a rejection of
the number depends on: the channel, and the sender such as a Messaging Service."""

ANY_SENDER: RejectionScopes = {Channel.SMS: ""}
"""The scope of a message by SMS from the only sender."""

_ERRORS: dict[str, type[OTPError]] = {
    error.error_code: error
    for error in (
        *(DeliveryFailed, InvalidPhone, InvalidEmail),
        *(CountryNotAllowed, NumberTypeNotAllowed, RecipientOptedOut),
        RecipientNotOnChannel,
    )
}


_TTLS = {
    RecipientOptedOut.error_code: _OPTED_OUT_TTL,
    RecipientNotOnChannel.error_code: _UNREACHABLE_TTL,
}


@dataclass(frozen=True, slots=True)
class ProviderRejection:
    """A provider rejected a message because of its number.

    Attributes:
        error_code: `error_code` of the error that the client got.
        provider_error: The provider's error code, if it returned a number. Earlier
            releases read no text here.
    """

    error_code: str
    provider_error: int | None = None

    @property
    def ttl(self) -> timedelta:
        """Time that the rejection is stored."""
        return _TTLS.get(self.error_code, TTL)

    @classmethod
    def from_error(cls, error: OTPError) -> ProviderRejection | None:
        """Return the rejection of a number that *error* reports.

        Returns:
            None if *error* concerns the sender, the provider or a limit. None as well
            if the provider returned no error code, because the cause is then unknown.
        """
        if error.error_code not in _ERRORS:
            return None
        if isinstance(error, DeliveryFailed) and (
            error.provider_error is None or error.retry_elsewhere
        ):
            return None
        code = error.provider_error
        return cls(error.error_code, code if isinstance(code, int) else None)

    @classmethod
    def not_on_channel(cls, provider_error: object = None) -> ProviderRejection:
        """Return the rejection of a recipient who does not use a channel.

        Args:
            provider_error: The provider's error code, if it returned one.
        """
        code = provider_error if isinstance(provider_error, int) else None
        return cls(RecipientNotOnChannel.error_code, code)

    @classmethod
    def parse(cls, text: str) -> ProviderRejection:
        """Parse a stored rejection, the inverse of `str`."""
        error_code, _, provider_error = text.partition(" ")
        return cls(error_code, int(provider_error) if provider_error else None)

    def to_error(self) -> OTPError:
        """Return the error that the client got, marked as a stored rejection."""
        error = _ERRORS.get(self.error_code, DeliveryFailed)()
        error.provider_error = self.provider_error
        error.is_stored_rejection = True
        return error

    def __str__(self) -> str:
        return f"{self.error_code} {self.provider_error or ''}".strip()
