"""Report on one phone, for an operator."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta

from otp_engine.crypto.pepper import Pepper
from otp_engine.domain import addresses
from otp_engine.domain.addresses import Address
from otp_engine.domain.email_addresses import EmailAddress
from otp_engine.domain.limits import hits
from otp_engine.domain.limits.limits import LimitHit, WindowUsage
from otp_engine.domain.messages import delivery_ids
from otp_engine.domain.models import (
    Channel,
    PendingSends,
    PendingVerification,
    ProvenPhone,
)
from otp_engine.domain.phones import phone_keys
from otp_engine.domain.phones.destinations import AllowedDestinations
from otp_engine.domain.phones.phone_keys import PhoneKey
from otp_engine.domain.policy.policy import Policy
from otp_engine.domain.ports import GuardStore, LimitUsageStore, VerificationStore
from otp_engine.domain.pumping_guard.listing import ListedPlace
from otp_engine.domain.pumping_guard.rules import GuardMode
from otp_engine.errors import CountryNotAllowed, NumberTypeNotAllowed


@dataclass(frozen=True, slots=True, kw_only=True)
class NextSend:
    """When the rules of a phone allow its next send through `/auth`.

    Attributes:
        wait: Time until then; zero if it is allowed now.
        rule: The rule that refuses until then; None if it is allowed now.
    """

    wait: timedelta = timedelta()
    rule: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class InspectedVerification:
    """A pending verification, and what its rules still allow.

    Attributes:
        namespace: Its namespace; see `PhoneKey`.
        pending: The verification.
        sends: Its sends.
    """

    namespace: str
    pending: PendingVerification
    sends: PendingSends

    @property
    def is_bound(self) -> bool:
        """Whether it is a bound verification."""
        return "+" in self.namespace

    def refusals(self, policy: Policy) -> list[tuple[timedelta, str]]:
        """List how long each of its rules refuses a send, with the rule."""
        until_end = self.pending.expires_in
        refusals = []
        if self.sends.since_last is not None:
            cooldown = policy.resend_cooldown - self.sends.since_last
            refusals.append((cooldown, "resend_cooldown"))
        if self.sends.count >= policy.max_sends:
            refusals.append((until_end, "max_sends"))
        if self.pending.attempts_used >= policy.checks_allowed(bound=self.is_bound):
            refusals.append((until_end, "max_checks"))
        return refusals


@dataclass(frozen=True, slots=True)
class Exclusion:
    """What refuses every send to a number, by any client.

    Attributes:
        rule: `sending` or `allowed_countries`, a value of the policy; `pumping_guard`;
            `number_type_not_allowed`.
        name: The name in it that refuses: a country, a prefix or a channel; empty for
            the default of `sending` and for a type. Of the guard, the suspended place.
    """

    rule: str
    name: str

    def __str__(self) -> str:
        if self.rule == "pumping_guard":
            return f"the pumping guard has suspended {self.name}"
        if self.rule == "allowed_countries":
            return f"allowed_countries does not have {self.name}"
        if self.rule == "number_type_not_allowed":
            return "no provider sends messages to this kind of number"
        return f"sending has {self.name}=off" if self.name else "sending is off"


_WRONG_TYPE = Exclusion(NumberTypeNotAllowed.error_code, "")


def find_exclusion(
    address: Address, policy: Policy, channels: Sequence[Channel]
) -> Exclusion | None:
    """Return what refuses every send to *address*, if anything does.

    The safe list can exempt a number from `allowed_countries`.

    Args:
        address: Number of the phone, or the e-mail address.
        policy: The policy in force.
        channels: The channels that the configured providers have.
    """
    reaching = [each for each in channels if addresses.can_receive(address, each)]
    off = [
        policy.sending.find_off(
            country=address.country,
            e164=address.canonical,
            channel=channel,
            client_name=None,
        )
        for channel in reaching
    ]
    if off and None not in off:
        return Exclusion("sending", off[0] or "")
    if isinstance(address, EmailAddress):
        return None
    try:
        AllowedDestinations(policy.allowed_countries).check(address)
    except CountryNotAllowed:
        return Exclusion("allowed_countries", address.country)
    except NumberTypeNotAllowed:
        return _WRONG_TYPE
    return None if reaching else _WRONG_TYPE


@dataclass(frozen=True, slots=True)
class PhoneReport:
    """The stored state of a phone.

    Attributes:
        pending: Its pending verifications.
        limit_usage: Usage of each window that counts this phone, its country, a channel
            or all sends.
        proven: The state of a proven phone; None for another one.
        places: What the pumping guard has counted in the places of the number, the
            narrowest first.
        unreachable: The channels that do not reach the phone, and for how long.
    """

    pending: Sequence[InspectedVerification]
    limit_usage: Sequence[WindowUsage]
    proven: ProvenPhone | None = None
    places: Sequence[ListedPlace] = ()
    unreachable: Mapping[Channel, timedelta] = field(default_factory=dict)

    def find_exclusion(
        self, address: Address, policy: Policy, channels: Sequence[Channel]
    ) -> Exclusion | None:
        """Return what refuses every send to this phone, if anything does.

        The safe list and a client that vouches can exempt it from the pumping guard.

        Args:
            address: Number of the phone, or the e-mail address.
            policy: The policy in force.
            channels: The channels that the configured providers have.
        """
        exclusion = find_exclusion(address, policy, channels)
        if exclusion or isinstance(address, EmailAddress):
            return exclusion
        is_on = policy.guard_rules(address.country).mode is GuardMode.ON
        passes = policy.guard_exempt.includes(address) or (
            self.proven and self.proven.messages
        )
        suspended = [listed for listed in self.places if listed.place.is_suspended]
        if not is_on or passes or not suspended:
            return None
        last = max(suspended, key=lambda listed: listed.place.until)
        return Exclusion("pumping_guard", last.prefix)

    def next_send(
        self, policy: Policy, verification: InspectedVerification | None = None
    ) -> NextSend:
        """Return when the rules of this phone allow the next send.

        Limits that other phones share are not included: others can use them up.

        Args:
            policy: The policy in force.
            verification: The verification to resend; None for a new one.
        """
        rules = {"sends_per_phone", "max_consecutive_failures"}
        # A bound verification has its own budget of failed checks.
        if verification is None or not verification.is_bound:
            rules.add("failed_checks_per_phone")
        refusals = [
            (usage.resets_in, usage.limit_name)
            for usage in self.limit_usage
            if usage.limit_name in rules and not usage.window.shadow
        ]
        if verification:
            refusals += verification.refusals(policy)
        wait, rule = max(refusals, default=(timedelta(), ""))
        return NextSend(wait=wait, rule=rule) if wait > timedelta() else NextSend()


@dataclass(frozen=True, slots=True)
class PhoneInspector:
    """Reports on phones and deletes their data; no limit counts its calls."""

    store: VerificationStore
    limit_usage: LimitUsageStore
    guard: GuardStore
    peppers: Sequence[Pepper]
    policy: Policy
    channels: Sequence[Channel] = (Channel.SMS,)

    def inspect(self, address: Address, namespaces: Sequence[str]) -> PhoneReport:
        """Report on a phone or an e-mail address.

        Args:
            address: Number of the phone, or the e-mail address.
            namespaces: Namespaces of the services to report on.

        Raises:
            Unavailable: Redis does not answer.
        """
        phones = self._phones(address)
        pending = [
            InspectedVerification(
                namespace=phone_key.namespace,
                pending=verification,
                sends=self.limit_usage.pending_sends(phone_key),
            )
            for phone in phones
            for phone_key in self._phone_keys(phone, namespaces)
            if (verification := self.store.get_pending(phone_key))
        ]
        usage = [
            window
            for phone in phones
            for window in self.limit_usage.phone_usage(phone, self.policy)
        ]
        global_limits = list(
            dict.fromkeys(
                hit
                for channel in self.channels
                if addresses.reaches(channel, address)
                for hit in hits.for_destination(address, channel, self.policy)
            )
        )
        places = list(address.destination.places.values()) if address.country else []
        proven = [
            state for phone in phones if (state := self.limit_usage.proven(phone))
        ]
        return PhoneReport(
            pending,
            [
                *usage,
                *self.limit_usage.shared_usage(global_limits),
                *self._used_by_calls(address, phones),
                *self.limit_usage.shared_usage(self._mails(address)),
            ],
            proven[0] if proven else None,
            self.guard.read_places(places) if places else (),
            self._unreachable(phones),
        )

    def delete(self, address: Address, namespaces: Sequence[str]) -> bool:
        """Delete the data of a phone or an e-mail address.

        The usage of network addresses, countries and the total does not change.

        Args:
            address: Number of the phone, or the e-mail address.
            namespaces: Namespaces of the services to delete from.

        Returns:
            Whether any data was stored.

        Raises:
            Unavailable: Redis does not answer.
        """
        keys = [self._phone_keys(phone, namespaces) for phone in self._phones(address)]
        for pepper, of_pepper in zip(self.peppers, keys, strict=True):
            self._delete_deliveries(pepper, of_pepper)
        deleted = sum(map(self.limit_usage.delete_phone, keys))
        own_hits = [*self._calls(address), *self._mails(address)]
        return bool(deleted + self.limit_usage.delete_hits(own_hits))

    def _unreachable(self, phones: Sequence[PhoneKey]) -> dict[Channel, timedelta]:
        """Return the channels that do not reach a phone under any of its keys."""
        return {
            channel: wait
            for phone in phones
            for channel, wait in self.limit_usage.unreachable(phone).items()
        }

    def _used_by_calls(
        self, address: Address, phones: Sequence[PhoneKey]
    ) -> list[WindowUsage]:
        """Return the usage of the limits of calls that have counted one."""
        if Channel.CALL not in self.channels or not address.country:
            return []
        calls = dict.fromkeys(
            hit
            for phone in phones
            for hit in hits.for_call(address.country, phone.digest, self.policy)
        )
        return [
            each for each in self.limit_usage.shared_usage(list(calls)) if each.used
        ]

    def _calls(self, address: Address) -> list[LimitHit]:
        """List the hits of calls to a phone, under each pepper."""
        return [
            hit
            for phone in self._phones(address)
            for hit in hits.for_call(address.country, phone.digest, self.policy)
            if hit.limit_name == "calls_per_phone"
        ]

    def _mails(self, address: Address) -> list[LimitHit]:
        """List the hits of e-mails to a mailbox, under each pepper."""
        if not isinstance(address, EmailAddress):
            return []
        return [
            hit
            for pepper in self.peppers
            for hit in hits.for_mailbox(address, pepper, self.policy)
        ]

    def _delete_deliveries(self, pepper: Pepper, phones: Sequence[PhoneKey]) -> None:
        """Delete the deliveries of pending verifications; others expire in a day."""
        for phone in phones:
            if pending := self.store.get_pending(phone):
                tag = delivery_ids.tag(pepper, pending.verification_id)
                self.limit_usage.delete_deliveries(tag)

    def _phones(self, address: Address) -> list[PhoneKey]:
        """List the key of a phone under each pepper."""
        return [
            PhoneKey(phone_keys.pseudonymize(address, pepper))
            for pepper in self.peppers
        ]

    def _phone_keys(self, phone: PhoneKey, namespaces: Sequence[str]) -> list[PhoneKey]:
        """List the keys of all verifications that a phone can have.

        Bound verifications are listed after those of the services.
        """
        in_services = [
            replace(phone, service_namespace=namespace) for namespace in namespaces
        ]
        return [*in_services, *self.limit_usage.bound_keys(phone)]
