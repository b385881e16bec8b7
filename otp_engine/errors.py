"""The errors of this package, as one tree.

    OTPError
    ├── InvalidSettings          a setting is missing or invalid
    ├── InvalidChange            an operator's change of the policy is not possible
    │   ├── InvalidEnd
    │   ├── NoLiveValue          there is nothing to return to the environment
    │   └── NoPolicyVersion
    ├── ReplayNotPossible        stored events cannot decide on the proposed values
    ├── PolicyConflict           another operator changed the policy first
    ├── InvalidRequest           the request is malformed
    │   ├── InvalidPhone
    │   ├── InvalidEmail
    │   ├── InvalidCode
    │   ├── InvalidIdentity
    │   ├── InvalidFactor
    │   ├── InvalidReturnTarget  the page cannot return to the application
    │   └── PageLinkExpired      the page needs a new link of the application
    ├── Unauthorized
    ├── OriginNotAllowed         the page that sent the request has another origin
    ├── RequesterNotAllowed      the operator does not serve this requester
    │   ├── NetworkNotAllowed
    │   └── KeyNotAllowed
    ├── ChannelNotAllowed        the operator has turned the channel off
    ├── DestinationNotAllowed    the number is valid, and the service does not serve it
    │   ├── CountryNotAllowed
    │   ├── PrefixNotAllowed
    │   ├── NumberTypeNotAllowed
    │   └── RecipientOptedOut    the recipient has answered STOP
    ├── VerificationNotFound
    ├── FactorsNotConfigured     the operator has set no factor key
    ├── EntityNotFound
    ├── FactorNotFound
    ├── ChallengeNotFound
    ├── FactorConflict           the state of an entity or a factor does not allow it
    │   ├── EntityExists
    │   ├── FactorExists
    │   ├── FactorUnverified
    │   ├── FactorAlreadyVerified
    │   ├── TooManyFactors
    │   ├── ChallengeAlreadyApproved
    │   └── ChallengeExpired
    ├── LimitExceeded            a rule refuses the request for some time
    │   ├── TooManyAttempts
    │   ├── RateLimited
    │   │   ├── TooManyTries     an unverified factor has no checks left
    │   │   └── BudgetExceeded   the message would cost too much
    │   └── DestinationSuspended
    ├── DeliveryFailed           the provider rejected the message
    │   └── RecipientNotOnChannel    the recipient does not use the channel
    ├── DeliveryUnconfirmed      the provider did not answer
    └── Unavailable              a retry can succeed
        ├── StoreUnavailable
        ├── FactorsUnreadable    no factor key decrypts the stored factors
        │   └── DataKeyLost
        ├── ProviderUnavailable
        ├── SendingDisabled
        └── Overloaded

Each class has a stable `error_code` that clients may match on, and the values that a
response needs. `otp_engine.api.error_handlers` maps the classes to HTTP statuses. No
message contains a code, a number or a secret.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, ClassVar


class OTPError(Exception):
    """Base class of the errors of this package.

    Attributes:
        error_code: Stable name of the error; clients may match on it.
        message: A sentence for people.
        provider: Name of the provider that caused the error, if one did.
        provider_error: The provider's error code, if a provider caused the error.
        rule: Name of the rule that refused the request in events and metrics; None
            means `error_code`.
        is_stored_rejection: Whether the store returned a provider's earlier rejection.
    """

    error_code: ClassVar[str] = "error"
    message: str = "Something went wrong."
    provider: str | None = None
    provider_error: int | str | None = None
    rule: str | None = None
    is_stored_rejection: bool = False

    def __init__(self, message: str | None = None) -> None:
        self.message = message or self.message
        super().__init__(self.message)


class InvalidSettings(OTPError):
    """A setting is missing or invalid.

    Attributes:
        problems: All problems, a sentence each, in a stable order.
        warnings: What can explain them, such as a name that is not a setting.
    """

    error_code = "invalid_settings"

    def __init__(self, problems: Sequence[str], warnings: Sequence[str] = ()) -> None:
        super().__init__("; ".join(problems))
        self.problems = tuple(problems)
        self.warnings = tuple(warnings)


class InvalidChange(OTPError):
    """A change of the policy is not possible.

    Attributes:
        problems: All problems, a sentence each.
        warnings: What can explain them, a sentence each.
    """

    error_code = "invalid_change"
    message = "The policy cannot be changed like this."

    def __init__(
        self, problems: Sequence[str] = (), warnings: Sequence[str] = ()
    ) -> None:
        super().__init__("; ".join(problems))
        self.problems = tuple(problems)
        self.warnings = tuple(warnings)


class InvalidEnd(InvalidChange):
    """The end of a change has passed, or is too far away."""

    error_code = "invalid_end"


class NoLiveValue(InvalidChange):
    """Values have no live value, so those of the environment are in force already."""

    error_code = "no_live_value"


class NoPolicyVersion(InvalidChange):
    """There is no policy version with that number."""

    error_code = "no_policy_version"


class ReplayNotPossible(OTPError):
    """Stored events cannot decide what proposed values would have refused."""

    error_code = "replay_not_possible"
    message = "The stored events cannot decide on these values."


class PolicyConflict(OTPError):
    """Another operator stored a policy version first, so nothing was stored."""

    error_code = "policy_conflict"
    message = "Another operator changed the policy in the meantime."


class InvalidRequest(OTPError):
    """The request does not have the form that the API documents."""

    error_code = "invalid_request"
    message = "The request could not be read."


class InvalidPhone(InvalidRequest):
    """The text is not a phone number that can exist, or it could mean two numbers.

    Attributes:
        example: A mobile number of the country that was probably meant.
    """

    error_code = "invalid_phone"
    message = "This is not a phone number. Check it, and add the country code with a +."

    def __init__(
        self, message: str | None = None, *, example: str | None = None
    ) -> None:
        if example and message is None:
            message = f"{self.message.removesuffix('.')}, such as {example}."
        super().__init__(message)
        self.example = example


class InvalidEmail(InvalidRequest):
    """The text is not an e-mail address, or a mail server does not know the address."""

    error_code = "invalid_email"
    message = "This is not an e-mail address that receives messages. Check it."


class InvalidCode(InvalidRequest):
    """The text cannot be a code, so it uses no attempt."""

    error_code = "invalid_code"
    message = "A code is 4 to 10 digits. This was not counted as an attempt."


class InvalidIdentity(InvalidRequest):
    """The text cannot be an identity, or it could be a phone number.

    The message never repeats the text, which can be personal.
    """

    error_code = "invalid_identity"
    message = (
        "An identity is 8 to 64 letters, digits and dashes. It must not be a phone"
        " number, which 10 to 15 digits could be, or another personal value."
    )


class InvalidFactor(InvalidRequest):
    """A value of a factor is not allowed.

    Attributes:
        parameter: Name of the value, such as `code_length`.
    """

    error_code = "invalid_factor"

    def __init__(self, parameter: str, problem: str) -> None:
        """Describe one value.

        Args:
            parameter: Name of the value.
            problem: The end of a sentence that starts with the name.
        """
        super().__init__(f"{parameter} {problem}.")
        self.parameter = parameter


class InvalidReturnTarget(InvalidRequest):
    """The verify page cannot return to the application that sent the person.

    The message is for the developer of the application, and has nothing of the request.
    """

    error_code = "invalid_return_url"
    message = "The application cannot be returned to."


class PageLinkExpired(InvalidRequest):
    """The browser has no link to the page, or one that has expired or was used."""

    error_code = "link_expired"
    message = "This link has expired or was used before. Request a new one."


class Unauthorized(OTPError):
    """The request has no API key, or a wrong one."""

    error_code = "unauthorized"
    message = "A valid API key is needed."


class OriginNotAllowed(OTPError):
    """A browser sent the request for a page of an origin that is not allowed."""

    error_code = "origin_not_allowed"
    message = (
        "Pages of this origin may not call this service. Call it from a server, or list"
        " the origin in OTP_CORS_ORIGINS."
    )


class ConsoleError(OTPError):
    """The console does not serve a request; only its pages show these errors."""

    error_code = "console_error"
    message = "The console cannot serve this request."


class FormExpired(ConsoleError):
    """A form is not one of the operator's session."""

    error_code = "form_expired"
    message = "This form has expired, and nothing was changed. Open the page again."


