"""`/verify?factor=totp`: check an authenticator or a recovery code of the identity.

The checks are those of a client without a key, so each person counts by their own IP
address, and one person cannot use up the limit of an application.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from flask import redirect, request, url_for
from flask.typing import ResponseReturnValue

from otp_engine.api import context, response_headers
from otp_engine.api.authentication import ANONYMOUS_CLIENT
from otp_engine.domain import codes
from otp_engine.domain.factors import recovery_codes
from otp_engine.domain.factors.authenticators import ApprovalMethod
from otp_engine.domain.factors.models import (
    Factor,
    FactorCheck,
    FactorCheckResult,
    TotpConfig,
)
from otp_engine.domain.page_links import LinkedPage
from otp_engine.errors import (
    FactorNotFound,
    InvalidCode,
    OTPError,
    Unavailable,
)
from otp_engine.web import grants, notices, page_channels
from otp_engine.web.actions import Prove, VerifyActions, complete
from otp_engine.web.grants import Grant
from otp_engine.web.notices import Notice
from otp_engine.web.render import VerifyPage, keep_typed
from otp_engine.web.session import VerifySession
from otp_engine.web.translations import Translations

FACTOR = "totp"
"""The value of the parameter `factor`."""

TEMPLATE = "authenticator.html"
_RECOVERY = "recovery"
_TITLES = {
    FACTOR: "totp_title",
    _RECOVERY: "recovery_title",
    "missing": "error_title",
    "done": "totp_done_title",
}
_NO_NOTICE = Notice()


@dataclass(frozen=True, slots=True)
class FactorChecks:
    """The page that checks an authenticator.

    Attributes:
        verify_page: Renders the page.
        actions: The actions of the page of codes by message.
        origins: The origins of applications that receive proof tokens.
    """

    verify_page: VerifyPage
    actions: VerifyActions
    origins: Sequence[str]

    def show(
        self,
        state: VerifySession,
        translations: Translations,
        notice: Notice = _NO_NOTICE,
    ) -> ResponseReturnValue:
        """Show the form of the identity in the session's grant.

        Args:
            state: The state of the person.
            translations: The texts.
            notice: The message about the last request.

        Raises:
            PageLinkExpired: The session has no grant for this page.
        """
        grant = grants.require(state.session, LinkedPage.VERIFY)
        number = grants.number_of(grant)
        try:
            factor = _find_authenticator(grant)
            step = _method() if factor else "missing"
        except Unavailable as error:
            # What was typed stays.
            factor, step = None, _method()
            notice = notice if notice.text else notices.for_factor(error, translations)
        if step == "missing" and not notice.text:
            notice = Notice(translations.get("totp_missing"))
        html = self.verify_page.render_step(
            step,
            _TITLES[step],
            translations,
            notice,
            template=TEMPLATE,
            query=_query(),
            csrf_token=state.csrf_token,
            typed=keep_typed(request.form, notice),
            code_length=factor.config.code_length if factor else None,
            message_to=page_channels.show_number(number) if number else None,
            has_recovery_codes=factor is not None and factor.recovery_codes_left > 0,
            return_origin=state.return_origin,
        )
        return html, notice.status, dict(notice.headers)

    def act(
        self, state: VerifySession, translations: Translations
    ) -> ResponseReturnValue:
        """Check what the person submitted, or send a message instead.

        Args:
            state: The state of the person.
            translations: The texts.

        Raises:
            PageLinkExpired: The session has no grant for this page.
        """
        grant = grants.require(state.session, LinkedPage.VERIFY)
        if expired := notices.for_expired_form(state, translations):
            return self.show(state, translations, expired)
        step = request.form.get("step", "")
        try:
            match step:
                case "code":
                    return self._check_code(state, grant, translations)
                case "recovery":
                    return self._check_recovery_code(state, grant, translations)
                case "message":
                    return self._send_message(state, grant, translations)
                case _:
                    return redirect(url_for("verify.page", **_query()), 303)
        except OTPError as error:
            return self.show(
                state, translations, notices.for_factor(error, translations)
            )

    def _check_code(
        self, state: VerifySession, grant: Grant, translations: Translations
    ) -> ResponseReturnValue:
        app = context.get_dependencies()
        factor = _find_authenticator(grant)
        if factor is None:
            raise FactorNotFound
        try:
            code = parse_code(factor.config)
        except InvalidCode as error:
            notice = notices.for_factor(
                error, translations, code_length=factor.config.code_length
            )
            return self.show(state, translations, notice)
        result = app.authenticators.check(_request(grant, code))
        if not result.approved:
            notice = _wrong(result, "totp_wrong_code", "otp", translations)
            return self.show(state, translations, notice)
        prove = partial(app.prove_identity, result, ApprovalMethod.TOTP)
        return self._complete(state, translations, prove)

    def _check_recovery_code(
        self, state: VerifySession, grant: Grant, translations: Translations
    ) -> ResponseReturnValue:
        app = context.get_dependencies()
        code = recovery_codes.parse(request.form.get("recovery_code", ""))
        result = app.authenticators.check_recovery_code(_request(grant, code))
        if not result.approved:
            notice = _wrong(result, "recovery_wrong", "recovery_code", translations)
            return self.show(state, translations, notice)
        prove = partial(app.prove_identity, result, ApprovalMethod.RECOVERY_CODE)
        left = result.factor.recovery_codes_left
        return self._complete(state, translations, prove, left)

    def _complete(
        self,
        state: VerifySession,
        translations: Translations,
        prove: Prove,
        recovery_left: int | None = None,
    ) -> ResponseReturnValue:
        completed = complete(state.return_target, self.origins, prove)
        origin = state.return_origin
        state.clear()
        return self.verify_page.render_step(
            "done",
            "totp_done_title",
            translations,
            Notice(),
            template=TEMPLATE,
            completed=completed,
            recovery_left=recovery_left,
            return_origin=origin,
        )

    def _send_message(
        self, state: VerifySession, grant: Grant, translations: Translations
    ) -> ResponseReturnValue:
        number = grants.number_of(grant)
        if number is None:
            return redirect(url_for("verify.page", **_query()), 303)
        if notice := self.actions.send_to(number, state, translations):
            return self.verify_page.render(state, translations, notice)
        return redirect(url_for("verify.page"), 303)


def _find_authenticator(grant: Grant) -> Factor | None:
    app = context.get_dependencies()
    return app.factors.find_authenticator(app.auth_service, grant.link.identity)


def _request(grant: Grant, code: str) -> FactorCheck:
    return FactorCheck(
        service=context.get_dependencies().auth_service,
        identity=grant.link.identity,
        code=code,
        client_ip=ANONYMOUS_CLIENT.client_ip(request, None),
    )


def _wrong(
    result: FactorCheckResult, key: str, input_id: str, translations: Translations
) -> Notice:
    if result.attempts_remaining:
        text = translations.get(key, n=result.attempts_remaining)
        return Notice(text, input_id=input_id, keeps_input=False)
    seconds = int(response_headers.retry_after(result.retry_after, rule=True))
    wait = translations.format_wait(seconds)
    return Notice(translations.get("totp_locked", wait=wait), keeps_input=False)


def parse_code(config: TotpConfig) -> str:
    """Return the submitted code of an authenticator.

    Raises:
        InvalidCode: It has another number of digits.
    """
    code = codes.parse(request.form.get("otp", ""))
    if len(code) != config.code_length:
        raise InvalidCode
    return code


def _method() -> str:
    return _RECOVERY if request.args.get("method") == _RECOVERY else FACTOR


def _query() -> dict[str, Any]:
    query = {"factor": FACTOR}
    return query | {"method": _RECOVERY} if _method() == _RECOVERY else query
