"""The actions of the forms: send to a number, check a code, resend, change the number.

All sends and checks are those of a client without a key, so the same limits hold, and
each person counts by their own IP address.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Protocol
from urllib.parse import urlsplit

from flask import g, request

from otp_engine.api import context, response_headers
from otp_engine.api.authentication import ANONYMOUS_CLIENT
from otp_engine.api.return_target import ReturnTarget, origin_of
from otp_engine.domain import codes
from otp_engine.domain.messages.options import MessageOptions
from otp_engine.domain.models import Channel, CheckRequest, CheckResult, SendRequest
from otp_engine.domain.phones.numbers import PhoneNumber
from otp_engine.domain.verification_handles import VerificationHandle
from otp_engine.errors import (
    DeliveryUnconfirmed,
    InvalidCode,
    LimitExceeded,
    OTPError,
    TooManyAttempts,
    VerificationNotFound,
)
from otp_engine.web import embedding, notices, page_channels
from otp_engine.web.notices import Kind, Notice
from otp_engine.web.session import Completed, VerifySession
from otp_engine.web.translations import Translations

_Action = Callable[[VerifySession, Translations], Notice | Completed | None]


class Prove(Protocol):
    """Issues a proof token for an audience."""

    def __call__(self, *, audience: str, nonce: str | None) -> str | None:
        """Return the token; None without a signing key."""


class VerifyActions:
    """The actions, by the value of the field `step` of the forms."""

    def __init__(self, return_origins: Sequence[str]) -> None:
        """Prepare the actions.

        Args:
            return_origins: The origins of applications that receive proof tokens.
        """
        self._return_origins = return_origins
        self._actions: dict[str, _Action] = {
            "number": self._submit_number,
            "code": self._submit_code,
            "resend": self._resend,
            "change": self._change_number,
        }

    def dispatch(
        self, name: str, session: VerifySession, translations: Translations
    ) -> Notice | Completed | None:
        """Run the action called *name*; an unknown name does nothing.

        Args:
            name: The name of the action, and after a colon the channel of a send.
            session: The state of the person, which the action changes.
            translations: The texts of the notice, and the language of the message.

        Returns:
            A notice to show, the approved verification, or None to show the next step.
        """
        if _parse_handle(session.handle) is None:
            session.reset_handle()
        step, _, _ = name.partition(":")
        action = self._actions.get(step)
        try:
            return action(session, translations) if action else None
        except OTPError as error:
            is_send = step != "code"
            app = page_channels.app_name(_requested_channel(session))
            notice = notices.for_error(
                error,
                session,
                translations,
                app=app if is_send else None,
                default_length=context.get_dependencies().policy.code_length,
            )
            if is_send and page_channels.can_use_another(error):
                return replace(notice, failed=_failed_channel(session))
            return notice

    def _change_number(self, session: VerifySession, _: Translations) -> None:
        session.change_number()

    def _submit_number(
        self, session: VerifySession, translations: Translations
    ) -> Notice | None:
        session.change_number()
        number = _parse_number(request.form.get("phone", ""))
        # The same number again continues its verification.
        handle = _parse_handle(session.previous)
        if handle is None or handle.address != number:
            return self._send(number, None, session, translations)
        try:
            return self._send(number, handle, session, translations)
        except LimitExceeded:
            # The code that was sent before can still be entered.
            session.continue_previous()
            raise

    def send_to(
        self, number: PhoneNumber, session: VerifySession, translations: Translations
    ) -> Notice | None:
        """Send a code to a number that an application named.

        Args:
            number: The number.
            session: The state of the person.
            translations: The texts of the notice, and the language of the message.

        Returns:
            A notice to show; None to show the form of the code.
        """
        g.phone = number.masked
        handle = _parse_handle(session.handle)
        if handle is None or handle.address != number:
            session.clear_verification()
            handle = None
        try:
            return self._send(number, handle, session, translations)
        except LimitExceeded as error:
            # The code that was sent before can still be entered.
            if handle is None:
                raise
            return notices.for_error(
                error,
                session,
                translations,
                app="",
                default_length=context.get_dependencies().policy.code_length,
            )

    def _resend(self, session: VerifySession, translations: Translations) -> Notice:
        handle = _require_handle(session)
        notice = self._send(_number_of(handle), handle, session, translations)
        text = translations.get("new_code")
        return notice or Notice(text, kind=Kind.SUCCESS, keeps_input=False)

    def _send(
        self,
        number: PhoneNumber,
        handle: VerificationHandle | None,
        session: VerifySession,
        translations: Translations,
    ) -> Notice | None:
        """Send a code for *handle*, or for a new verification without one."""
        app = context.get_dependencies()
        channel = _requested_channel(session)
        send_request = SendRequest(
            address=number,
            channel=channel,
            locale=translations.locale,
            client_ip=ANONYMOUS_CLIENT.client_ip(request, None),
            service=app.auth_service,
            options=_autofill(app.public_url),
            bind=handle is None,
            bound_id=handle.verification_id if handle else None,
        )
        try:
            result = app.engines.engine_for(number).send(send_request)
        except VerificationNotFound:
            if handle is None:
                raise
            # The verification has ended since its last message.
            return self._send(number, None, session, translations)
        session.code_sent(
            _encode_handle(result.verification_id, number), result, channel
        )
        if result.confirmed:
            return None
        text = translations.get(DeliveryUnconfirmed.error_code)
        return Notice(text, kind=Kind.INFO)

    def _submit_code(
        self, session: VerifySession, translations: Translations
    ) -> Notice | Completed:
        handle = _require_handle(session)
        code = codes.parse(request.form.get("otp", ""))
        if session.code_lengths and len(code) not in session.code_lengths:
            raise InvalidCode
        check_request = CheckRequest(
            address=handle.address,
            code=code,
            client_ip=ANONYMOUS_CLIENT.client_ip(request, None),
            bound_id=handle.verification_id,
        )
        app = context.get_dependencies()
        result = app.engines.engine_for(handle.address).check(check_request)
        if not result.approved:
            return _wrong_code(result, session, translations)
        completed = complete(
            session.return_target,
            self._return_origins,
            partial(app.prove, _number_of(handle), result),
        )
        session.clear()
        return completed


def complete(
    target: ReturnTarget | None, origins: Sequence[str], prove: Prove
) -> Completed:
    """Return a completion, with a proof token if the person returns with one.

    Args:
        target: Where the person returns to.
        origins: The origins that are allowed now.
        prove: Issues the token.
    """
    origin = origin_of(target.url) if target else None
    if target is None or origin not in origins:
        return Completed()
    return Completed(prove(audience=origin or "", nonce=target.state), target)


def _wrong_code(
    result: CheckResult, session: VerifySession, translations: Translations
) -> Notice:
    if result.attempts_remaining:
        text = translations.get("wrong_code", n=result.attempts_remaining)
        return Notice(text, input_id="otp", keeps_input=False)
    reason = TooManyAttempts.error_code
    session.close(reason)
    seconds = response_headers.retry_after(result.retry_after, rule=True)
    session.wait_for_resend(result.retry_after, int(seconds))
    return Notice(translations.get(reason))


def _requested_channel(session: VerifySession) -> Channel | None:
    """Return the channel in the name of the action, else the one chosen before.

    Returns:
        The channel; None lets the route decide.
    """
    step, _, name = request.form.get("step", "").partition(":")
    if name in context.get_dependencies().phone_channels:
        return Channel(name)
    return session.chosen_channel if step == "resend" else None


def _failed_channel(session: VerifySession) -> Channel:
    """Return the channel of a send that failed: the requested one, or the route's."""
    app = context.get_dependencies()
    handle = _parse_handle(session.handle)
    typed = request.form.get("phone", "")
    number = _number_of(handle) if handle else _parse_number(typed)
    steps = app.policy.routes.steps_for(number)
    of_route = steps[0].channel if steps else app.phone_channels[0]
    return _requested_channel(session) or of_route


