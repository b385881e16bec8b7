"""`/v2/Services`: a name in the message, a length of codes, and some switches."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from http import HTTPStatus
from typing import Any

from flask import Blueprint, g, request
from flask.typing import ResponseReturnValue

from otp_engine.api import context
from otp_engine.api.verify_v2 import (
    dates,
    errors,
    finding,
    pages,
    parameters,
    sids,
    templates,
    urls,
)
from otp_engine.api.verify_v2.parameters import Parameters
from otp_engine.domain.service import Service

bp = Blueprint("services", __name__)

_ORDINARY_LENGTH = 6
_MOST_SERVICES = 1_000
_Reader = Callable[[str], str | int | bool]

# What is kept for programs that set it, and changes nothing here; with its default.
_KEPT: Mapping[str, tuple[str, _Reader, str | int | bool | None]] = {
    "LookupEnabled": ("lookup_enabled", parameters.switch, False),
    "SkipSmsToLandlines": ("skip_sms_to_landlines", parameters.switch, False),
    "DtmfInputRequired": ("dtmf_input_required", parameters.switch, True),
    "TtsName": ("tts_name", parameters.line(64), None),
    "VerifyEventSubscriptionEnabled": (
        *("verify_event_subscription_enabled", parameters.switch, False),
    ),
    "Push.IncludeDate": ("push.include_date", parameters.switch, False),
    "Push.ApnCredentialSid": ("push.apn_credential_sid", parameters.sid("CR"), None),
    "Push.FcmCredentialSid": ("push.fcm_credential_sid", parameters.sid("CR"), None),
    "Totp.Issuer": ("totp.issuer", parameters.line(64), None),
    "Totp.TimeStep": ("totp.time_step", parameters.whole(20, 60), 30),
    "Totp.CodeLength": ("totp.code_length", parameters.whole(3, 8), 6),
    "Totp.Skew": ("totp.skew", parameters.whole(0, 2), 1),
    "Whatsapp.MsgServiceSid": ("whatsapp.msg_service_sid", parameters.sid("MG"), None),
    "Whatsapp.From": ("whatsapp.from", parameters.line(64), None),
    "Passkeys.RelyingParty.Id": (
        *("passkeys.relying_party.id", parameters.line(253), None),
    ),
    "Passkeys.RelyingParty.Name": (
        *("passkeys.relying_party.name", parameters.line(64), None),
    ),
    "Passkeys.RelyingParty.Origins": (
        *("passkeys.relying_party.origins", parameters.line(1_000), None),
    ),
    "Passkeys.AuthenticatorAttachment": (
        *("passkeys.authenticator_attachment", parameters.line(32), None),
    ),
    "Passkeys.DiscoverableCredentials": (
        *("passkeys.discoverable_credentials", parameters.line(32), None),
    ),
    "Passkeys.UserVerification": (
        *("passkeys.user_verification", parameters.line(32), None),
    ),
}
_LINKS = {
    "verification_checks": "VerificationCheck",
    "verifications": "Verifications",
    "rate_limits": "RateLimits",
    "messaging_configurations": "MessagingConfigurations",
    "entities": "Entities",
    "webhooks": "Webhooks",
    "access_tokens": "AccessTokens",
}


@bp.post("/Services")
def create() -> ResponseReturnValue:
    """Begin a service."""
    given, here = parameters.read(request), context.current()
    given.required("FriendlyName")
    if len(here.services.all()) >= _MOST_SERVICES:
        raise errors.Problem(60200, HTTPStatus.BAD_REQUEST, "Max Services reached")
    sid, now = sids.new("VA"), here.now()
    blank = Service(
        sid=sid,
        space=sid,
        code_length=_ORDINARY_LENGTH,
        warned=False,
        created=now,
        updated=now,
    )
    service = _changed(blank, given)
    here.services.swap(None, service)
    return shape(service), HTTPStatus.CREATED


@bp.get("/Services")
def page() -> ResponseReturnValue:
    """List all services, the default one among them."""
    here = context.current()
    others = [one for one in here.services.all() if one.sid != here.service.sid]
    everyone = [here.service, *others]
    return pages.of(everyone, "services", shape=shape, name=lambda one: one.sid)


@bp.get("/Services/<sid>")
def fetch(sid: str) -> ResponseReturnValue:
    """Say what a service is like."""
    return shape(finding.service(sid))


@bp.post("/Services/<sid>")
def update(sid: str) -> ResponseReturnValue:
    """Change a service; what is out keeps its code and its text."""
    given = parameters.read(request)
    _refuse_default(sid)
    return shape(finding.change(sid, lambda old: _changed(old, given)))


@bp.delete("/Services/<sid>")
def delete(sid: str) -> ResponseReturnValue:
    """End a service; its verifications end by themselves."""
    _refuse_default(sid)
    finding.change(sid, lambda _: None)
    return "", HTTPStatus.NO_CONTENT


def shape(service: Service) -> dict[str, Any]:
    """A service as Verify writes it."""
    policy = context.current().policy
    return {
        "sid": service.sid,
        "account_sid": g.account,
        "friendly_name": service.brand,
        "code_length": service.code_length or policy.code_length,
        "psd2_enabled": False,
        "do_not_share_warning_enabled": service.warned,
        "custom_code_enabled": service.custom_code,
        "default_template_sid": service.template,
        **_kept(service),
        # Not one of Verify's, so it is written where it was asked for only.
        **({"bind_verifications": True} if service.bind else {}),
        "date_created": dates.seconds(service.created),
        "date_updated": dates.seconds(service.updated),
        "url": urls.of("Services", service.sid),
        "links": {
            name: urls.of("Services", service.sid, last)
            for name, last in _LINKS.items()
        },
    }


def _changed(service: Service, given: Parameters) -> Service:
    if given.read("Psd2Enabled", parameters.switch):
        message = "Service does not support this feature"
        raise errors.Problem(60204, HTTPStatus.FORBIDDEN, message)
    new = {
        "brand": given.read("FriendlyName", parameters.friendly_name),
        "code_length": given.read("CodeLength", parameters.whole(4, 10)),
        "custom_code": given.read("CustomCodeEnabled", parameters.switch),
        "bind": given.read("BindVerifications", parameters.switch),
        "warned": given.read("DoNotShareWarningEnabled", parameters.switch),
        "template": given.read("DefaultTemplateSid", templates.known),
    }
    kept = {
        name: given.read(parameter, reader)
        for parameter, (name, reader, _) in _KEPT.items()
    }
    said: dict[str, Any] = {k: value for k, value in new.items() if value is not None}
    said_too = {name: value for name, value in kept.items() if value is not None}
    return replace(
        service,
        **said,
        kept={**service.kept, **said_too},
        updated=context.current().now(),
    )


def _kept(service: Service) -> dict[str, Any]:
    shaped: dict[str, Any] = {}
    for name, _, default in _KEPT.values():
        value = service.kept.get(name, default)
        if name == "totp.issuer":
            value = value or service.brand
        *parents, last = name.split(".")
        place = shaped
        for parent in parents:
            place = place.setdefault(parent, {})
        place[last] = value
    return shaped


def _refuse_default(sid: str) -> None:
    """The environment decides about the default service."""
    if finding.is_default(sid):
        message = "Invalid Service configuration"
        raise errors.Problem(60217, HTTPStatus.BAD_REQUEST, message)
