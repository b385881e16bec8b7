"""`/verify/enroll`: enroll an authenticator app with a QR code.

The factor is created when the page is first shown. Until a code activates it, the grant
in the session has what the page shows, so that another load of the page shows the same
QR code.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from flask import Response, redirect, request, url_for
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
from otp_engine.errors import EntityNotFound, OTPError, PageLinkExpired, TooManyTries
from otp_engine.web import grants, notices
from otp_engine.web.actions import complete
from otp_engine.web.factor_checks import TEMPLATE, parse_code
from otp_engine.web.grants import Enrollment, Grant
from otp_engine.web.notices import Notice
from otp_engine.web.render import VerifyPage, keep_typed
from otp_engine.web.session import Completed, VerifySession
from otp_engine.web.translations import Translations

_ENDPOINT = "linked_pages.enroll"
_GROUP = 4  # characters of a secret that stand together
_TITLES = {
    "enroll": "enroll_title",
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
        grant = grants.require(state.session, LinkedPage.ENROLL)
        enrollment = grant.enrollment or _enroll(state, grant)
        factors = _factors_of(grant)
        factor = factors.get(enrollment.factor_sid)
        if factor and factor.status is FactorStatus.VERIFIED:
            # The response to the right code was lost.
            return self._render("done", state, translations, completed=Completed())
        if factor is None or enrollment.closed:
            key = "enroll_replaced" if factor is None else "enroll_closed"
            notice = replace(notice, text=translations.get(key))
            return self._render("again", state, translations, notice)
        return self._render(
            "enroll",
            state,
            translations,
            notice,
            **_shown(factor, enrollment),
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
        grant = grants.require(state.session, LinkedPage.ENROLL)
        if expired := notices.for_expired_form(state, translations):
            return self.show(state, translations, expired)
        match request.form.get("step", ""):
            case "code" if grant.enrollment:
                return self._activate(state, grant, grant.enrollment, translations)
            case "again" if not _is_active(grant):
                _enroll(state, grant)
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
        text = "".join(f"{code}\n" for code in enrollment.recovery_codes)
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
        factor = _factors_of(grant).get(enrollment.factor_sid)
        if factor is None or factor.status is FactorStatus.VERIFIED:
            return redirect(url_for(_ENDPOINT), 303)
        try:
            result = _check(grant, factor.config)
        except OTPError as error:
            if isinstance(error, TooManyTries):
                return _close(state, grant, enrollment)
            notice = notices.for_factor(
                error, translations, code_length=factor.config.code_length
            )
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
        state.clear()
        return self._render("done", state, translations, completed=completed)

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

    The grant then allows nothing more: a copy of its cookie must enroll no other app.
    """
    if grant.enrollment is None:
        return False
    factor = _factors_of(grant).get(grant.enrollment.factor_sid)
    return factor is not None and factor.status is FactorStatus.VERIFIED


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


def _shown(factor: Factor, enrollment: Enrollment) -> dict[str, Any]:
    """Return what the template shows of a factor."""
    secret, config = enrollment.secret, factor.config
    app = context.get_dependencies()
    uri = totp.to_uri(
        totp.parse_secret(secret),
        config,
        issuer=service_totp.issuer_of(app.auth_service) or app.factors.brand,
        name=factor.friendly_name,
    )
    starts = range(0, len(secret), _GROUP)
    details = f"{config.algorithm.upper()}, {config.code_length}, {config.time_step} s"
    return {
        "uri": uri,
        # It has the SVG elements of segno and no text of a client.
        "qr_code": Markup(qr_codes.to_svg(uri)),  # noqa: S704 - see above
        "key_groups": [secret[start : start + _GROUP] for start in starts],
        "key_details": None if config == TotpConfig(skew=config.skew) else details,
        "recovery_codes": enrollment.recovery_codes,
        "code_length": config.code_length,
    }
