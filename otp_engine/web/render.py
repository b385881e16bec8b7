"""Rendering of the verify page."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from http import HTTPStatus
from types import MappingProxyType
from typing import Any

from flask import g, render_template, url_for
from flask.typing import ResponseReturnValue

from otp_engine.api import context
from otp_engine.config.verify_page import PageLinks
from otp_engine.domain.models import Channel
from otp_engine.domain.phones import numbering_plans
from otp_engine.domain.phones.numbers import COUNTRY_WILDCARD, PhoneNumber
from otp_engine.domain.verification_handles import VerificationHandle
from otp_engine.errors import OTPError, Unavailable, VerificationNotFound
from otp_engine.web import grants, notices, page_channels
from otp_engine.web.notices import Kind, Notice
from otp_engine.web.security_headers import EMBEDDER
from otp_engine.web.session import Completed, VerifySession
from otp_engine.web.translations import TRANSLATIONS, Translations

_TITLES = {"number": "title", "code": "code_title", "done": "done_title"}
# A full stop, the danda of Hindi, or the full stop of Chinese and Japanese, which needs
# no space.
_SENTENCE_END = re.compile(r"(?<=[.\u0964]) |(?<=\u3002) ?(?!$)")
_UNITS = ("seconds", "minutes", "hours", "days")
# The United States and its territories: operators of mobile networks there require the
# text about costs where a number is entered.
_WITH_RATES = frozenset({"US", "PR", "VI", "GU", "AS", "MP", COUNTRY_WILDCARD})
# The longest number or code that the page keeps, in characters.
_MAX_INPUT = 64
_NO_QUERY: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifyPage:
    """The page.

    Attributes:
        brand: The name on the page.
        logo: Whether a logo is shown beside the name.
        links: The links to the operator's own pages.
        default_region: ISO 3166 code of the country of numbers without a plus.
        inbox: Whether the inbox shows the messages of this page.
        dev: Whether the page shows a developer why it rejects a return target.
    """

    brand: str
    logo: bool
    links: PageLinks
    default_region: str
    inbox: bool
    dev: bool

    @property
    def examples(self) -> Mapping[str, str]:
        """A number to show beside the field, by the language of the page."""
        allowed = context.get_dependencies().policy.allowed_countries
        return _examples(allowed, self.default_region)

    def consent(self, translations: Translations) -> str:
        """Return what the recipient agrees to with a request."""
        return page_channels.consent(_offered_channels(), self.brand, translations)

    @property
    def rates(self) -> bool:
        """Whether the page states that messages can cost the recipient something."""
        allowed = context.get_dependencies().policy.allowed_countries
        return not _WITH_RATES.isdisjoint(allowed)

    def render(
        self,
        session: VerifySession,
        translations: Translations,
        notice: Notice,
        completed: Completed | None = None,
        typed: Mapping[str, str] | None = None,
    ) -> ResponseReturnValue:
        """Render the step of *session*, or its completion.

        Args:
            session: The state of the person.
            translations: The texts.
            notice: The message about the last request.
            completed: The verification that was just approved, if one was.
            typed: The fields of the form that the person submitted.

        Returns:
            The response.
        """
        handle = _parse_handle(session.handle)
        number = _number_of(handle) if handle else None
        masked = number and number.shown_to_recipient
        channel = _newest_channel(handle, session, notice)
        step = "done" if completed else "code" if masked else "number"
        closed = session.closed if step == "code" else None
        if closed and not notice.text:
            notice = Notice(translations.get(closed))
        default = context.get_dependencies().policy.code_length
        lengths = session.code_lengths or {default}
        html = self.render_step(
            step,
            "title" if closed else _TITLES[step],
            translations,
            notice,
            csrf_token=session.csrf_token,
            authenticator_url=_authenticator_url(session, number),
            sent=masked and page_channels.sent_by(channel, masked, translations),
            is_call=channel is Channel.CALL,
            other_channels=_other_channels(
                number, channel, notice, (typed or {}).get("phone", "")
            ),
            closed=closed,
            code_length=notices.code_length(session, translations, default),
            # With codes of several lengths, no length is that of a complete code.
            complete_length=min(lengths) if len(lengths) == 1 else None,
            resend_after=session.resend_after,
            units={key: translations.forms(key) for key in _UNITS},
            typed=keep_typed(typed or {}, notice),
            completed=completed,
            return_origin=session.return_origin,
        )
        return html, notice.status, dict(notice.headers)

    def guard(
        self,
        show: Callable[[VerifySession, Translations], ResponseReturnValue],
        session: VerifySession,
        translations: Translations,
    ) -> ResponseReturnValue:
        """Return the response of *show*, or the page of its error.

        Args:
            show: Returns a response.
            session: The state of the person.
            translations: The texts.
        """
        try:
            return show(session, translations)
        except OTPError as error:
            return self.render_refusal(error, translations)

    def render_refusal(
        self, error: OTPError, translations: Translations
    ) -> ResponseReturnValue:
        """Render the page without a form, for an error that no form can correct.

        Args:
            error: The error.
            translations: The texts.

        Returns:
            The response.
        """
        notice = notices.for_page(error, translations)
        html = self.render_error(translations, notice)
        return html, notice.status, dict(notice.headers)

    def render_blocked(
        self, translations: Translations, window_link: str
    ) -> ResponseReturnValue:
        """Render a link to the page in a window, for a frame without a cookie.

        Args:
            translations: The texts.
            window_link: The link.

        Returns:
            The response.
        """
        return self.render_step(
            "blocked", "title", translations, Notice(), window_link=window_link
        )

    def render_error(self, translations: Translations, notice: Notice) -> str:
        """Render the page without a form.

        Args:
            translations: The texts.
            notice: The message.

        Returns:
            The HTML.
        """
        return self.render_step("none", "error_title", translations, notice)

    def render_step(  # noqa: PLR0913 - the parts of any page
        self,
        step: str,
        title_key: str,
        translations: Translations,
        notice: Notice,
        *,
        template: str = "verify.html",
        endpoint: str = "verify.page",
        query: Mapping[str, Any] = _NO_QUERY,
        **values: Any,  # noqa: ANN401 - the template decides
    ) -> str:
        """Return the HTML of a step.

        Args:
            step: The name of the step; `none` for a page without a form.
            title_key: The key of its heading.
            translations: The texts.
            notice: The message.
            template: The template of the page.
            endpoint: The view of the page, for links to it in other languages.
            query: The query of those links.
            values: What the template needs besides.
        """
        title = translations.get(title_key)
        failed = notice.text and notice.kind is Kind.ERROR and step != "none"
        return render_template(
            template,
            page=self,
            embedder=g.get(EMBEDDER),
            endpoint=endpoint,
            query=query,
            here=url_for(endpoint, **query),
            step=step,
            translations=translations,
            languages=TRANSLATIONS.values(),
            notice=notice,
            title=title,
            document_title=f"{translations.get('error')}: {title}" if failed else title,
            **values,
        )


@lru_cache(maxsize=8)
def _examples(allowed: frozenset[str], default_region: str) -> dict[str, str]:
    """Return a number of an allowed country for each language, as people write it.

    It is of the country of the language if that is allowed, else of the default region
    or of the first country.
    """
    examples = {}
    for translations in TRANSLATIONS.values():
        country = translations.country or default_region
        if not allowed & {country, COUNTRY_WILDCARD}:
            country = default_region
        if not allowed & {country, COUNTRY_WILDCARD}:
            country = min(allowed)
        example = numbering_plans.example_of(country) or ""
        examples[translations.locale] = example.replace(" ", "\u00a0")
    return examples


def _authenticator_url(
    session: VerifySession, number: PhoneNumber | None
) -> str | None:
    """Return the page of the authenticator, if the message replaces its code."""
    with suppress(OTPError):
        grant = grants.find(session.session)
        if grant and number and grant.link.phone == number.canonical:
            return url_for("verify.page", factor="totp")
    return None


def _offered_channels(number: PhoneNumber | None = None) -> list[Channel]:
    app = context.get_dependencies()
    policy = app.engines.engine_for(number).policy if number else app.policy
    return page_channels.offered(app.phone_channels, policy, number)


def _newest_channel(
    handle: VerificationHandle | None, session: VerifySession, notice: Notice
) -> Channel:
    """Return the channel of the last message, which can be a fallback.

    A fallback leaves after the response of its send, so the session does not have it.

    Args:
        handle: The handle of the verification, if a code was sent.
        session: The state of the person.
        notice: The message about the last request.
    """
    # A service that does not work right now gets no further request.
    if handle is None or notice.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return session.channel
    app, number = context.get_dependencies(), handle.address
    with suppress(VerificationNotFound, Unavailable):
        engine = app.engines.engine_for(number)
        return engine.get_pending(
            number, app.auth_service, handle.verification_id
        ).channel
    return session.channel


def _other_channels(
    number: PhoneNumber | None, used: Channel, notice: Notice, phone: str
) -> list[Channel]:
    """Return the channels of the buttons that send a code another way.

    The number form has none until a send has failed: the route chooses the first one.

    Args:
        number: The number that a code was sent to; None on the number form.
        used: The channel of the last message.
        notice: The message about the last request.
        phone: The number that the person typed.
    """
    left_out = {notice.failed}
    if number:
        left_out.add(used)
    elif notice.failed:
        app = context.get_dependencies()
        number = app.sandbox_numbers.parse(phone, app.default_region)
    else:
        return []
    return [each for each in _offered_channels(number) if each not in left_out]


def split_sentences(text: str) -> list[str]:
    """Return the sentences of *text*, so that lines break between them first."""
    return _SENTENCE_END.split(text)


def keep_typed(form: Mapping[str, str], notice: Notice) -> dict[str, str]:
    """Return what the person typed, by the names of the inputs.

    Args:
        form: The submitted form.
        notice: The message, which decides whether the inputs keep it.
    """
    if not notice.keeps_input:
        return {}
    names = ("phone", "otp", "recovery_code")
    return {name: form.get(name, "")[:_MAX_INPUT] for name in names}


def _parse_handle(text: str | None) -> VerificationHandle | None:
    try:
        return context.get_dependencies().parse_handle(text or "")
    except VerificationNotFound:
        return None


def _number_of(handle: VerificationHandle) -> PhoneNumber | None:
    """Return the number of *handle*, or None if it is not that of a phone."""
    # The page verifies phones only.
    return handle.address if isinstance(handle.address, PhoneNumber) else None
