"""The `totp` settings of a service: the defaults of its new factors."""

from __future__ import annotations

from typing import cast

from otp_engine.domain.factors.models import TotpConfig
from otp_engine.domain.services import Service

_SHORTEST_CODE = 6


def config_of(service: Service) -> TotpConfig:
    """Return how the codes of a new factor of *service* are computed.

    Services of earlier releases can have a code length of 3 to 5, which counts as 6.
    """
    default = TotpConfig()
    code_length = _stored(service, "code_length", default.code_length)
    return TotpConfig(
        code_length=max(_SHORTEST_CODE, code_length),
        time_step=_stored(service, "time_step", default.time_step),
        skew=_stored(service, "skew", default.skew),
    )


def issuer_of(service: Service) -> str:
    """Return the name of the application in authenticator apps.

    Returns:
        The issuer of the service, or else its brand; empty takes that of the operator.
    """
    return str(service.passthrough.get("totp.issuer") or service.brand or "")


def _stored(service: Service, name: str, default: int) -> int:
    # The parser of the parameter returned a whole number.
    value = service.passthrough.get(f"totp.{name}")
    return default if value is None else cast("int", value)
