"""The service: one client for the process, and what its errors mean for people."""

import logging
import math
from datetime import timedelta

from django.conf import settings
from django.contrib.auth import get_user_model, login
from django.core.cache import cache
from django.utils import timezone

from otp_engine_client import (
    Client,
    DeliveryFailed,
    InvalidCode,
    InvalidPhone,
    InvalidProof,
    NotAllowed,
    OTPEngineError,
    TooManyRequests,
    VerificationNotFound,
)

log = logging.getLogger(__name__)
otp = Client(settings.ENGINE_URL, api_key=settings.ENGINE_API_KEY)


def client_ip(request):
    """Return the network address of the person, which the limits count."""
    return request.META[settings.CLIENT_IP_META]


def explain(error: OTPEngineError) -> str:
    """Return a text for the person. It has no number, no code, and no account."""
    match error:
        case TooManyRequests(retry_after=timedelta() as wait):
            return f"Too many attempts. Try again in {_in_words(wait)}."
        case InvalidPhone() | InvalidCode() | NotAllowed() | VerificationNotFound():
            return error.message
        case DeliveryFailed():
            return "The message could not be sent. Check the number."
    # The errors of the client have no number and no code, so they can be logged.
    log.error("a code could not be sent or checked: %s", error)
    return "This does not work at the moment. Try again in a minute."


def log_in(
    request, token: str | None, *, audience: str, nonce: str | None = None
) -> None:
    """Log in the person who has the number that the proof token states.

    The token has the number in its one canonical form, in whatever form the person has
    typed it. Each token is accepted once.
    """
    proof = otp.check_proof(
        token,
        audience=audience,
        nonce=nonce,
        issuer=settings.ENGINE_ISSUER,
        accept_test=settings.DEBUG,
    )
    lifetime = (proof.expires_at - timezone.now()).total_seconds() + 1
    if not proof.phone or not cache.add(f"proof:{proof.id}", "used", lifetime):
        raise InvalidProof("The proof is not of a number, or it was used before.")
    user, _ = get_user_model().objects.get_or_create(phone=proof.phone)
    login(request, user, backend="django.contrib.auth.backends.ModelBackend")


def _in_words(wait: timedelta) -> str:
    seconds = math.ceil(wait.total_seconds())
    return f"{seconds} seconds" if seconds < 120 else f"{-(-seconds // 60)} minutes"
