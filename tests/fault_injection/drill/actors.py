"""What the people and the attackers of the drill do, and what they get."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from enum import StrEnum

MINUTE, HOUR, DAY = 60.0, 3_600.0, 86_400.0


class Api(StrEnum):
    """The way of a request into the service."""

    KEY = "/auth with an API key"
    VERIFY_V2 = "/v2"
    PAGE = "/verify"


@dataclass(frozen=True, slots=True)
class Send:
    """A request for a code.

    Attributes:
        at: Seconds since the start of the day.
        phone: The number in E.164.
        address: The address of the recipient.
        api: The way of the request.
        vouched: Whether the client vouches for the recipient.
    """

    at: float
    phone: str
    address: str
    api: Api = Api.KEY
    vouched: bool = False


@dataclass(frozen=True, slots=True)
class Check:
    """A submission of the last code, or of a wrong one.

    Attributes:
        at: Seconds since the start of the day.
        phone: The number in E.164.
        address: The address of the recipient.
        api: The way of the request.
        right: Whether the code is the last one that was sent.
    """

    at: float
    phone: str
    address: str
    api: Api = Api.KEY
    right: bool = True


@dataclass(frozen=True, slots=True)
class Outcome:
    """The answer of the service.

    Attributes:
        sent: Whether a message was sent.
        approved: Whether the check was approved.
        limited: Whether a limit of the requester refused the request.
        status: The status of the response.
        error: The name of the error, where the API has one.
    """

    sent: bool = False
    approved: bool = False
    limited: bool = False
    status: int = 0
    error: str = ""


Action = Send | Check
Actor = Generator[Action, Outcome, None]


@dataclass(frozen=True, slots=True)
class Role:
    """The person or attacker that an actor stands for.

    Attributes:
        name: A unique name.
        country: ISO 3166 code of the number.
        block: The block of the number.
        attacker: Whether it is the attacker.
        returning: Whether the phone was approved on an earlier day.
    """

    name: str
    country: str = ""
    block: str = ""
    attacker: bool = False
    returning: bool = False