class OperatorUnknown(ConsoleError):
    """A request to the console has no operator."""

    error_code = "operator_unknown"
    message = "No operator is signed in."


class RequesterNotAllowed(OTPError):
    """The operator does not serve the client or its network."""

    error_code = "requester_not_allowed"


class NetworkNotAllowed(RequesterNotAllowed):
    """The client IP is in a network that the operator has blocked."""

    error_code = "network_not_allowed"
    message = "Requests from this network are not served."
    rule = "blocked_networks"


class KeyNotAllowed(RequesterNotAllowed):
    """The operator has turned sending off for the API key; it can still check codes."""

    error_code = "key_not_allowed"
    message = "This API key may not send codes. It can still check them."
    rule = "sending"


class ChannelNotAllowed(OTPError):
    """The operator has turned sending off for the channel.

    Attributes:
        channel: The name of the channel.
    """

    error_code = "channel_not_allowed"
    message = "Codes are not sent through this channel. Use another one."
    rule = "sending"

    def __init__(self, channel: str) -> None:
        super().__init__()
        self.channel = channel


class DestinationNotAllowed(OTPError):
    """The number is valid, and the service does not send to it."""

    error_code = "not_served"


class CountryNotAllowed(DestinationNotAllowed):
    """The country of the number is not allowed.

    Attributes:
        country: ISO 3166 code; None if a provider rejected the country.
        rule: `sending` if the operator has turned sending off for an allowed country.
    """

    error_code = "country_not_allowed"
    message = "Numbers of this country are not served."

    def __init__(self, country: str | None = None, *, rule: str | None = None) -> None:
        super().__init__()
        self.country = country
        self.rule = rule


