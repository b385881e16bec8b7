"""Verify's resources of push factors and passkeys, which this service does not have.

Verify answers so where a service is not set up for them. The settings of a service for
push and passkeys are stored without an effect.
"""

from __future__ import annotations

from typing import NoReturn

from flask import Blueprint

from otp_engine.api import context
from otp_engine.api.verify_v2 import errors, lookup

bp = Blueprint("unsupported", __name__)

_SERVICE = "/Services/<service>"


@bp.post(f"{_SERVICE}/AccessTokens")
@bp.get(f"{_SERVICE}/AccessTokens/<_sid>")
@bp.post(f"{_SERVICE}/Entities/<_identity>/Challenges/<_sid>/Notifications")
@bp.post(f"{_SERVICE}/Passkeys/Factors")
@bp.post(f"{_SERVICE}/Passkeys/VerifyFactor")
@bp.post(f"{_SERVICE}/Passkeys/Challenges")
@bp.post(f"{_SERVICE}/Passkeys/ApproveChallenge")
def refuse(service: str, _sid: str = "", _identity: str = "") -> NoReturn:
    """Refuse the request.

    Raises:
        TwilioApiError: Always; without such a service it is not found.
    """
    lookup.get_service(context.get_dependencies(), service)
    raise errors.unsupported_feature()
