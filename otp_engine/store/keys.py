"""Every key in Redis: its name, its value and its expiry.

    otp:{<phone>}:verification[:<namespace>]
                                 hash    the live verification; until its last code
                                         expires
    otp:{<phone>}:sends          zset    one entry a message; the longest window
    otp:{<phone>}:sends:shadow   zset    those that a limit in shadow mode would allow
    otp:{<phone>}:failed_checks  zset    one entry a failed check by number; the longest
                                         window
    otp:{<phone>}:consecutive_failures
                                 zset    one entry a failed check of any kind; 30 days
    otp:{<phone>}:provider_rejections
                                 hash    by channel and sender, why and until when a
                                         provider rejects the phone, ten minutes; by
                                         channel, why it does not reach it, 7 days
    otp:{<phone>}:proven         string  messages that a proven phone may have until its
                                         next approval; 90 days after the last one
    otp:{<phone>}:bound          zset    the namespaces of bound verifications, with
                                         their end; until the last of them ends
    otp:{<phone>}:approval[:<namespace>]
                                 string  idempotency key of the last approval; a minute
    otp:{shared}:<limit>[:<identifier>][:shadow]
                                 zset    one entry a hit; the longest window
    <key of a shared limit>:packed
                                 zset    for a large limit, blocks of earlier hits; the
                                         longest window
    otp:{shared}:guard           hash    the pumping guard, with a field for each place;
                                         and what messages cost, in fields with a `$`;
                                         31 days after the last message
    otp:{shared}:provider_health hash
                                         the weights of providers, and what happened to
                                         their messages by minute; three hours after the
                                         last message
    otp:{shared}:charge:<key>    string  what a message was charged; two minutes
    otp:{shared}:credit:<id>     string  an approval was credited; two minutes
    otp:{<id>}:record            hash    what `/v2` returns about a verification later;
                                         as long as its codes can be live
    otp:{<id>}:page_link         hash    the request that has opened a page link; until
                                         the link expires
    otp:{<id>}:console_session   hash    an operator who is signed in to the console; 30
                                         minutes after the last use
    otp:{<verification>}:deliveries
                                 hash    the messages of a verification; until the last
                                         code expires, and a day after a report
    otp:{shared}:due_fallbacks   zset    the deliveries with a fallback, until that has
                                         ended; a day after the last one
    otp:{services}               hash    the services, one text each; no expiry
    otp:{<entity>}:entity        hash    an entity with its factors; no expiry once a
                                         factor is verified or a client has created the
                                         entity itself, before that a week
    otp:{<entity>}:created_factors
                                 zset    one entry a new factor; a day
    otp:{<entity>}:challenge:<id>
                                 hash    a challenge of a factor; a day after it has
                                         expired
    otp:{<entity>}:challenges    zset    the ids of the challenges, by the time at which
                                         they are deleted; until the last of them is
    otp:{<entity>}:challenges:<factor>
                                 zset    one entry a new challenge of a factor; a day
    otp:{factors}:data_key       string  the encrypted data key; no expiry
    otp:{factors}:data_key_fingerprint
                                 string  16 bytes that identify the data key, by which a
                                         lost one is noticed; no expiry
    otp:{factors}:entities:<service>
                                 zset    the entities of a service, by the time of their
                                         creation; no expiry
    otp:{events}                 stream  events, about 100,000 at most; a month
    otp:{events}:unauthenticated stream  events that unauthenticated clients can cause
                                         without limit; the same
    otp:{events}:webhook         hash    how far the event webhook has come; a month
    otp:{events}:webhook:lease   string  the worker that posts; 30 seconds
    otp:{events}:webhook:verifications
                                 hash    by id, what the events of a verification have
                                         contained; an hour after its end
    otp:{events}:webhook:next_looks
                                 zset    the times at which those end; the same
    otp:{policy_versions}        list    signed versions of the policy, newest first;
                                         no expiry
    otp:{inbox}                  list    unsent messages of dev mode; a day
    otp:{inbox}:<verification>   string  the final status of such a verification; a day
    otp:{inbox}:delivery:<id>    hash    the statuses of a message, and their times; a
                                         day
    otp:{inbox}:simulations      hash    the outcome of the next messages by channel; an
                                         hour
    otp:{safe_list}              set     pseudonymized numbers that are allowed whatever
                                         their country; no expiry
    otp:{...}:probe              string  empty, while a script checks the permissions;
                                         ten seconds at most

A log expires up to ten minutes after its longest window: an expiry with a margin is
written less often.

With `OTP_SHARED_SLOTS` the hash tags of shared limits are `{shared:0}`, `{shared:1}`
and so on. The pumping guard stays in `{shared}`.

`<phone>` is a pseudonym of the number, and so is each personal `<identifier>`.
`<verification>` is a pseudonym of the id of a verification, with which its delivery ids
start; or a hash of the provider's id of a message, for a report without a delivery id.
`<entity>` is a pseudonym of a service and an identity.
`<namespace>` is the service. It is `SERVICE+ID`, with the ID in hexadecimal, for a
bound verification, and `SERVICE:test` for a sandbox number.

The part in braces is the hash tag, which decides the slot in a Redis Cluster (Redis
Cluster specification, "Hash tags"). All keys of one phone are in one slot, and so are
all shared limits, so that each script is atomic.

The fields of a verification are short enough for the packed encoding of hashes
(`hash-max-listpack-value`, 64 bytes). The other encoding takes about three times the
memory.

    id       16 random bytes, and the salt of the hash of each code
    argon2   Argon2id parameters, such as m=19456,t=2,p=1
    checks   the 8-byte idempotency keys of the counted checks, concatenated
    <key>    one field a send, named by its 8-byte idempotency key: empty while it is
             only reserved, then the 32-byte hash of its code and the time at which the
             code expires (ms, decimal), with a dot at the end if the pumping guard
             counted the message
    p<key>   empty; the send used one message of a proven phone
    c<key>   the channel of the message; without it, SMS
    f<key>   empty; the send is a fallback

The fields of a delivery are named by the last 16 digits of its id:

    <id>          the record of the delivery, as JSON
    <id>:sent_at  when it was handed over (ms since 1970)
    <id>:status   its rank, its name and its provider, such as `1 sent twilio`
    <id>:expires_at
                  when its code expires (ms since 1970); with a plan only
    <id>:plan     the encrypted plan of its fallback, until that is used
    <id>:mark     the idempotency key of the worker that used it, 8 bytes

The fields of an entity, with times in milliseconds since 1970. Those of a factor start
with its id, 16 bytes:

    id                  16 random bytes
    record              the encrypted service and identity
    created_at, updated_at
    authenticator       the factor that `/auth` checks
    enrolling           the unverified factor that an activation makes the authenticator
    deleted             the id of the factor that was deleted last, and the idempotency
                        key of its deletion, 8 bytes
    <id>:record         the encrypted secret, with what else describes the factor
    <id>:created_at, <id>:updated_at
    <id>:verified_at    without it, the factor is unverified
    <id>:step           the last accepted time step
    <id>:accepted       the last five approved checks: an idempotency key, 8 bytes, and
                        13 digits of time each
    <id>:failures       the failed checks, as `accepted`
    <id>:recovery       the Argon2id parameters, a space, the salt in hexadecimal, a
                        line feed, and the hashes of the recovery codes that are left,
                        32 bytes each
    <id>:recovered      the last five checks that used one, as `accepted`
    <id>:recovery_failures
                        the failed checks of recovery codes, as `accepted`

The fields of a challenge, with times in milliseconds since 1970:

    entity, factor      their ids, 16 bytes each
    record              what else describes the challenge, encrypted
    checks              the 8-byte idempotency keys of the counted checks, concatenated
    created_at, updated_at, expires_at
    responded_at        the time of the approval; without it, it is not approved
    approved_by         the idempotency key of the check that closed it, 8 bytes
"""

