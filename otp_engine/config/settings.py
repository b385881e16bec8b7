"""What an operator decides before the start, as one frozen value."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from ipaddress import ip_address
from urllib.parse import urlsplit

from otp_engine.config.hosted import Hosted
from otp_engine.config.keys import ApiKey
from otp_engine.crypto.argon2 import Argon2Parameters
from otp_engine.crypto.pepper import Pepper
from otp_engine.domain.policy import Policy
from otp_engine.domain.rehearsal import TestNumber

TWILIO_CALLBACK = "/callbacks/twilio"
"""Where Twilio reports what became of messages."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Twilio:
    """How to reach Twilio's Messaging API, and as whom.

    Attributes:
        username: The account's sid, or an API key's.
        password: The account's token, or the API key's secret.
        service: The Messaging Service that the message comes from, or instead of it:
        from_: A number or a sender id.
        base_url: Another base URL of the same API; none is Twilio's own.
        token: The account's token, which signs what Twilio reports.
    """

    account_sid: str
    username: str
    password: str = field(repr=False)
    service: str | None
    from_: str | None
    base_url: str | None
    token: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything from the environment, checked.

    Attributes:
        dev: Development: friendlier defaults, and nothing demanded.
        redis_url: None is the store inside the process, which only dev may have.
        peppers: The current one, and behind it the one before a rotation.
        senders: Names, in order of preference.
        api_keys: With none, anybody may call.
        metrics_key: What a Prometheus must bring; none, and outside of dev there are
            no metrics.
        account_sid: The account that `/v2` answers for.
        service_sid: What `/v2` calls the default service.
        trusted_proxies: How many proxies in front add to `X-Forwarded-For`.
        redis_replicas: How many replicas must have a write before it counts as made.
        drain: How long to go on serving after being asked to stop, while saying so.
        chosen: Names of the policy that the environment has a value for.
        cors_origins: Origins whose pages may call `/auth` from a browser.
        test_numbers: Numbers that get a known code and no message.
        hosted: The pages for people.
        workers: How many processes share this machine's cores; `serve` decides.
        warnings: What is allowed and unwise, a sentence each.
    """

    dev: bool
    redis_url: str | None = field(repr=False)
    redis_timeout: timedelta
    redis_replicas: int
    drain: timedelta
    peppers: tuple[Pepper, ...]
    cost: Argon2Parameters
    senders: tuple[str, ...]
    twilio: Twilio | None
    brand: str
    region: str
    countries: frozenset[str]
    api_keys: tuple[ApiKey, ...]
    metrics_key: ApiKey | None
    account_sid: str
    service_sid: str
    trusted_proxies: int
    public_url: str | None
    cors_origins: tuple[str, ...]
    test_numbers: tuple[TestNumber, ...]
    hosted: Hosted
    policy: Policy
    chosen: frozenset[str]
    workers: int = 1
    warnings: tuple[str, ...] = ()

    @property
    def inbox(self) -> bool:
        """Whether messages can be looked at: in development, where none leaves."""
        return self.dev and self.senders == ("console",)

    @property
    def twilio_callback(self) -> str | None:
        """Where Twilio is to report; none, if it would not, or could not be believed.

        Twilio refuses a message whole if it could not call back: a name with an
        underscore, or one that means something here only.
        """
        url = urlsplit(self.public_url or "")
        reachable = url.scheme == "https" and _is_public(url.hostname or "")
        if not (reachable and self.twilio and self.twilio.token):
            return None
        return f"{self.public_url}{TWILIO_CALLBACK}"


def _is_public(host: str) -> bool:
    try:
        return ip_address(host).is_global
    except ValueError:
        here = host.endswith((".local", ".internal", ".localhost"))
        return "." in host and "_" not in host and not here


def is_loopback(host: str) -> bool:
    """Whether *host*, a name or an address, is this machine only."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
