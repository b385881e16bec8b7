"""Everything that can go wrong, as one tree.

    OTPError
    ├── InvalidSettings          the environment cannot be served from
    ├── InvalidRequest           the request cannot be read
    │   ├── InvalidPhone
    │   └── InvalidCode
    ├── Unauthorized
    ├── OriginNotAllowed         a page of another site sent the request
    ├── NotServed                a real number, and not one for us
    │   ├── CountryNotAllowed
    │   └── NumberTypeNotAllowed
    ├── VerificationNotFound
    ├── Refused                  a rule says: not now
    │   ├── TooManyAttempts
    │   └── RateLimited
    ├── DeliveryFailed           the carrier said no
    ├── DeliveryUnconfirmed      the provider did not answer
    └── Unavailable              we cannot, at the moment
        ├── StoreUnavailable
        ├── CarrierUnavailable
        ├── SendingOff
        └── Saturated

Each class has a stable `name` that clients may match on, and carries what the answer
needs. `otp_engine.api.responses` turns them into statuses. No message ever holds a
code, a number or a secret.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import ClassVar


class OTPError(Exception):
    """Base of every error that this package raises on purpose.

    Attributes:
        name: Stable name of what happened; clients may match on it.
        message: The same, for a person to read.
        carrier_error: The carrier's own number for it, where a carrier said it.
        remembered: Whether it repeats a refusal that was stored some minutes ago.
    """

    error_code: ClassVar[str] = "error"
    message: str = "Something went wrong."
    provider_error: int | None = None
    remembered: bool = False

    def __init__(self, message: str | None = None) -> None:
        self.message = message or self.message
        super().__init__(self.message)


class InvalidSettings(OTPError):
    """The environment cannot be served from.

    Attributes:
        problems: Every problem found, a sentence each, in a stable order.
    """

    error_code = "invalid_settings"

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = tuple(problems)


class InvalidRequest(OTPError):
    """The request cannot be read as what the contract asks for."""

    error_code = "invalid_request"
    message = "The request could not be read."


class InvalidPhone(InvalidRequest):
    """What was given is not a phone number that can exist."""

    error_code = "invalid_phone"
    message = "This is not a phone number. Check it, and add the country code with a +."


class InvalidCode(InvalidRequest):
    """What was given cannot be a code, so it was not counted as a guess."""

    error_code = "invalid_code"
    message = "A code is 4 to 10 digits. This was not counted as an attempt."


class Unauthorized(OTPError):
    """No API key came with the request, or a wrong one."""

    error_code = "unauthorized"
    message = "A valid API key is needed."


class OriginNotAllowed(OTPError):
    """A browser sent the request for a page of a site that is not allowed to."""

    error_code = "origin_not_allowed"
    message = "Pages of this origin may not call this service."


class DestinationNotAllowed(OTPError):
    """The number is real, and the operator does not serve it."""

    error_code = "not_served"


class CountryNotAllowed(DestinationNotAllowed):
    """The number's `country` (ISO 3166; None where a carrier said it) is not served."""

    error_code = "country_not_allowed"
    message = "Numbers of this country are not served."

    def __init__(self, country: str | None = None) -> None:
        super().__init__()
        self.country = country


class NumberTypeNotAllowed(DestinationNotAllowed):
    """The number is of a kind that is not served, such as a landline."""

    error_code = "number_type_not_allowed"
    message = "This kind of number cannot be sent a code. Use a mobile number."


class VerificationNotFound(OTPError):
    """No code is waiting for this number.

    It was never sent, has expired or was used. Which one is not disclosed, because the
    difference would reveal whether a code was right.
    """

    error_code = "verification_not_found"
    message = "No code is waiting for this number."


class LimitExceeded(OTPError):
    """A rule says: not now.

    Attributes:
        retry_after: How long until the rule that refused would say yes.
    """

    error_code = "refused"

    def __init__(self, *, retry_after: timedelta) -> None:
        super().__init__()
        self.retry_after = retry_after


class TooManyAttempts(LimitExceeded):
    """Every guess of this verification is spent; it ends after `retry_after`."""

    error_code = "too_many_attempts"
    message = "Every attempt at this code is spent. Wait, then ask for a new code."


class RateLimited(LimitExceeded):
    """A limit or the re-send cooldown refused, before anything was sent.

    Attributes:
        limit: Name of the limit that refused, for operators only.
    """

    error_code = "rate_limited"
    message = "Too many requests. Try again later."

    def __init__(self, limit: str, *, retry_after: timedelta) -> None:
        super().__init__(retry_after=retry_after)
        self.limit = limit


class DeliveryFailed(OTPError):
    """The carrier refused the message, so nothing was sent.

    Attributes:
        elsewhere: Whether another sender might succeed with the same message.
    """

    error_code = "delivery_failed"
    message = "The message was refused by the carrier."

    def __init__(self, *, retry_elsewhere: bool = False) -> None:
        super().__init__()
        self.retry_elsewhere = retry_elsewhere


class DeliveryUnconfirmed(OTPError):
    """The provider did not answer; the message can still arrive, and its code works.

    Senders raise it. `Engine.send` returns a send that is not confirmed.
    """

    error_code = "delivery_unconfirmed"
    message = "The carrier did not answer. If the code arrives, it works."


class Unavailable(OTPError):
    """The service cannot do this at the moment; trying again is right.

    Attributes:
        retry_after: How long to wait before trying again.
    """

    error_code = "unavailable"
    message = "The service cannot do this right now. Try again shortly."

    def __init__(self, *, retry_after: timedelta = timedelta(seconds=1)) -> None:
        super().__init__()
        self.retry_after = retry_after


class StoreUnavailable(Unavailable):
    """Redis did not answer; what it did with the request is not known."""


class ProviderUnavailable(Unavailable):
    """The carrier could not be reached, or asked for a pause; nothing was sent."""


class SendingDisabled(Unavailable):
    """The operator has turned sending off; codes that are out can be checked."""

    def __init__(self) -> None:
        super().__init__(retry_after=timedelta(minutes=1))


class Overloaded(Unavailable):
    """More work is waiting than this instance can do soon; this was not begun."""