from __future__ import annotations

from typing import NamedTuple

from otp_engine.domain.factors.ports import EntityKey
from otp_engine.domain.limits.limits import LimitHit
from otp_engine.domain.phones.phone_keys import PhoneKey

SHARED_LIMITS = "otp:{shared}"
"""Prefix of the keys of all shared limits."""

GUARD = f"{SHARED_LIMITS}:guard"
"""The places of the pumping guard."""

DUE_FALLBACKS = f"{SHARED_LIMITS}:due_fallbacks"
"""The deliveries with a fallback, by the time at which it is due."""

PROVIDER_HEALTH = f"{SHARED_LIMITS}:provider_health"
"""The weights of providers, and the counts that they follow from."""

PACKED = ":packed"
"""Suffix of the key of the packed log of a shared limit, after that of its log."""

SERVICES = "otp:{services}"
"""The services by their SIDs."""

FACTORS = "otp:{factors}"
"""Prefix of the keys that all factors share."""

DATA_KEY = f"{FACTORS}:data_key"
"""The encrypted key of the data of factors."""

DATA_KEY_FINGERPRINT = f"{FACTORS}:data_key_fingerprint"
"""What identifies the data key, also after Redis has lost it."""

EVENTS = "otp:{events}"
"""The stream of events."""

UNAUTHENTICATED_EVENTS = f"{EVENTS}:unauthenticated"
"""The stream of events that unauthenticated clients can cause without limit."""

EVENT_WEBHOOK = f"{EVENTS}:webhook"
"""How far the event webhook has come."""

EVENT_WEBHOOK_LEASE = f"{EVENT_WEBHOOK}:lease"
"""The worker that posts events."""

EVENT_WEBHOOK_VERIFICATIONS = f"{EVENT_WEBHOOK}:verifications"
"""What the event webhook knows of each verification."""

