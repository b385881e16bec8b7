"""The message at the top of the page, and the messages for errors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from http import HTTPStatus

from flask import g, request

from otp_engine.api import error_handlers, response_headers
from otp_engine.domain.models import Channel
from otp_engine.errors import (
    DeliveryFailed,
    DestinationNotAllowed,
    DestinationSuspended,
    EntityNotFound,
    FactorNotFound,
    FactorUnverified,
    InvalidCode,
    InvalidPhone,
    LimitExceeded,
    NumberTypeNotAllowed,
    OTPError,
    RateLimited,
    RecipientNotOnChannel,
    TooManyAttempts,
    Unavailable,
    VerificationNotFound,
)
from otp_engine.web import page_channels
from otp_engine.web.session import VerifySession
from otp_engine.web.translations import Translations

COOLDOWN = "resend_cooldown"
EXPIRED_FORM = "expired_form"
# The rules that refuse the checks of a phone for as long as its sends.
_RULES_OF_CHECKS = frozenset({"failed_checks_per_phone", "max_consecutive_failures"})
_RULES_OF_FACTORS = frozenset({"failed_checks_per_factor", "max_consecutive_failures"})
_NO_FACTOR = (EntityNotFound, FactorNotFound, FactorUnverified)


class Kind(StrEnum):
    """What a notice reports; also its CSS class."""

    ERROR = "error"
    SUCCESS = "success"
    INFO = "info"


@dataclass(frozen=True, slots=True)
class Notice:
    """The message at the top of the page, and the response's status and headers.

    Attributes:
        text: The message; empty for none.
        status: The HTTP status.
        kind: What it reports.
        input_id: The id of the input that is wrong, if one is.
        keeps_input: Whether the form keeps what the person typed.
        reason: The reason of an error for a developer; only dev mode shows it.
        failed: The channel of a send that can succeed on another one.
        headers: More headers of the response.
    """

    text: str = ""
    status: int = 200
    kind: Kind = Kind.ERROR
    input_id: str | None = None
    keeps_input: bool = True
    reason: str = ""
    failed: Channel | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


def code_length(
    session: VerifySession, translations: Translations, default: int
) -> str:
    """Return the sentence about the length of the code.

    Args:
        session: The state of the person, with the lengths of the codes that were sent.
        translations: The texts.
        default: The length of a code, if no code of the session is live.
    """
    lengths = session.code_lengths or {default}
    if len(lengths) == 1:
        return translations.get("code_length", n=min(lengths))
    return translations.get("code_length_range", least=min(lengths), most=max(lengths))


def for_error(
    error: OTPError,
    session: VerifySession,
    translations: Translations,
    *,
    app: str | None,
    default_length: int,
) -> Notice:
    """Return the notice of a failed send or check, and store its wait.

    The wait for the next code is in the session. So the page has one countdown, and a
    later load of the page shows the same state.

    Args:
        error: The error.
        session: The state of the person.
        translations: The texts.
        app: Of a send, the name of the app that the person chose, or an empty text;
            None for a check.
        default_length: The length of a code, as in `code_length`.
    """
    _log(error)
    seconds = _wait(error)
    status = error_handlers.status_of(error)
    headers = {} if seconds is None else {"Retry-After": str(seconds)}
    if isinstance(error, InvalidCode):
        text = code_length(session, translations, default_length)
        return Notice(text, status, input_id=_input_id(error))
    text = _text(error, translations, seconds, app or "")
    if session.handle is None:
        return Notice(text, status, input_id=_input_id(error), headers=headers)
    if page_channels.is_limit_of_calls(error):
        # A message can be sent sooner than the next call.
        return Notice(text, status, kind=Kind.INFO, headers=headers)
    reason = _closing_reason(error)
    if (reason or app is not None) and isinstance(error, LimitExceeded | Unavailable):
        session.wait_for_resend(error.retry_after, seconds or 0)
    if reason:
        session.close(reason)
        return Notice(translations.get(reason), status, headers=headers)
    if app is not None and isinstance(error, TooManyAttempts | RateLimited):
        return _early_send(error, translations, headers)
    return Notice(text, status, headers=headers)


def for_expired_form(
    session: VerifySession, translations: Translations
) -> Notice | None:
    """Return the notice of a form without the CSRF token of the session, if it is one.

    Args:
        session: The state of the person.
        translations: The texts.
    """
    if session.csrf_valid(request.form.get("csrf_token", "")):
        return None
    g.error = EXPIRED_FORM
    return Notice(translations.get(EXPIRED_FORM), HTTPStatus.BAD_REQUEST)


def for_page(error: OTPError, translations: Translations) -> Notice:
    """Return the notice of a page without a form.

    Args:
        error: The error, with its reason for a developer.
        translations: The texts.
    """
    _log(error)
    status = error_handlers.status_of(error)
    seconds = _wait(error)
    headers = {} if seconds is None else {"Retry-After": str(seconds)}
    text = _text(error, translations, seconds, "")
    return Notice(text, status, reason=error.message, headers=headers)


def for_factor(
    error: OTPError, translations: Translations, *, code_length: int | None = None
) -> Notice:
    """Return the notice of a check of an authenticator or a recovery code that failed.

    Args:
        error: The error.
        translations: The texts.
        code_length: The length of a code of the authenticator; None for a recovery
            code.
    """
    _log(error)
    status = error_handlers.status_of(error)
    if isinstance(error, InvalidCode):
        if code_length is None:
            text = translations.get("recovery_format")
            return Notice(text, status, input_id="recovery_code")
        text = translations.get("code_length", n=code_length)
        return Notice(text, status, input_id="otp")
    seconds = _wait(error)
    headers = {} if seconds is None else {"Retry-After": str(seconds)}
    wait = translations.format_wait(seconds or 0)
    is_locked = isinstance(error, RateLimited) and error.limit in _RULES_OF_FACTORS
    key = "totp_locked" if is_locked else _key(error, translations, "")
    return Notice(translations.get(key, wait=wait), status, headers=headers)


def _early_send(
    error: LimitExceeded, translations: Translations, headers: Mapping[str, str]
) -> Notice:
    """Return the notice of a send that was requested too early; it is no error."""
    if isinstance(error, RateLimited) and error.limit == COOLDOWN:
        return Notice(translations.get("just_sent"), kind=Kind.INFO)
    status = error_handlers.status_of(error)
    text = translations.get("no_new_code")
    return Notice(text, status, kind=Kind.INFO, headers=headers)


def _closing_reason(error: OTPError) -> str | None:
    """Return the key of the text if no code of the verification can be checked."""
    match error:
        case TooManyAttempts() | VerificationNotFound():
            return error.error_code
        case RateLimited() if error.limit in _RULES_OF_CHECKS:
            return "not_yet"
        case _:
            return None


def _input_id(error: OTPError) -> str | None:
    match error:
        case (
            InvalidPhone()
            | DestinationNotAllowed()
            | DestinationSuspended()
            | DeliveryFailed()
        ):
            return "phone"
        case InvalidCode():
            return "otp"
        case _:
            return None


def _wait(error: OTPError) -> int | None:
    """Return the seconds until a retry, rounded as for an anonymous client."""
    if isinstance(error, DestinationSuspended):
        return int(response_headers.suspension_retry_after(error.retry_after))
    if not isinstance(error, LimitExceeded | Unavailable):
        return None
    rule = isinstance(error, LimitExceeded)
    return int(response_headers.retry_after(error.retry_after, rule=rule))


def _text(
    error: OTPError, translations: Translations, seconds: int | None, app: str
) -> str:
    wait = translations.format_wait(seconds or 0)
    text = translations.get(_key(error, translations, app), wait=wait, app=app)
    if isinstance(error, InvalidPhone | NumberTypeNotAllowed) and error.example:
        example = error.example.replace(" ", "\u00a0")
        text += " " + translations.get("number_example", example=example)
    return text


def _key(error: OTPError, translations: Translations, app: str) -> str:
    """Return the key of the text of *error*."""
    if isinstance(error, _NO_FACTOR):
        return "totp_missing"
    if page_channels.is_limit_of_calls(error):
        return "too_many_calls"
    if page_channels.is_country_of_calls(error):
        return "calls_not_allowed"
    if isinstance(error, RecipientNotOnChannel) and not app:
        return DeliveryFailed.error_code
    known = error.error_code in translations.strings
    return error.error_code if known else Unavailable.error_code


def _log(error: OTPError) -> None:
    """Store the error and the rule for the request log."""
    g.error = error.error_code
    if isinstance(error, RateLimited | DestinationSuspended):
        g.limit = error_handlers.rule_of(error)
