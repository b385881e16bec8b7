"""One frame of `otp-engine top` as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from otp_engine.domain.limits.limits import WindowUsage
from otp_engine.domain.pumping_guard.rules import Suspension
from otp_engine.operations import event_fields
from otp_engine.operations.recent_traffic import CountryTraffic, Refusals
from otp_engine.operations.traffic import Frame


def to_dict(frame: Frame) -> dict[str, Any]:
    """Return a frame as it is documented."""
    traffic = frame.traffic
    return {
        "at": frame.at.isoformat(),
        "period": round(frame.period.total_seconds()),
        "problem": frame.problem,
        "policy_version": frame.policy_version,
        "sending": bool(frame.policy.sending),
        "guard": str(frame.policy.guard),
        "spent": frame.spent,
        "budget": frame.policy.budget.amount,
        "currency": frame.currency,
        "countries": {
            country: {**_row_to_dict(row), "unproven": frame.unproven.get(country)}
            for country, row in traffic.countries.items()
        },
        "total": _row_to_dict(traffic.total),
        "refused": list(map(_refusals_to_dict, traffic.refusals)),
        "limits": list(map(_usage_to_dict, frame.usage)),
        "suspensions": [
            {**_suspension_to_dict(found), "shadow": frame.is_shadow(found)}
            for found in frame.suspensions
        ],
        "events": list(map(event_fields.to_json_object, traffic.incidents)),
    }


def _refusals_to_dict(rule: Refusals) -> Mapping[str, Any]:
    return {
        "limit": rule.limit,
        "shadow": rule.shadow,
        "count": rule.count,
        "countries": dict(rule.by_country),
    }


def _usage_to_dict(usage: WindowUsage) -> Mapping[str, Any]:
    return {
        "limit": usage.limit_name,
        "identifier": usage.identifier or None,
        "window": str(usage.window),
        "used": usage.used,
        "resets_in": round(usage.resets_in.total_seconds()),
    }


def _suspension_to_dict(suspension: Suspension) -> Mapping[str, Any]:
    return {
        "place": suspension.prefix,
        "level": suspension.level,
        "country": suspension.country,
        "unproven": round(suspension.unproven, 2),
        "until": suspension.until.isoformat(),
        "trips": suspension.trips,
    }


def _row_to_dict(row: CountryTraffic) -> Mapping[str, Any]:
    return asdict(row) | {"conversion": row.conversion}
