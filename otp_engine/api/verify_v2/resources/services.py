"""`/v2/Services`: the brand in messages, the length of codes and other options."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from http import HTTPStatus
from typing import Any

from flask import Blueprint, g, request
from flask.typing import ResponseReturnValue

from otp_engine import parsing
from otp_engine.api import context
from otp_engine.api.verify_v2 import errors, lookup, params, wire
from otp_engine.api.verify_v2.pagination import paginate
from otp_engine.api.verify_v2.params import FormParams
from otp_engine.api.verify_v2.resources import templates
from otp_engine.domain import services
from otp_engine.domain.factors import service_totp
from otp_engine.domain.services import Service

bp = Blueprint("services", __name__)

_DEFAULT_CODE_LENGTH = 6
_MAX_SERVICES = 1_000
_Parser = Callable[[str], str | int | bool]
_parse_attachment = parsing.choice(["platform", "cross-platform", "any"])
_parse_preference = parsing.choice(["required", "preferred", "discouraged"])

# Parameters with an effect, and their fields of `Service`.
_FIELDS: Mapping[str, tuple[str, _Parser]] = {
    "FriendlyName": ("brand", services.parse_name),
    "CodeLength": ("code_length", parsing.integer(4, 10)),
    "CustomCodeEnabled": ("custom_code", params.boolean),
    "BindVerifications": ("bind", params.boolean),
    "DoNotShareWarningEnabled": ("do_not_share_warning", params.boolean),
    "DefaultTemplateSid": ("template", templates.parse_sid),
}

# Parameters that are stored and returned, with their defaults. Those of `Totp` are the
# defaults of new factors; the others have no effect.
_PASSTHROUGH: Mapping[str, tuple[str, _Parser, str | int | bool | None]] = {
    "LookupEnabled": ("lookup_enabled", params.boolean, False),
    "SkipSmsToLandlines": ("skip_sms_to_landlines", params.boolean, False),
    "DtmfInputRequired": ("dtmf_input_required", params.boolean, True),
    "TtsName": ("tts_name", params.single_line(64), None),
    "VerifyEventSubscriptionEnabled": (
        *("verify_event_subscription_enabled", params.boolean, False),
    ),
    "Push.IncludeDate": ("push.include_date", params.boolean, False),
    "Push.ApnCredentialSid": ("push.apn_credential_sid", params.sid("CR"), None),
    "Push.FcmCredentialSid": ("push.fcm_credential_sid", params.sid("CR"), None),
    "Totp.Issuer": ("totp.issuer", params.single_line(64), None),
    "Totp.TimeStep": ("totp.time_step", parsing.integer(20, 60), 30),
    "Totp.CodeLength": ("totp.code_length", parsing.integer(6, 8), 6),
    "Totp.Skew": ("totp.skew", parsing.integer(0, 2), 1),
    "Whatsapp.MsgServiceSid": ("whatsapp.msg_service_sid", params.sid("MG"), None),
    "Whatsapp.From": ("whatsapp.from", params.single_line(64), None),
    "Passkeys.RelyingParty.Id": (
        *("passkeys.relying_party.id", params.single_line(253), None),
    ),
    "Passkeys.RelyingParty.Name": (
        *("passkeys.relying_party.name", params.single_line(64), None),
    ),
    "Passkeys.RelyingParty.Origins": (
        *("passkeys.relying_party.origins", params.single_line(1_000), None),
    ),
    "Passkeys.AuthenticatorAttachment": (
        *("passkeys.authenticator_attachment", _parse_attachment, None),
    ),
    "Passkeys.DiscoverableCredentials": (
        *("passkeys.discoverable_credentials", _parse_preference, None),
    ),
    "Passkeys.UserVerification": (
        *("passkeys.user_verification", _parse_preference, None),
    ),
}
# Texts with commas, which bodies contain as arrays.
_ARRAYS = frozenset({"Passkeys.RelyingParty.Origins"})
# The settings of the default service.
_VARIABLES = {
    "FriendlyName": "FriendlyName: set OTP_SERVICE_NAME",
    "CodeLength": "CodeLength: set OTP_SERVICE_CODE_LENGTH",
    "CustomCodeEnabled": "CustomCodeEnabled: set OTP_SERVICE_CUSTOM_CODE",
}
# Those of Verify that exist here.
_LINKS = {
    "verification_checks": "VerificationCheck",
    "verifications": "Verifications",
    "rate_limits": "RateLimits",
    "messaging_configurations": "MessagingConfigurations",
    "entities": "Entities",
    "webhooks": "Webhooks",
}
_PARSERS: Mapping[str, _Parser] = {
    "Psd2Enabled": params.boolean,
    **{parameter: parser for parameter, (_, parser) in _FIELDS.items()},
    **{parameter: parser for parameter, (_, parser, _) in _PASSTHROUGH.items()},
}


@bp.post("/Services")
def create() -> ResponseReturnValue:
    """Create a service."""
    form, app = params.parse(request), context.get_dependencies()
    form.require("FriendlyName")
    if len(app.services.list_services()) >= _MAX_SERVICES:
        raise errors.TwilioApiError(
            60200, HTTPStatus.BAD_REQUEST, "Max Services reached"
        )
    sid, now = wire.generate_sid("VA"), app.utcnow()
    blank = Service(
        sid=sid,
        namespace=sid,
        code_length=_DEFAULT_CODE_LENGTH,
        do_not_share_warning=False,
        created_at=now,
        updated_at=now,
    )
    service = _apply(blank, form)
    app.services.compare_and_set(None, service)
    return serialize(service), HTTPStatus.CREATED


@bp.get("/Services")
def list_() -> ResponseReturnValue:
    """Return all services, including the default one."""
    app = context.get_dependencies()
    others = [
        other for other in app.services.list_services() if other.sid != app.service.sid
    ]
    return paginate(
        [app.service, *others],
        "services",
        serialize=serialize,
        name=lambda service: service.sid,
    )


@bp.get("/Services/<sid>")
def fetch(sid: str) -> ResponseReturnValue:
    """Return a service."""
    return serialize(lookup.get_service(context.get_dependencies(), sid))


@bp.post("/Services/<sid>")
def update(sid: str) -> ResponseReturnValue:
    """Change a service; messages that were sent already stay as they are."""
    form = params.parse(request)
    if lookup.is_default(sid):
        return serialize(_confirm_default(form))
    return serialize(lookup.update_service(sid, lambda old: _apply(old, form)))


@bp.delete("/Services/<sid>")
def delete(sid: str) -> ResponseReturnValue:
    """Delete a service with its entities; its verifications expire."""
    if lookup.is_default(sid):
        raise _defined_by_environment("it cannot be deleted, OTP_SERVICE_SID names it")
    app = context.get_dependencies()
    service = lookup.get_service(app, sid)
    # Before the service, so that the client can repeat a request that fails.
    if app.build_factors:
        app.factors.delete_entities(service, client_name=g.get("client_name"))
    lookup.update_service(sid, lambda _: None)
    return "", HTTPStatus.NO_CONTENT


def serialize(service: Service) -> dict[str, Any]:
    """Return the body of a service."""
    url = wire.resource_url("Services", service.sid)
    return {
        "sid": service.sid,
        "account_sid": g.account,
        "friendly_name": service.brand,
        "code_length": _current(service, "CodeLength"),
        "psd2_enabled": False,
        "do_not_share_warning_enabled": service.do_not_share_warning,
        "custom_code_enabled": service.custom_code,
        "default_template_sid": service.template,
        **_serialize_passthrough(service),
        # Verify has no such field, so it is present only in services that use it.
        **({"bind_verifications": True} if service.bind else {}),
        "date_created": wire.format_seconds(service.created_at),
        "date_updated": wire.format_seconds(service.updated_at),
        "url": url,
        "links": {name: f"{url}/{last}" for name, last in _LINKS.items()},
    }


def _apply(service: Service, form: FormParams) -> Service:
    """Return *service* with the values of *form*."""
    values = _parse(form)
    changes: dict[str, Any] = {
        _FIELDS[parameter][0]: value
        for parameter, value in values.items()
        if parameter in _FIELDS
    }
    passthrough = {
        _PASSTHROUGH[parameter][0]: value
        for parameter, value in values.items()
        if parameter in _PASSTHROUGH
    }
    return replace(
        service,
        **changes,
        passthrough={**service.passthrough, **passthrough},
        updated_at=context.get_dependencies().utcnow(),
    )


def _parse(form: FormParams) -> dict[str, Any]:
    values = form.parse_all(_PARSERS, required=())
    if values.pop("Psd2Enabled", False):
        raise errors.unsupported_feature()
    return values


def _confirm_default(form: FormParams) -> Service:
    """Return the default service, if *form* has the values that it already has.

    Clients that store a whole service send every value again to change one.

    Raises:
        TwilioApiError: A value is not valid, or it would change the service.
    """
    service = context.get_dependencies().service
    if form.get("FriendlyName") == service.brand:
        # A brand can have characters that a new name cannot have.
        form = form.without("FriendlyName")
    changed = [
        _VARIABLES.get(parameter, f"{parameter} has no setting")
        for parameter, value in _parse(form).items()
        if value != _current(service, parameter)
    ]
    if changed:
        raise _defined_by_environment(", ".join(changed))
    return service


def _defined_by_environment(reason: str) -> errors.TwilioApiError:
    message = (
        "Invalid Service configuration: the environment defines the default service"
        f" ({reason})"
    )
    return errors.TwilioApiError(60217, HTTPStatus.BAD_REQUEST, message)


def _current(service: Service, parameter: str) -> str | int | bool | None:
    """Return the value of a parameter that is in force for *service*."""
    value: str | int | bool | None
    if parameter in _FIELDS:
        value = getattr(service, _FIELDS[parameter][0])
    else:
        name, _, default = _PASSTHROUGH[parameter]
        value = service.passthrough.get(name, default)
    if parameter == "CodeLength":
        return value or context.get_dependencies().policy.code_length
    if parameter == "Totp.Issuer":
        return value or service.brand
    if parameter == "Totp.CodeLength":
        return service_totp.config_of(service).code_length
    return value


def _serialize_passthrough(service: Service) -> dict[str, Any]:
    """Return the stored values; a dotted name is a field of a nested object."""
    body: dict[str, Any] = {}
    for parameter, (name, _, _) in _PASSTHROUGH.items():
        *parents, last = name.split(".")
        parent = body
        for key in parents:
            parent = parent.setdefault(key, {})
        value = _current(service, parameter)
        is_array = parameter in _ARRAYS and value is not None
        parent[last] = parsing.comma_separated(str(value)) if is_array else value
    return body
