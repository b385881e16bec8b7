"""`POST /auth/totp/link`: a link that opens the page for one identity."""

from __future__ import annotations

import secrets
from functools import partial
from http import HTTPStatus
from urllib.parse import urlencode

from flask import Blueprint
from flask.globals import request_ctx
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import NotFound

from otp_engine.api import body as request_body
from otp_engine.api import context, own_url, return_target
from otp_engine.api.authentication import Client
from otp_engine.api.body import Body
from otp_engine.api.context import Dependencies
from otp_engine.api.return_target import ReturnTarget
from otp_engine.api.totp_requests import authenticate, identity_of
from otp_engine.domain.factors.factors import check_name
from otp_engine.domain.page_links import LINK_TTL, LinkedPage, PageLink
from otp_engine.errors import (
    FactorNotFound,
    FactorsNotConfigured,
    InvalidRequest,
)

PATH = "/verify/link"
"""The path that opens a link."""

_EXPIRES_IN = int(LINK_TTL.total_seconds())

bp = Blueprint("page_links", __name__, url_prefix="/auth/totp")


@bp.post("/link")
def create_link() -> ResponseReturnValue:
    """Return a URL of the page for one identity."""
    api, request = context.get_dependencies(), request_ctx.request
    client = authenticate(api, request)
    if not api.verify_page.enabled:
        raise NotFound
    link = _link(api, client, request_body.parse(request))
    if link.page is LinkedPage.VERIFY and link.phone is None:
        # Such a page could check nothing.
        _require_authenticator(api, link.identity)
    return {"url": url_of(api, link), "expires_in": _EXPIRES_IN}, HTTPStatus.CREATED


def url_of(api: Dependencies, link: PageLink) -> str:
    """Return the URL that opens *link*."""
    token = link.encode(api.factors.data_keys.get_or_create())
    query = urlencode({"token": token})
    return f"{own_url.of_request(api.public_url)}{PATH}?{query}"


def _link(api: Dependencies, client: Client, body: Body) -> PageLink:
    """Return the link that a client requests.

    Raises:
        InvalidRequest: A field is missing or not allowed; the first one counts.
        FactorsNotConfigured: The service has no factor key.
    """
    if not api.has_factors:
        raise FactorsNotConfigured
    identity, page = identity_of(body), _page(body)
    parse = partial(api.sandbox_numbers.parse, region=api.default_region)
    number, name = body.get_number("phone", parse), body.get_text("name")
    if page is LinkedPage.ENROLL and number:
        raise InvalidRequest("'phone' is for the page 'verify'.")
    if page is LinkedPage.VERIFY and name:
        raise InvalidRequest("'name' is for the page 'enroll'.")
    target = _return_target(api, body)
    return PageLink(
        id=secrets.token_hex(16),
        page=page,
        service=api.auth_service.sid,
        identity=identity,
        expires_at=int((api.utcnow() + LINK_TTL).timestamp()),
        client_name=client.name,
        name=check_name(name, "name") if name else "",
        phone=number.canonical if number else None,
        return_url=target.url if target else "",
        state=target.state if target else "",
    )


def _page(body: Body) -> LinkedPage:
    name = body.get_text("page")
    if name is None:
        raise request_body.missing("page")
    try:
        return LinkedPage(name)
    except ValueError:
        names = ", ".join(LinkedPage)
        raise InvalidRequest(f"'page' must be one of: {names}.") from None


def _return_target(api: Dependencies, body: Body) -> ReturnTarget | None:
    url, state = body.get_text("return_url"), body.get_text("state")
    if url is None and state is None:
        return None
    if url is None or state is None:
        raise request_body.missing("return_url" if url is None else "state")
    return return_target.build(url, state, api.verify_page.return_origins)


def _require_authenticator(api: Dependencies, identity: str) -> None:
    """Raise `FactorNotFound` if the identity has no authenticator."""
    if api.factors.find_authenticator(api.auth_service, identity) is None:
        raise FactorNotFound
