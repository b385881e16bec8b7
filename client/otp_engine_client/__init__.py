"""Typed client of OTP Engine: send one-time codes, and check what comes back.

    client = Client("https://otp.example.com", api_key="...")
    sent = client.send_otp("+919445012345", bind=True, client_ip=request_ip)
    if client.verify_otp(typed, verification=sent.handle):
        log_in()

`AsyncClient` has the same methods. Every failure is an `OTPEngineError`.
"""

from otp_engine_client.async_client import AsyncClient
from otp_engine_client.client import Client
from otp_engine_client.errors import (
    ChannelNotAllowed,
    Conflict,
    DeliveryFailed,
    DeliveryUnconfirmed,
    DestinationNotAllowed,
    DestinationSuspended,
    EnrollmentLocked,
    ErrorResponse,
    FactorAlreadyVerified,
    FactorNotFound,
    InvalidCode,
    InvalidEmail,
    InvalidFactor,
    InvalidIdentity,
    InvalidPhone,
    InvalidProof,
    InvalidRequest,
    InvalidReturnURL,
    NotAllowed,
    NotFound,
    OTPEngineError,
    OutcomeUnknown,
    RateLimited,
    RecipientNotOnChannel,
    RecipientOptedOut,
    ServiceError,
    ServiceUnreachable,
    TooManyAttempts,
    TooManyRequests,
    Unauthorized,
    Unavailable,
    UnexpectedResponse,
    VerificationNotFound,
)
from otp_engine_client.results import (
    Check,
    Enrollment,
    LimitWindow,
    PageLink,
    Proof,
    Send,
)
from otp_engine_client.version import __version__

__all__ = [
    "AsyncClient",
    "ChannelNotAllowed",
    "Check",
    "Client",
    "Conflict",
    "DeliveryFailed",
    "DeliveryUnconfirmed",
    "DestinationNotAllowed",
    "DestinationSuspended",
    "Enrollment",
    "EnrollmentLocked",
    "ErrorResponse",
    "FactorAlreadyVerified",
    "FactorNotFound",
    "InvalidCode",
    "InvalidEmail",
    "InvalidFactor",
    "InvalidIdentity",
    "InvalidPhone",
    "InvalidProof",
    "InvalidRequest",
    "InvalidReturnURL",
    "LimitWindow",
    "NotAllowed",
    "NotFound",
    "OTPEngineError",
    "OutcomeUnknown",
    "PageLink",
    "Proof",
    "RateLimited",
    "RecipientNotOnChannel",
    "RecipientOptedOut",
    "Send",
    "ServiceError",
    "ServiceUnreachable",
    "TooManyAttempts",
    "TooManyRequests",
    "Unauthorized",
    "Unavailable",
    "UnexpectedResponse",
    "VerificationNotFound",
    "__version__",
]
