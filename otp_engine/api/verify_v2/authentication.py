"""Authentication of `/v2`: the account SID, or the SID of one of its API keys."""

from __future__ import annotations

from flask import g, request

from otp_engine.api import context
from otp_engine.api.authentication import Client
from otp_engine.api.verify_v2 import errors
from otp_engine.errors import InvalidRequest, Unauthorized
from otp_engine.parsing import is_sid


def authenticate() -> None:
    """Authenticate the request, and store the client and its account on `flask.g`.

    One deployment is one account. Keys with other names are for `/auth` only, because
    `/v2` can change services. In dev mode, anonymous clients may use any account SID.

    Raises:
        Unauthorized: The client is neither the account nor one of its API keys.
    """
    app = context.get_dependencies()
    client = app.authenticator.authenticate(request)
    g.client_name, g.account, g.client = client.name, app.account_sid, client
    if client.name is None and app.dev:
        g.account = _claimed_account() or app.account_sid
    elif not _is_account_or_key(client.name or ""):
        raise Unauthorized


def client_ip(device_ip: str | None) -> str | None:
    """Return the network address of the person, as limits count it.

    Args:
        device_ip: The address in the parameter `DeviceIp`, if any; see
            `Client.client_ip`.

    Raises:
        TwilioApiError: *device_ip* is not an IP address.
    """
    client: Client = g.client
    try:
        return client.client_ip(request, device_ip)
    except InvalidRequest:
        raise errors.invalid_parameter("DeviceIp") from None


def _is_account_or_key(name: str) -> bool:
    return is_sid(name, "AC") or is_sid(name, "SK")


def _claimed_account() -> str | None:
    name = request.authorization.username if request.authorization else None
    return name if name and is_sid(name, "AC") else None
