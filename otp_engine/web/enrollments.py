"""`/verify/enroll`: enroll an authenticator app with a QR code.

The factor is created when the page is first shown. Until a code activates it, the grant
in the session has what the page shows, so that another load of the page shows the same
QR code.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from http import HTTPStatus
from typing import Any

from flask import Response, g, redirect, request, url_for
from flask.typing import ResponseReturnValue
from markupsafe import Markup

from otp_engine.api import context, qr_codes
from otp_engine.api.authentication import ANONYMOUS_CLIENT
from otp_engine.domain.factors import recovery_codes, service_totp, totp
from otp_engine.domain.factors.authenticators import ApprovalMethod
from otp_engine.domain.factors.models import (
    Factor,
    FactorCheck,
    FactorCheckResult,
    FactorRequest,
    FactorStatus,
    TotpConfig,
)
from otp_engine.domain.page_links import LinkedPage
from otp_engine.errors import (
    EntityNotFound,
    OTPError,
    PageLinkExpired,
    TooManyTries,
    Unavailable,
)
from otp_engine.web import grants, notices
from otp_engine.web.actions import complete
from otp_engine.web.factor_checks import FACTOR, TEMPLATE, parse_code
from otp_engine.web.grants import Enrollment, Grant
from otp_engine.web.notices import Notice
from otp_engine.web.render import VerifyPage, keep_typed
from otp_engine.web.session import Completed, VerifySession
from otp_engine.web.translations import Translations

_ENDPOINT = "linked_pages.enroll"
_GROUP = 4  # characters of a secret that stand together
_TITLES = {
    "enroll": "enroll_title",
    "activate": "enroll_confirm_title",
    "again": "enroll_title",
    "done": "enroll_done_title",
}
_NO_NOTICE = Notice()


@dataclass(frozen=True, slots=True)
class EnrollmentPage:
    """The page that enrolls an authenticator.

    Attributes:
        verify_page: Renders the page.
        origins: The origins of applications that receive proof tokens.
    """

    verify_page: VerifyPage
    origins: Sequence[str]

    def show(
        self,
        state: VerifySession,
        translations: Translations,
        notice: Notice = _NO_NOTICE,
    ) -> ResponseReturnValue:
        """Show the enrollment, which the first call creates.

        Args:
            state: The state of the person.
            translations: The texts.
            notice: The message about the last request.

        Raises:
            PageLinkExpired: The session has no grant for this page.
        """
        if state.is_enrolled:
            return self._render("done", state, translations, completed=Completed())
        grant = grants.require(state.session, LinkedPage.ENROLL)
        enrollment = grant.enrollment or _enroll(state, grant)
        if enrollment.closed:
            notice = replace(notice, text=translations.get("enroll_closed"))
            return self._render("again", state, translations, notice)
        try:
            factors = _factors_of(grant)
        except Unavailable as error:
            # What was typed stays; the QR code has the name, which is stored.
            if not notice.text:
                notice = notices.for_factor(error, translations)
            return self._render(
                "activate", state, translations, notice, enrollment=enrollment
            )
        factor = factors.get(enrollment.factor_sid)
        if factor is None:
            notice = replace(notice, text=translations.get("enroll_replaced"))
            return self._render("again", state, translations, notice)
        if factor.status is FactorStatus.VERIFIED:
            return self._show_activated(state, grant, translations)
        return self._render(
            "enroll",
            state,
            translations,
            notice,
            **_shown(factor, enrollment),
            enrollment=enrollment,
            replaces=any(
                each.status is FactorStatus.VERIFIED for each in factors.values()
            ),
        )

    def act(
        self, state: VerifySession, translations: Translations
    ) -> ResponseReturnValue:
        """Activate the authenticator with a code, or start again.

        Args:
            state: The state of the person.
            translations: The texts.

        Raises:
            PageLinkExpired: The session has no grant for this page.
        """
        if state.is_enrolled:
            return redirect(url_for(_ENDPOINT), 303)
        grant = grants.require(state.session, LinkedPage.ENROLL)
        expired = notices.for_expired_form(state, translations)
        if _is_of_another_enrollment(grant):
            # The person has scanned the QR code of the form, which is not the one that
            # the page shows now.
            g.error = notices.EXPIRED_FORM
            notice = Notice(translations.get("enroll_replaced"), HTTPStatus.BAD_REQUEST)
            return self._render("again", state, translations, notice, button="show")
        if expired:
            return self.show(state, translations, expired)
        match request.form.get("step", ""):
            case "code" if grant.enrollment:
                return self._activate(state, grant, grant.enrollment, translations)
            case "again":
                return self._enroll_again(state, grant, translations)
        return redirect(url_for(_ENDPOINT), 303)

    def download(self, state: VerifySession, _: Translations) -> ResponseReturnValue:
        """Return the recovery codes as a file, until the app is activated.

        Args:
            state: The state of the person.

        Raises:
            PageLinkExpired: The session has no enrollment that can be activated.
        """
        grant = grants.require(state.session, LinkedPage.ENROLL)
        enrollment = grant.enrollment
        factor = enrollment and _factors_of(grant).get(enrollment.factor_sid)
        if not (enrollment and factor) or factor.status is FactorStatus.VERIFIED:
            raise PageLinkExpired
        # A file without a name of the account is of no use later.
        lines = [_account(factor), "", *enrollment.recovery_codes]
        text = "".join(f"{line}\n" for line in lines)
        response = Response(text, mimetype="text/plain")
        response.headers.set(
            "Content-Disposition", "attachment", filename="recovery-codes.txt"
        )
        return response

    def _activate(
        self,
        state: VerifySession,
        grant: Grant,
        enrollment: Enrollment,
        translations: Translations,
    ) -> ResponseReturnValue:
        code_length = None
        try:
            factor = _factors_of(grant).get(enrollment.factor_sid)
            if factor is None or factor.status is FactorStatus.VERIFIED:
                return redirect(url_for(_ENDPOINT), 303)
            code_length = factor.config.code_length
            result = _check(grant, factor.config)
        except OTPError as error:
            if isinstance(error, TooManyTries):
                return _close(state, grant, enrollment)
            notice = notices.for_factor(error, translations, code_length=code_length)
            return self.show(state, translations, notice)
        if not result.approved:
            if not result.attempts_remaining:
                return _close(state, grant, enrollment)
            text = translations.get("wrong_code", n=result.attempts_remaining)
            notice = Notice(text, input_id="otp", keeps_input=False)
            return self.show(state, translations, notice)
        completed = complete(
            state.return_target,
            self.origins,
            partial(
                context.get_dependencies().prove_identity, result, ApprovalMethod.TOTP
            ),
        )
        state.enrolled(grants.GRANT_TTL)
        return self._render("done", state, translations, completed=completed)

    def _enroll_again(
        self, state: VerifySession, grant: Grant, translations: Translations
    ) -> ResponseReturnValue:
        try:
            if not _is_active(grant):
                _enroll(state, grant)
        except OTPError as error:
            notice = notices.for_factor(error, translations)
            return self._render("again", state, translations, notice)
        return redirect(url_for(_ENDPOINT), 303)

    def _show_activated(
        self, state: VerifySession, grant: Grant, translations: Translations
    ) -> ResponseReturnValue:
        """Show that the app is active, after the response to the right code was lost.

        A person who has to return with a proof token enters one more code for it.
        """
        if state.return_target is None:
            return self._render("done", state, translations, completed=Completed())
        grants.store(state.session, grants.for_checks(grant))
        return redirect(url_for("verify.page", factor=FACTOR), 303)

    def _render(
        self,
        step: str,
        state: VerifySession,
        translations: Translations,
        notice: Notice = _NO_NOTICE,
        **values: Any,  # noqa: ANN401 - the template decides
    ) -> ResponseReturnValue:
        html = self.verify_page.render_step(
            step,
            _TITLES[step],
            translations,
            notice,
            template=TEMPLATE,
            endpoint=_ENDPOINT,
            csrf_token=state.csrf_token,
            typed=keep_typed(request.form, notice),
            return_origin=state.return_origin,
            **values,
        )
        return html, notice.status, dict(notice.headers)


def _enroll(state: VerifySession, grant: Grant) -> Enrollment:
    """Create a factor, and put what the page shows of it into the session.

    Raises:
        InvalidFactor: The application chose a name that cannot be shown.
        RateLimited: The identity or the requester had too many enrollments.
    """
    app, link = context.get_dependencies(), grant.link
    created = app.authenticators.enroll(
        FactorRequest(
            service=app.auth_service,
            identity=link.identity,
            friendly_name=link.name or link.identity,
            issuer=service_totp.issuer_of(app.auth_service),
            config=service_totp.config_of(app.auth_service),
            is_authenticator=True,
            client_ip=ANONYMOUS_CLIENT.client_ip(request, None),
        )
    )
    enrollment = Enrollment(
        factor_sid=created.created.factor.sid,
        secret=created.created.secret,
        recovery_codes=[
            recovery_codes.format_code(code) for code in created.recovery_codes
        ],
    )
    grants.store(state.session, grant.with_enrollment(enrollment))
    return enrollment


def _is_active(grant: Grant) -> bool:
    """Return whether the app of the grant's enrollment was activated.

    The grant then enrolls nothing more: a copy of its cookie must add no other app.
    """
    if grant.enrollment is None:
        return False
    factor = _factors_of(grant).get(grant.enrollment.factor_sid)
    return factor is not None and factor.status is FactorStatus.VERIFIED


def _is_of_another_enrollment(grant: Grant) -> bool:
    """Return whether the submitted form is of a QR code that another one replaced.

    Another tab with the same session can have replaced it. A form without the field is
    of an earlier release.
    """
    sid = request.form.get("factor")
    return sid is not None and (
        grant.enrollment is None or grant.enrollment.factor_sid != sid
    )


def _close(
    state: VerifySession, grant: Grant, enrollment: Enrollment
) -> ResponseReturnValue:
    """Store that no more code can activate the factor."""
    closed = replace(enrollment, closed=True)
    grants.store(state.session, grant.with_enrollment(closed))
    return redirect(url_for(_ENDPOINT), 303)


def _check(grant: Grant, config: TotpConfig) -> FactorCheckResult:
    """Check the submitted code of the new factor.

    Raises:
        InvalidCode: It has another number of digits.
    """
    app = context.get_dependencies()
    return app.authenticators.check(
        FactorCheck(
            service=app.auth_service,
            identity=grant.link.identity,
            code=parse_code(config),
            client_ip=ANONYMOUS_CLIENT.client_ip(request, None),
            activates=True,
        )
    )


def _factors_of(grant: Grant) -> dict[str, Factor]:
    """Return the factors of the identity by their SIDs."""
    app = context.get_dependencies()
    try:
        factors = app.factors.list_factors(app.auth_service, grant.link.identity)
    except EntityNotFound:
        return {}
    return {factor.sid: factor for factor in factors}


def _issuer() -> str:
    app = context.get_dependencies()
    return service_totp.issuer_of(app.auth_service) or app.factors.brand


def _account(factor: Factor) -> str:
    """Return the name of the account, as apps show it."""
    return f"{_issuer()}: {factor.friendly_name}"


def _shown(factor: Factor, enrollment: Enrollment) -> dict[str, Any]:
    """Return what the template shows of a factor."""
    secret, config = enrollment.secret, factor.config
    uri = totp.to_uri(
        totp.parse_secret(secret), config, issuer=_issuer(), name=factor.friendly_name
    )
    starts = range(0, len(secret), _GROUP)
    details = f"{config.algorithm.upper()}, {config.code_length}, {config.time_step} s"
    return {
        "uri": uri,
        # It has the SVG elements of segno and no text of a client.
        "qr_code": Markup(qr_codes.to_svg(uri)),  # noqa: S704 - see above
        "key_groups": [secret[start : start + _GROUP] for start in starts],
        "key_details": None if config == TotpConfig(skew=config.skew) else details,
        "account": _account(factor),
        "recovery_codes": enrollment.recovery_codes,
        "code_length": config.code_length,
    }