class PrefixNotAllowed(DestinationNotAllowed):
    """The operator has turned sending off for a prefix of the number.

    Attributes:
        prefix: The prefix.
    """

    error_code = "prefix_not_allowed"
    message = "Numbers of this range are not served."
    rule = "sending"

    def __init__(self, prefix: str) -> None:
        super().__init__()
        self.prefix = prefix


class NumberTypeNotAllowed(DestinationNotAllowed):
    """The type of the number is not allowed, such as a landline on a channel of texts.

    Attributes:
        example: A mobile number of the same country, if it is known.
    """

    error_code = "number_type_not_allowed"
    message = "This kind of number cannot be sent a code. Use a mobile number."

    def __init__(self, *, example: str | None = None) -> None:
        message = None
        if example:
            start = self.message.removesuffix(".")
            message = f"{start} with its country code, such as {example}."
        super().__init__(message)
        self.example = example


class RecipientOptedOut(DestinationNotAllowed):
    """The recipient has answered STOP to an earlier message of the sender."""

    error_code = "recipient_opted_out"
    message = (
        "This phone has answered STOP to our messages. Answer START to the last one,"
        " and try again."
    )


class VerificationNotFound(OTPError):
    """The phone has no pending verification.

    No code was sent, or the code has expired or was used. The error does not
    distinguish these cases, because the difference would reveal a right code.
    """

    error_code = "verification_not_found"
    message = "No code is waiting. Request a new one."


class FactorsNotConfigured(OTPError):
    """The operator has set no factor key, so the service has no factors."""

    error_code = "totp_not_configured"
    message = "Authenticator apps are not configured here."


