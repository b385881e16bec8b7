"""Show or delete what is stored about one identity.

The identity is only an input: the output has SIDs and pseudonyms, and no secret.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import click

from otp_engine.cli import event_text
from otp_engine.cli.common import load_with_redis
from otp_engine.cli.factor_keys import (
    read_data_key,
    require_factor_keys,
    service_sids,
)
from otp_engine.cli.policy_context import warned
from otp_engine.cli.terminal import fail, read_input, success
from otp_engine.config import Settings
from otp_engine.domain import sids
from otp_engine.domain.events import RecordedEvent
from otp_engine.domain.factors import identities
from otp_engine.domain.factors.entity_access import authenticator_of
from otp_engine.domain.factors.factor_events import hash_identity
from otp_engine.domain.factors.lockouts import (
    Lockout,
    find_lockout,
    find_recovery_lockout,
)
from otp_engine.domain.factors.ports import EntityKey, StoredEntity, StoredFactor
from otp_engine.domain.factors.records import EntityName
from otp_engine.domain.policy.policy import Policy
from otp_engine.domain.policy.signed_versions import SignedPolicyVersions
from otp_engine.errors import InvalidIdentity
from otp_engine.operations import event_fields
from otp_engine.operations.context import readable_policy
from otp_engine.operations.times import format_time
from otp_engine.store.events.event_filter import EventFilter
from otp_engine.store.redis_store import RedisStore

_RECENT = timedelta(days=1)
_MAX_EVENTS = 20


@dataclass(frozen=True, slots=True)
class _Identity:
    """One identity of one service.

    Attributes:
        settings: The settings of the command.
        store: The store of the service.
        name: The service and the identity.
        key: The key of its entity; None before the first factor of all.
    """

    settings: Settings
    store: RedisStore
    name: EntityName
    key: EntityKey | None

    @property
    def hashes(self) -> list[str]:
        """The `identity_hash` of the identity in events, under each pepper."""
        return [hash_identity(self.name, pepper) for pepper in self.settings.peppers]

    def read(self) -> StoredEntity | None:
        """Return its entity; None without one."""
        return self.store.factors.get_entity(self.key) if self.key else None


def inspect(identity: str, service: str | None, *, as_json: bool) -> None:
    """Print the factors of an identity, and its events of the last day.

    Args:
        identity: The identity; `-` reads it from the standard input.
        service: SID of the service; None for the default one.
        as_json: Whether to print JSON.
    """
    found = _find(identity, service)
    versions = SignedPolicyVersions(found.store.policy_versions, found.settings.peppers)
    policy = warned(readable_policy(found.settings.policy, versions.live_state()))
    entity, now = found.read(), datetime.now(UTC)
    events = _recent_events(found.store, found.hashes)
    if as_json:
        shown = {
            "entity": _entity_to_dict(entity, policy, now) if entity else None,
            "identity_hashes": found.hashes,
            "events": [event_fields.to_json_object(event) for event in events],
        }
        click.echo(json.dumps(shown, indent=2))
        return
    for line in _entity_lines(entity, policy, now):
        click.echo(line)
    click.echo(f"  in events: {', '.join(found.hashes)}")
    if events:
        click.echo("  events of the last day:")
    for event in events:
        click.echo(f"  {event_text.to_text(event)}")


def forget(identity: str, service: str | None) -> None:
    """Delete the entity of an identity, with its factors and challenges.

    Args:
        identity: The identity; `-` reads it from the standard input.
        service: SID of the service; None for the default one.
    """
    found = _find(identity, service)
    entity = found.read()
    if not (entity and found.key and found.store.factors.delete_entity(found.key)):
        fail("there is no data of this identity in this service")
    success(
        f"the entity {sids.entity_sid(entity.id)} is deleted, with"
        f" {_count(len(entity.factors), 'factor')}, their recovery codes, failed checks"
        " and challenges"
    )


def factors_to_dicts(identity: str, service: str | None) -> list[dict[str, Any]]:
    """Return the factors of an identity; without an entity the process ends with 1."""
    found = _find(identity, service)
    entity = found.read()
    if entity is None:
        fail("there is no data of this identity in this service")
    versions = SignedPolicyVersions(found.store.policy_versions, found.settings.peppers)
    policy = warned(readable_policy(found.settings.policy, versions.live_state()))
    return _factors_to_dicts(entity, policy, datetime.now(UTC))


def identity_hashes(text: str, settings: Settings, store: RedisStore) -> list[str]:
    """Return the `identity_hash` of an identity in events, in each service.

    Args:
        text: The identity; `-` reads it from the standard input.
        settings: The settings, which have the peppers.
        store: Their store.
    """
    identity = _parse(text)
    return [
        hash_identity(EntityName(service, identity), pepper)
        for service in service_sids(settings, store)
        for pepper in settings.peppers
    ]


def _parse(text: str) -> str:
    typed = read_input("Identity") if text == "-" else text
    try:
        return identities.parse(typed)
    except InvalidIdentity as error:
        fail(error.message)


def _find(text: str, service: str | None) -> _Identity:
    settings, store = load_with_redis()
    keys = require_factor_keys(settings)
    known = service_sids(settings, store)
    if service is not None and service not in known:
        fail(f"there is no service {service}")
    name = EntityName(service or known[0], _parse(text))
    data_key = read_data_key(store, keys)
    key = name.to_key(data_key) if data_key else None
    return _Identity(settings, store, name, key)


def _recent_events(store: RedisStore, hashes: Sequence[str]) -> list[RecordedEvent]:
    """Return the newest events of an identity, oldest first."""
    tail = store.events.tail(
        datetime.now(UTC) - _RECENT, event_filter=EventFilter(identity_hashes=hashes)
    )
    newest: deque[RecordedEvent] = deque(maxlen=_MAX_EVENTS)
    while recorded := tail.read_next():
        newest += recorded
    return list(newest)


def _entity_to_dict(
    entity: StoredEntity, policy: Policy, now: datetime
) -> dict[str, Any]:
    return {
        "sid": sids.entity_sid(entity.id),
        "created_at": entity.created_at.isoformat(),
        "updated_at": entity.updated_at.isoformat(),
        "factors": _factors_to_dicts(entity, policy, now),
    }


def _factors_to_dicts(
    entity: StoredEntity, policy: Policy, now: datetime
) -> list[dict[str, Any]]:
    authenticator = authenticator_of(entity)
    return [
        {
            "sid": sids.factor_sid(factor.id),
            "status": _status(factor),
            "authenticator": factor is authenticator,
            "created_at": factor.created_at.isoformat(),
            "verified_at": _isoformat(factor.verified_at),
            "last_used_at": _isoformat(_last_used_at(factor)),
            "recovery_codes_left": factor.recovery_codes_left,
            "failed_checks": len(factor.failed_at),
            "locked_until": _isoformat(lockout.until if lockout else None),
            "locked_by": lockout.rule if lockout else None,
            "recovery_codes_locked_until": _isoformat(
                recovery.until if recovery else None
            ),
        }
        for factor in entity.factors
        for lockout in [find_lockout(factor, policy, now)]
        for recovery in [find_recovery_lockout(factor, policy, now)]
    ]


def _entity_lines(
    entity: StoredEntity | None, policy: Policy, now: datetime
) -> Iterator[str]:
    if entity is None:
        yield "no entity of this identity in this service"
        return
    yield f"entity {sids.entity_sid(entity.id)}"
    yield (
        f"  created {format_time(entity.created_at)},"
        f" changed {format_time(entity.updated_at)}"
    )
    if not entity.factors:
        yield "  no factors"
    authenticator = authenticator_of(entity)
    for factor in entity.factors:
        yield from _factor_lines(factor, policy, now, factor is authenticator)


def _factor_lines(
    factor: StoredFactor,
    policy: Policy,
    now: datetime,
    is_authenticator: bool,  # noqa: FBT001 - one of the facts to print
) -> Iterator[str]:
    of_auth = " (authenticator)" if is_authenticator else ""
    yield f"  factor {sids.factor_sid(factor.id)}: {_status(factor)}{of_auth}"
    times = [("created", factor.created_at), ("verified", factor.verified_at)]
    times.append(("last used", _last_used_at(factor)))
    yield "    " + ", ".join(
        f"{name} {format_time(time)}" if time else f"never {name}"
        for name, time in times
    )
    failed = len(factor.failed_at)
    yield (
        f"    {_count(failed, 'failed check')},"
        f" {_count(factor.recovery_codes_left, 'recovery code')} left"
    )
    if lockout := find_lockout(factor, policy, now):
        yield f"    locked {_lockout_text(lockout)}"
    if lockout := find_recovery_lockout(factor, policy, now):
        yield f"    recovery codes locked {_lockout_text(lockout)}"


def _lockout_text(lockout: Lockout) -> str:
    if lockout.until is None:
        return f"until it is deleted ({lockout.rule})"
    return f"until {format_time(lockout.until)} ({lockout.rule})"


def _status(factor: StoredFactor) -> str:
    return "verified" if factor.verified_at else "unverified"


def _last_used_at(factor: StoredFactor) -> datetime | None:
    """Return the start of the last accepted time step."""
    return datetime.fromtimestamp(factor.step, UTC) if factor.step else None


def _isoformat(time: datetime | None) -> str | None:
    return time.isoformat() if time else None


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
