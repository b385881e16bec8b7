"""The facts about a send that a replay of its event needs."""

from __future__ import annotations

from dataclasses import dataclass

from otp_engine.crypto.pepper import Pepper
from otp_engine.domain.limits import ip_networks
from otp_engine.domain.models import DestinationCharge, SendRequest
from otp_engine.errors import LimitExceeded, OTPError


@dataclass(frozen=True, slots=True, kw_only=True)
class CountingTimes:
    """When the store counted a send, by its clock, in milliseconds since 1970.

    A time is 0 if the store did not count the send there, as without such a limit.

    Attributes:
        requester: Time of the requester's limits.
        phone: Time of the phone's limits.
        destination: Time of the limits that all requesters share.
    """

    requester: int = 0
    phone: int = 0
    destination: int = 0


UNCOUNTED = CountingTimes()


@dataclass(frozen=True, slots=True, kw_only=True)
class SendFacts:
    """What a send was counted by; an event omits each default.

    Attributes:
        counted_at: When the last limit counted or refused the send, in milliseconds
            since 1970 by the store's clock; 0 if no limit did.
        requester_ms: Milliseconds by which the requester's limits were earlier.
        phone_ms: Milliseconds by which the phone's limits were earlier.
        client_name: Name of the API key; None for an anonymous client.
        ip_networks: Keyed hashes of the wider IPv6 networks of the client IP.
        bound: Whether the verification is a bound one.
        proven: Whether the phone was approved recently.
        vouched: Whether the client vouches for the recipient.
        exempt: Whether the pumping guard does not apply.
        price: What the message costs, in micro-units; 0 if it was not looked up yet.
    """

    counted_at: int = 0
    requester_ms: int = 0
    phone_ms: int = 0
    client_name: str | None = None
    ip_networks: tuple[str, ...] = ()
    bound: bool = False
    proven: bool = False
    vouched: bool = False
    exempt: bool = False
    price: int = 0

    @classmethod
    def from_request(
        cls,
        request: SendRequest,
        pepper: Pepper,
        times: CountingTimes,
        *,
        charge: DestinationCharge | None = None,
        error: OTPError | None = None,
    ) -> SendFacts:
        """Return the facts about a send.

        Args:
            request: The send.
            pepper: The current pepper.
            times: When the store counted it.
            charge: Its charge at the destination, if there was one.
            error: Its error; that of a limit has the time of the refusal.
        """
        refused_at = error.refused_at if isinstance(error, LimitExceeded) else 0
        counted_at = refused_at or times.destination or times.phone or times.requester
        client_ip = request.client_ip
        networks = ip_networks.wider_networks(client_ip) if client_ip else []
        return cls(
            counted_at=counted_at,
            requester_ms=counted_at - (times.requester or counted_at),
            phone_ms=counted_at - (times.phone or counted_at),
            client_name=request.client_name,
            bound=request.bind or request.bound_id is not None,
            proven=charge.proven if charge else False,
            vouched=request.vouched,
            exempt=charge.exempt if charge else False,
            price=charge.price if charge else 0,
            ip_networks=tuple(
                pepper.pseudonymize("address", network) for network, _ in networks
            ),
        )


NO_FACTS = SendFacts()
"""The facts of a request that is no send, and of events of earlier releases."""