class EntityNotFound(OTPError):
    """The service has no entity with that identity."""

    error_code = "entity_not_found"
    message = "There is no entity with this identity."


class FactorNotFound(OTPError):
    """The entity or the factor does not exist."""

    error_code = "factor_not_found"
    message = "There is no authenticator app for this identity. Enroll one first."


class ChallengeNotFound(OTPError):
    """The entity has no such challenge."""

    error_code = "challenge_not_found"
    message = "There is no such challenge. Create a new one."


class FactorConflict(OTPError):
    """The state of an entity or of a factor does not allow the request."""

    error_code = "factor_conflict"


class EntityExists(FactorConflict):
    """Another entity of the service has that identity."""

    error_code = "entity_exists"
    message = "An entity with this identity exists."


class FactorExists(FactorConflict):
    """Another factor of the entity has the secret that the client chose."""

    error_code = "factor_exists"
    message = "Another authenticator app of this identity has this secret."


class FactorUnverified(FactorConflict):
    """The factor is unverified, and only a verified one can be checked."""

    error_code = "factor_unverified"
    message = "This authenticator app is not active. Activate it with a code first."


class FactorAlreadyVerified(FactorConflict):
    """The factor is verified, so no further code can activate it."""

    error_code = "factor_already_verified"
    message = "This authenticator app is active already."


class TooManyFactors(FactorConflict):
    """The entity has as many factors as it can have, or had so many new ones today."""

    error_code = "too_many_factors"
    message = (
        "This identity has too many authenticator apps. Delete one, or wait a day."
    )


class ChallengeAlreadyApproved(FactorConflict):
    """Another check has closed the challenge."""

    error_code = "challenge_already_approved"
    message = "This challenge is approved already. Create a new one."


class ChallengeExpired(FactorConflict):
    """The challenge accepts no more codes."""

    error_code = "challenge_expired"
    message = "This challenge has expired. Create a new one."


class LimitExceeded(OTPError):
    """A rule refuses the request for some time.

    Attributes:
        retry_after: Time until the rule allows the request; 0 if it never will.
        refused_at: Time of the refusal by the store's clock, in milliseconds since
            1970; 0 if the store did not decide.
    """

    error_code = "refused"

    def __init__(self, *, retry_after: timedelta, refused_at: int = 0) -> None:
        super().__init__()
        self.retry_after = retry_after
        self.refused_at = refused_at


class TooManyAttempts(LimitExceeded):
    """The verification has no attempts left; it ends after `retry_after`."""

    error_code = "too_many_attempts"
    message = "Every attempt at this code is used. Wait, then request a new code."


class RateLimited(LimitExceeded):
    """A limit or the cooldown refused the request, and no message was sent.

    Attributes:
        limit: Name of the limit that refused; only operators see it.
        identifier: What the limit counts by, such as a country, pseudonymized where it
            is personal; empty if the limit has no identifier.
    """

    error_code = "rate_limited"
    message = "Too many requests. Try again later."

    def __init__(
        self,
        limit: str,
        *,
        retry_after: timedelta,
        identifier: str = "",
        refused_at: int = 0,
    ) -> None:
        super().__init__(retry_after=retry_after, refused_at=refused_at)
        self.limit = limit
        self.identifier = identifier


class TooManyTries(RateLimited):
    """The unverified factor has no checks left, now or later."""

    error_code = "enrollment_locked"
    message = "Every attempt at activating this app is used. Enroll it again."

    def __init__(self) -> None:
        super().__init__("max_factor_tries", retry_after=timedelta())


class BudgetExceeded(RateLimited):
    """The budget, or the share of a country, has no room for the message.

    Attributes:
        usage: The `BudgetUsage` without the message; its type is of a higher layer.
    """

    def __init__(
        self,
        limit: str,
        *,
        retry_after: timedelta,
        usage: Any,  # noqa: ANN401 - see above
        refused_at: int = 0,
    ) -> None:
        super().__init__(limit, retry_after=retry_after, refused_at=refused_at)
        self.usage = usage