def _parse_number(text: str) -> PhoneNumber:
    app = context.get_dependencies()
    number = app.sandbox_numbers.parse(text, app.default_region)
    g.phone = number.masked
    return number


def _parse_handle(text: str | None) -> VerificationHandle | None:
    """Return the handle of *text*, or None if it is not that of a phone."""
    try:
        handle = context.get_dependencies().parse_handle(text or "")
    except VerificationNotFound:
        return None
    return handle if isinstance(handle.address, PhoneNumber) else None


def _require_handle(session: VerifySession) -> VerificationHandle:
    """Return the handle of the current verification.

    Raises:
        VerificationNotFound: The session has no valid handle.
    """
    handle = context.get_dependencies().parse_handle(session.handle or "")
    g.phone = _number_of(handle).masked
    return handle


def _number_of(handle: VerificationHandle) -> PhoneNumber:
    """Return the number of a handle: the page verifies phones only.

    Raises:
        VerificationNotFound: It is the handle of an e-mail address.
    """
    if isinstance(handle.address, PhoneNumber):
        return handle.address
    raise VerificationNotFound


def _encode_handle(verification: bytes, number: PhoneNumber) -> str:
    handle = VerificationHandle(verification, number)
    return handle.encode(context.get_dependencies().peppers[0])


def _autofill(public_url: str | None) -> MessageOptions:
    """Return the hosts that let a browser fill in the code (WebOTP).

    In a frame they are those of the application and of this service.
    """
    own = urlsplit(public_url).hostname if public_url else None
    embedder = urlsplit(embedding.origin() or "").hostname
    if own and embedder and embedder != own:
        return MessageOptions(origin=embedder, embedded_origin=own)
    return MessageOptions(origin=own)
