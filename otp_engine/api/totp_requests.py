"""What the requests of `/auth/totp` have in common: the client and the identity."""

from __future__ import annotations

from flask import Request, g

from otp_engine.api import body as request_body
from otp_engine.api.authentication import Client
from otp_engine.api.body import Body
from otp_engine.api.context import Dependencies
from otp_engine.domain.factors import identities
from otp_engine.errors import Unauthorized


def authenticate(api: Dependencies, request: Request) -> Client:
    """Return the client, and store its name for the request log.

    An identity is a name of the client, and an anonymous client could use up the
    attempts of a person.

    Raises:
        Unauthorized: The client is anonymous, outside dev mode.
    """
    client = api.authenticator.authenticate(request)
    g.client_name = client.name
    if client.name is None and not api.dev:
        raise Unauthorized
    return client


def identity_of(body: Body) -> str:
    """Return the identity of a request.

    Raises:
        InvalidRequest: It has none, or one that cannot be an identity.
    """
    identity = body.get_text("identity")
    if identity is None:
        raise request_body.missing("identity")
    return identities.parse(identity)