class DestinationSuspended(LimitExceeded):
    """The pumping guard refuses messages to a place; only operators see the evidence.

    Attributes:
        level: The kind of the place: `block`, `network` or `country`.
        prefix: The place: a prefix of numbers, or the code of a country.
        country: ISO 3166 code of the place.
        unproven: Unproven messages of the place.
        until: When the suspension ends.
        trips: Number of suspensions of the place in a row; 0 for one by an operator.
        is_new: Whether this request started the suspension.
    """

    error_code = "destination_suspended"
    message = "Codes cannot be sent to this number for some time."

    def __init__(  # noqa: PLR0913 - the evidence, which has no type of this layer
        self,
        *,
        level: str,
        prefix: str,
        country: str,
        unproven: float,
        until: datetime,
        trips: int,
        is_new: bool,
        retry_after: timedelta,
    ) -> None:
        super().__init__(retry_after=retry_after)
        self.level = level
        self.prefix = prefix
        self.country = country
        self.unproven = unproven
        self.until = until
        self.trips = trips
        self.is_new = is_new


class DeliveryFailed(OTPError):
    """The provider rejected the message, so it was not sent.

    Attributes:
        retry_elsewhere: Whether another sender can succeed with the same message.
    """

    error_code = "delivery_failed"
    message = "The provider rejected the message."

    def __init__(self, *, retry_elsewhere: bool = False) -> None:
        super().__init__()
        self.retry_elsewhere = retry_elsewhere


class RecipientNotOnChannel(DeliveryFailed):
    """The recipient cannot be reached on this channel, such as without WhatsApp."""

    error_code = "recipient_not_on_channel"
    message = "This number cannot be reached on that channel."

    def __init__(self) -> None:
        super().__init__(retry_elsewhere=True)


class DeliveryUnconfirmed(OTPError):
    """The provider did not answer; the message can still arrive, and its code works.

    Senders raise it. `Engine.send` then returns a send that is not confirmed.
    """

    error_code = "delivery_unconfirmed"
    message = "The provider did not answer. If the code arrives, it works."


class Unavailable(OTPError):
    """The service cannot serve the request at the moment; a retry can succeed.

    Attributes:
        retry_after: Time until a retry is useful.
    """

    error_code = "unavailable"
    message = "The service cannot do this right now. Try again shortly."

    def __init__(self, *, retry_after: timedelta = timedelta(seconds=1)) -> None:
        super().__init__()
        self.retry_after = retry_after


class StoreUnavailable(Unavailable):
    """Redis did not answer; it may or may not have run the command.

    Attributes:
        reason: Why, for operators: the end of a sentence that starts with Redis.
    """

    def __init__(self, reason: str = "does not answer") -> None:
        super().__init__()
        self.reason = reason


class FactorsUnreadable(Unavailable):
    """No factor key decrypts the stored data key or a stored factor."""

    def __init__(self) -> None:
        super().__init__(retry_after=timedelta(minutes=1))


class DataKeyLost(FactorsUnreadable):
    """Redis has lost the data key, and may still have what it encrypts."""


class ProviderUnavailable(Unavailable):
    """The provider is unreachable or throttles requests; no message was sent.

    Attributes:
        reason: Why, for operators: the end of a sentence that starts with the sender.
    """

    def __init__(
        self,
        reason: str = "does not answer",
        *,
        retry_after: timedelta = timedelta(seconds=1),
    ) -> None:
        super().__init__(retry_after=retry_after)
        self.reason = reason


class SendingDisabled(Unavailable):
    """The operator has turned sending off; live codes can still be checked."""

    def __init__(self) -> None:
        super().__init__(retry_after=timedelta(minutes=1))


class Overloaded(Unavailable):
    """The instance has no capacity for the request, and did not start it."""
