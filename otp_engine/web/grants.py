"""What a page link lets one browser do, in its session.

The session is signed and not encrypted, so the grant in it is: it names an identity and
has the secret that the page shows. The store has neither in plain text, and no API
returns a secret twice, so this is the only place where an enrollment can be shown again
until its code is entered.
"""

from __future__ import annotations

from collections.abc import MutableMapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import timedelta
from typing import Any

from flask import g

from otp_engine.api import context
from otp_engine.domain import page_links
from otp_engine.domain.page_links import LinkedPage, PageLink
from otp_engine.domain.phones.numbers import PhoneNumber
from otp_engine.errors import PageLinkExpired

GRANT_TTL = timedelta(minutes=30)
"""How long an opened page can be used: an app may have to be installed first."""

SESSION_KEY = "grant"
_CONTEXT = b"page grant"


@dataclass(frozen=True, slots=True, kw_only=True)
class Enrollment:
    """What the page shows of a new factor until its first code is entered.

    Attributes:
        factor_sid: SID of the factor.
        secret: The secret in Base32.
        recovery_codes: The recovery codes, as people read them.
        closed: Whether no more code can activate it.
    """

    factor_sid: str
    secret: str = field(repr=False)
    recovery_codes: Sequence[str] = field(repr=False)
    closed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """The use of a page by one person.

    Attributes:
        link: The link that the browser opened. Its return target is in the session.
        ends_at: The end of the use, in seconds since 1970.
        enrollment: The enrollment, on the page of enrollments.
    """

    link: PageLink
    ends_at: int
    enrollment: Enrollment | None = None

    def with_enrollment(self, enrollment: Enrollment) -> Grant:
        """Return the grant with an enrollment, which has the name of the account."""
        # Browsers keep 4,096 bytes of a cookie, and the name can have 256.
        return replace(self, link=replace(self.link, name=""), enrollment=enrollment)


def start(link: PageLink) -> Grant:
    """Return the grant of a link that was just opened."""
    ends_at = context.get_dependencies().utcnow() + GRANT_TTL
    # The return target is in the session already.
    return Grant(
        link=replace(link, return_url="", state=""), ends_at=int(ends_at.timestamp())
    )


def for_checks(grant: Grant) -> Grant:
    """Return the grant of the page that checks an authenticator.

    A person who may enroll an app could check its code in any case.
    """
    link = replace(grant.link, page=LinkedPage.VERIFY)
    return replace(grant, link=link, enrollment=None)


def store(session: MutableMapping[str, Any], grant: Grant) -> None:
    """Store *grant* in the session, encrypted with the data key."""
    key = context.get_dependencies().factors.data_keys.get_or_create()
    session[SESSION_KEY] = page_links.seal(asdict(grant), key, context=_CONTEXT)


def find(session: MutableMapping[str, Any]) -> Grant | None:
    """Return the grant of the session; None without one, or if it has ended."""
    text = session.get(SESSION_KEY)
    if text is None:
        return None
    app = context.get_dependencies()
    key = app.factors.data_keys.get()
    values = page_links.unseal(text, key, context=_CONTEXT) if key else None
    if values is None or values["ends_at"] <= app.utcnow().timestamp():
        return None
    enrollment = values["enrollment"]
    return Grant(
        link=page_links.from_values(values["link"]),
        ends_at=values["ends_at"],
        enrollment=Enrollment(**enrollment) if enrollment else None,
    )


def require(session: MutableMapping[str, Any], page: LinkedPage) -> Grant:
    """Return the grant of the session for *page*.

    Raises:
        PageLinkExpired: The session has none, or it has ended.
    """
    grant = find(session)
    if grant is None or grant.link.page is not page:
        raise PageLinkExpired
    g.client_name = grant.link.client_name
    return grant


def number_of(grant: Grant) -> PhoneNumber | None:
    """Return the number that the page may send a code to, if the link has one."""
    phone = grant.link.phone
    return context.get_dependencies().parse_international(phone) if phone else None
