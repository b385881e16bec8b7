"""The exceptions: one tree, with a class for each thing that a program can do about it.

Catch `OTPEngineError` for all of them. An error name of a newer service has the class
of its status, so a program that handles classes also handles new names.
"""

from __future__ import annotations

from datetime import timedelta

from otp_engine_client.results import Send


class OTPEngineError(Exception):
    """A call failed. Neither its text nor its attributes contain a number or a code."""


class ServiceUnreachable(OTPEngineError):
    """No connection was established, so the service has not seen the request."""


class OutcomeUnknown(OTPEngineError):
    """The request was sent, and no complete response came back.

    A message of a send can have been sent, and a correct code can be used up.
    """


class InvalidProof(OTPEngineError):
    """The proof token proves nothing to this application: do not accept it."""


class ErrorResponse(OTPEngineError):
    """The service answered with an error.

    Attributes:
        error: The stable name of the error; empty if the response has none, such as
            that of a proxy.
        message: A text for people, in English. It can be shown.
        status: The HTTP status.
        retry_after: Time to wait before a new attempt, if the response has one.
        attempts_left: Attempts that remain, if the response has them.
        limit: The rule that refused the request, such as `resend_cooldown`; only with
            an API key.
        request_id: The ID of the request in the log of the service.
    """

    def __init__(  # noqa: PLR0913 - the parts of a response
        self,
        error: str,
        message: str,
        status: int,
        *,
        retry_after: timedelta | None = None,
        attempts_left: int | None = None,
        limit: str | None = None,
        request_id: str | None = None,
    ) -> None:
        super().__init__(error, message, status)
        self.error = error
        self.message = message
        self.status = status
        self.retry_after = retry_after
        self.attempts_left = attempts_left
        self.limit = limit
        self.request_id = request_id

    def __str__(self) -> str:
        facts = [self.error or "no error name", f"HTTP {self.status}"]
        facts += [f"limit {self.limit}"] if self.limit else []
        facts += [f"request {self.request_id}"] if self.request_id else []
        return f"{self.message} ({', '.join(facts)})"


class UnexpectedResponse(ErrorResponse):
    """The response is not one of the service: that of a proxy, or of another program.

    With a status of 500 or more the outcome is unknown, as for `OutcomeUnknown`.
    """


class InvalidRequest(ErrorResponse):
    """400, 413 and 415: the request is malformed, or a value in it is invalid."""


class InvalidPhone(InvalidRequest):
    """The number cannot exist, or it could mean two phones."""


class InvalidEmail(InvalidRequest):
    """The text is not an e-mail address."""


class InvalidCode(InvalidRequest):
    """The text cannot be a code. No attempt was used."""


class InvalidIdentity(InvalidRequest):
    """The identity is malformed, or could be a phone number."""


class InvalidFactor(InvalidRequest):
    """A value of an authenticator app is out of its range."""


class InvalidReturnURL(InvalidRequest):
    """`OTP_RETURN_ORIGINS` of the service does not list the return URL."""


class RecipientNotOnChannel(InvalidRequest):
    """The recipient cannot be reached on the chosen channel."""


class Unauthorized(ErrorResponse):
    """401: the API key is missing or wrong."""


class NotAllowed(ErrorResponse):
    """403: the operator does not allow this request."""


class DestinationNotAllowed(NotAllowed):
    """The country, the prefix or the type of the number is excluded."""


class DestinationSuspended(NotAllowed):
    """The pumping guard has suspended the place of the number for `retry_after`."""


class RecipientOptedOut(NotAllowed):
    """The recipient has answered STOP."""


class ChannelNotAllowed(NotAllowed):
    """The operator has turned the channel off: offer another one."""


class NotFound(ErrorResponse):
    """404: what the request names does not exist."""


class VerificationNotFound(NotFound):
    """No verification is pending: it was never sent, has expired, or is used."""


class FactorNotFound(NotFound):
    """The identity has no such authenticator app."""


class Conflict(ErrorResponse):
    """409: the state of the authenticator app does not allow this request."""


class FactorAlreadyVerified(Conflict):
    """The authenticator app is active already, such as after a double click."""


class TooManyRequests(ErrorResponse):
    """429: nothing was sent or checked."""


class RateLimited(TooManyRequests):
    """A limit, the cooldown or the budget refused the request for `retry_after`."""


class TooManyAttempts(TooManyRequests):
    """The verification has no attempts left: a new code can be sent later."""


class EnrollmentLocked(TooManyRequests):
    """The enrollment has no attempts left. No wait helps: enroll again."""


class ServiceError(ErrorResponse):
    """500 and above: the service or a provider could not do it."""


class Unavailable(ServiceError):
    """503: Redis or the provider is unavailable, or sending is off.

    A send has sent no message. A correct code of a check can be used up.
    """


class DeliveryFailed(ServiceError):
    """502: the provider rejected the message."""


class DeliveryUnconfirmed(ServiceError):
    """504: the provider did not answer. If the code arrives, it works.

    Show the form for the code, as after a send.

    Attributes:
        send: The facts of the send, with the handle of a bound verification.
    """

    send: Send = Send()
