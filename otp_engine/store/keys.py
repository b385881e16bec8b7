"""Every key in Redis: its name, what it holds and how long it lives.

    otp:{<phone>}:verification[:<service>]
                                 hash    the live verification; until its last code ends
    otp:{<phone>}:sends          zset    one entry a message; the longest window
    otp:{<phone>}:sends:shadow   zset    those that a limit in shadow would let out
    otp:{<phone>}:wrong          zset    one entry a failed check by number; the longest
                                         window
    otp:{<phone>}:failures       zset    one entry a failed check of any kind; 30 days
    otp:{<phone>}:refusal        hash    by sender, until when and why a provider
                                         refuses the phone; ten minutes
    otp:{<phone>}:bound          zset    the bound verifications, as SERVICE+ID, with
                                         their end; until the last of them ends
    otp:{<phone>}:approved[:<service>]
                                 string  token of the last approval; a minute
    otp:{shared}:<limit>[:<who>][:shadow]
                                 zset    one entry an event; the longest window
    otp:{<id>}:record            hash    what callers of `/v2` may ask about a
                                         verification later; as long as it lives
    otp:{<message>}:receipt      string  a report on a message was heard; a day
    otp:{services}               hash    the services, one text each; for good
    otp:{events}                 stream  what became of codes and the policy; a month,
                                         and so many at most
    otp:{events}:refused         stream  what was not done; the same
    otp:{policy}                 list    signed versions of the policy, newest first;
                                         for good
    otp:{inbox}                  list    in development: messages that never left; a day
    otp:{inbox}:<verification>   string  how one of theirs ended; a day
    otp:{safe}                   set     phones that are served anyway; for good

A bound verification has `SERVICE+ID` in the place of the service, with its id in
hexadecimal; verifications of numbers for tests have `SERVICE:test`.

`<phone>` and personal `<who>`s are keyed digests. What stands in braces decides the
slot in a Redis Cluster (hash tags, Redis Cluster specification): all about one phone
is in one slot, and all shared limits are in one, so that each script can be atomic.

The fields of a verification, all short enough for Redis to keep the hash packed
(`hash-max-listpack-value`, 64 bytes; unpacked it takes about three times the memory):

    id       16 random bytes, and the salt of every code's hash
    cost     Argon2id's cost, such as m=19456,t=2,p=1
    paid     the 8-byte tokens of the guesses paid for, one behind the other
    <token>  one field a send, named by its 8-byte token: empty while it is only
             reserved, then the code's 32-byte hash and the time it ends (ms, decimal)
"""

from __future__ import annotations

from otp_engine.domain.limits import Charge

SHARED = "otp:{shared}"
"""What the keys of all shared limits begin with."""

SERVICES = "otp:{services}"
"""The services, by their sids."""

EVENTS = "otp:{events}"
"""What became of codes, and is not yet forgotten."""

REFUSALS = f"{EVENTS}:refused"
"""What was asked and not done."""

INBOX = "otp:{inbox}"
"""Messages that never left, in development."""

POLICY = "otp:{policy}"
"""What operators have changed, and so what is live."""

SAFE = "otp:{safe}"
"""Phones that are served whatever their country is."""


def verification(place: str) -> str:
    """The live verification of a phone in a service."""
    return _of_service(place, "verification")


def sends(place: str) -> str:
    """Messages to a phone, of all services."""
    return f"otp:{{{_phone(place)}}}:sends"


def sends_in_shadow(place: str) -> str:
    """Those that the limit in shadow would have let through."""
    return f"{sends(place)}:shadow"


def wrong(place: str) -> str:
    """Failed checks by number since the last right one, of all services."""
    return f"otp:{{{_phone(place)}}}:wrong"


def refusal(place: str) -> str:
    """Why providers refused a phone, by sender."""
    return f"otp:{{{_phone(place)}}}:refusal"


def failures(place: str) -> str:
    """Failed checks of a phone since the last right one, bound verifications included.

    They count towards `max_consecutive_failures`.
    """
    return f"otp:{{{_phone(place)}}}:failures"


def bound(place: str) -> str:
    """The bound verifications of a phone, of all services."""
    return f"otp:{{{_phone(place)}}}:bound"


def space(place: str) -> str:
    """The service of a place, with the id of a bound verification."""
    return place.partition(":")[2]


def is_bound(place: str) -> bool:
    """Return whether a place is that of a bound verification."""
    return "+" in place


def approved(place: str) -> str:
    """Who closed the last verification of a phone in a service."""
    return _of_service(place, "approved")


def _of_service(place: str, kind: str) -> str:
    _, colon, service = place.partition(":")
    return f"otp:{{{_phone(place)}}}:{kind}{colon}{service}"


def _phone(place: str) -> str:
    return place.partition(":")[0]


def record(id: bytes) -> str:
    """What was told about a verification, to be told again."""
    return f"otp:{{{id.hex()}}}:record"


def inbox_end(verification: str) -> str:
    """How a verification of the inbox ended."""
    return f"{INBOX}:{verification}"


def receipt(message: str) -> str:
    """That a carrier's report on a message was heard."""
    return f"otp:{{{message}}}:receipt"


def shared(charge: Charge) -> str:
    """Events that a shared limit counts."""
    name = f"{SHARED}:{charge.limit_name}"
    name = f"{name}:{charge.counted}" if charge.counted else name
    return f"{name}:shadow" if charge.limit.in_shadow else name
