"""Every key in Redis: its name, what it holds and how long it lives.

    otp:{<phone>}:verification[:<service>]
                                 hash    the live verification; until its last code ends
    otp:{<phone>}:sends          zset    one entry a message; the longest window
    otp:{<phone>}:sends:shadow   zset    those that a limit in shadow would let out
    otp:{<phone>}:failed_checks  zset    one entry a failed check by number; the longest
                                         window
    otp:{<phone>}:consecutive_failures
                                 zset    one entry a failed check of any kind; 30 days
    otp:{<phone>}:provider_rejections
                                 hash    by sender, until when and why a provider
                                         rejects the phone; ten minutes
    otp:{<phone>}:bound          zset    the bound verifications, as SERVICE+ID, with
                                         their end; until the last of them ends
    otp:{<phone>}:approval[:<service>]
                                 string  token of the last approval; a minute
    otp:{shared}:<limit>[:<who>][:shadow]
                                 zset    one entry an event; the longest window
    otp:{<id>}:record            hash    what callers of `/v2` may ask about a
                                         verification later; as long as it lives
    otp:{<message>}:delivery_report
                                 string  a report on a message was heard; a day
    otp:{services}               hash    the services, one text each; for good
    otp:{events}                 stream  what became of codes and the policy; a month,
                                         and so many at most
    otp:{events}:rejected        stream  what was not done; the same
    otp:{policy_versions}        list    signed versions of the policy, newest first;
                                         for good
    otp:{inbox}                  list    in development: messages that never left; a day
    otp:{inbox}:<verification>   string  how one of theirs ended; a day
    otp:{safe_list}              set     phones that are served anyway; for good

A bound verification has `SERVICE+ID` in the place of the service, with its id in
hexadecimal; verifications of numbers for tests have `SERVICE:test`.

`<phone>` and personal `<who>`s are keyed digests. What stands in braces decides the
slot in a Redis Cluster (hash tags, Redis Cluster specification): all about one phone
is in one slot, and all shared limits are in one, so that each script can be atomic.

The fields of a verification, all short enough for Redis to keep the hash packed
(`hash-max-listpack-value`, 64 bytes; unpacked it takes about three times the memory):

    id       16 random bytes, and the salt of every code's hash
    argon2   Argon2id parameters, such as m=19456,t=2,p=1
    checks   the 8-byte idempotency keys of the counted checks, concatenated
    <token>  one field a send, named by its 8-byte token: empty while it is only
             reserved, then the code's 32-byte hash and the time it ends (ms, decimal)
"""

from __future__ import annotations

from otp_engine.domain.limits.limits import LimitHit
from otp_engine.domain.phones.phone_keys import PhoneKey

SHARED_LIMITS = "otp:{shared}"
"""What the keys of all shared limits begin with."""

SERVICES = "otp:{services}"
"""The services, by their sids."""

EVENTS = "otp:{events}"
"""What became of codes, and is not yet forgotten."""

REJECTED_EVENTS = f"{EVENTS}:rejected"
"""What was asked and not done."""

INBOX = "otp:{inbox}"
"""Messages that never left, in development."""

POLICY_VERSIONS = "otp:{policy_versions}"
"""What operators have changed, and so what is live."""

SAFE_LIST = "otp:{safe_list}"
"""Phones that are served whatever their country is."""


def verification(phone: PhoneKey) -> str:
    """Return the key of the live verification of a phone in a service."""
    return _of_service(phone, "verification")


def sends(phone: PhoneKey) -> str:
    """Return the key of the messages to a phone, for all services."""
    return f"otp:{{{phone.digest}}}:sends"


def shadow_sends(phone: PhoneKey) -> str:
    """Return the key of the messages that the limit in shadow mode would allow."""
    return f"otp:{{{phone.digest}}}:sends:shadow"


def failed_checks(phone: PhoneKey) -> str:
    """Return the key of failed checks by number, for all services.

    They count since the last approval by code.
    """
    return f"otp:{{{phone.digest}}}:failed_checks"


def provider_rejections(phone: PhoneKey) -> str:
    """Return the key of the providers' reasons to reject a phone, by sender."""
    return f"otp:{{{phone.digest}}}:provider_rejections"


def consecutive_failures(phone: PhoneKey) -> str:
    """Return the key of failed checks of a phone, bound verifications included.

    They count since the last approval by code, towards `max_consecutive_failures`.
    """
    return f"otp:{{{phone.digest}}}:consecutive_failures"


def bound(phone: PhoneKey) -> str:
    """Return the key of the bound verifications of a phone, for all services."""
    return f"otp:{{{phone.digest}}}:bound"


def approval(phone: PhoneKey) -> str:
    """Return the key of the last approval of a phone in a service."""
    return _of_service(phone, "approval")


def _of_service(phone: PhoneKey, kind: str) -> str:
    name = f"otp:{{{phone.digest}}}:{kind}"
    return f"{name}:{phone.scope}" if phone.scope else name


def record(id: bytes) -> str:
    """What was told about a verification, to be told again."""
    return f"otp:{{{id.hex()}}}:record"


def inbox_status(verification: str) -> str:
    """How a verification of the inbox ended."""
    return f"{INBOX}:{verification}"


def delivery_report(message: str) -> str:
    """That a carrier's report on a message was heard."""
    return f"otp:{{{message}}}:delivery_report"


def shared_limit(charge: LimitHit) -> str:
    """Events that a shared limit counts."""
    name = f"{SHARED_LIMITS}:{charge.limit_name}"
    name = f"{name}:{charge.identifier}" if charge.identifier else name
    return f"{name}:shadow" if charge.limit.in_shadow else name