EVENT_WEBHOOK_NEXT_LOOKS = f"{EVENT_WEBHOOK}:next_looks"
"""When each of those expires, or is deleted."""

INBOX = "otp:{inbox}"
"""The messages of dev mode."""

INBOX_SIMULATIONS = f"{INBOX}:simulations"
"""The outcome of the next messages of dev mode, by channel."""

POLICY_VERSIONS = "otp:{policy_versions}"
"""The policy versions, newest first."""

SAFE_LIST = "otp:{safe_list}"
"""Pseudonyms of the numbers that are allowed whatever their country."""


# Each step makes one: a frozen dataclass costs three times as much.
class PhoneKeyNames(NamedTuple):
    """The keys of one phone.

    Attributes:
        verification: The live verification in one namespace.
        approval: The last approval in one namespace.
        sends: The messages to the phone, for all services.
        shadow_sends: The messages that a limit in shadow mode would allow.
        failed_checks: Failed checks by number since the last approval by code, for all
            services.
        consecutive_failures: Failed checks since the last approval by code, bound
            verifications included, towards `max_consecutive_failures`.
        provider_rejections: Rejections of the phone by providers, and the channels that
            do not reach it.
        bound: The bound verifications, for all services.
        proven: The messages that the phone, if it is proven, may have.
    """

    verification: str
    approval: str
    sends: str
    shadow_sends: str
    failed_checks: str
    consecutive_failures: str
    provider_rejections: str
    bound: str
    proven: str


def for_phone(phone: PhoneKey) -> PhoneKeyNames:
    """Return the keys of *phone* in its namespace."""
    prefix = f"otp:{{{phone.digest}}}:"
    suffix = f":{phone.namespace}" if phone.namespace else ""
    return PhoneKeyNames(
        verification=f"{prefix}verification{suffix}",
        approval=f"{prefix}approval{suffix}",
        sends=f"{prefix}sends",
        shadow_sends=f"{prefix}sends:shadow",
        failed_checks=f"{prefix}failed_checks",
        consecutive_failures=f"{prefix}consecutive_failures",
        provider_rejections=f"{prefix}provider_rejections",
        bound=f"{prefix}bound",
        proven=f"{prefix}proven",
    )


def record(id: bytes) -> str:
    """Return the key of the record of a verification."""
    return f"otp:{{{id.hex()}}}:record"


def page_link(id: str) -> str:
    """Return the key of a page link that was opened."""
    return f"otp:{{{id}}}:page_link"


def console_session(digest: str) -> str:
    """Return the key of the session of a token with this digest."""
    return f"otp:{{{digest}}}:console_session"


def inbox_delivery(delivery_id: str) -> str:
    """Return the key of the statuses of a message in the inbox."""
    return f"{INBOX}:delivery:{delivery_id}"


def inbox_status(verification: str) -> str:
    """Return the key of the final status of a verification in the inbox."""
    return f"{INBOX}:{verification}"


def deliveries(tag: str) -> str:
    """Return the key of the deliveries of the verification with this pseudonym."""
    return f"otp:{{{tag}}}:deliveries"


def probe(tag: str) -> str:
    """Return the key of probes of Redis with that hash tag."""
    return f"otp:{{{tag}}}:probe"


def guard_charge(idempotency_key: bytes) -> str:
    """Return the key of what one message was charged."""
    return f"{SHARED_LIMITS}:charge:{idempotency_key.hex()}"


def guard_credit(verification_id: bytes) -> str:
    """Return the key that marks an approval as credited."""
    return f"{SHARED_LIMITS}:credit:{verification_id.hex()}"


def shared_limit(hit: LimitHit, slot: int | None = None) -> str:
    """Return the key of the hits of a shared limit, in one of several slots."""
    prefix = SHARED_LIMITS if slot is None else f"otp:{{shared:{slot}}}"
    name = f"{prefix}:{hit.limit_name}"
    name = f"{name}:{hit.identifier}" if hit.identifier else name
    return f"{name}:shadow" if hit.limit.in_shadow else name


def entity(key: EntityKey) -> str:
    """Return the key of an entity."""
    return f"otp:{{{key.digest}}}:entity"


def challenge(key: EntityKey, id: bytes) -> str:
    """Return the key of a challenge."""
    return f"otp:{{{key.digest}}}:challenge:{id.hex()}"


def challenges(key: EntityKey) -> str:
    """Return the key of the index of the challenges of an entity."""
    return f"otp:{{{key.digest}}}:challenges"


def challenges_of_factor(key: EntityKey, factor_id: bytes) -> str:
    """Return the key of the log of the new challenges of a factor."""
    return f"{challenges(key)}:{factor_id.hex()}"


def created_factors(key: EntityKey) -> str:
    """Return the key of the log of the new factors of an entity."""
    return f"otp:{{{key.digest}}}:created_factors"


def entities(service: str) -> str:
    """Return the key of the index of the entities of a service."""
    return f"{FACTORS}:entities:{service}"
