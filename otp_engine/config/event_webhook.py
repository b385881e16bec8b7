"""Settings of the event webhook."""

from __future__ import annotations

from dataclasses import dataclass, field

from otp_engine import parsing
from otp_engine.config import proxies, setting_parsers, webhook_settings
from otp_engine.config.address_filter import AddressFilter
from otp_engine.config.env_reader import EnvReader
from otp_engine.config.proxies import Proxy
from otp_engine.crypto.webhook_signatures import WebhookSecret

VARIABLES = (
    "OTP_EVENT_WEBHOOK_URL",
    "OTP_EVENT_WEBHOOK_SECRET",
    "OTP_EVENT_WEBHOOK_NUMBERS",
)
"""Every variable that `load` reads."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EventWebhookSettings:
    """Where events are posted.

    Attributes:
        url: URL of the receiver, which can contain a secret.
        secrets: The secrets that sign the events: the current one, then the previous
            one during a rotation.
        with_numbers: Whether the events contain full numbers and addresses.
        addresses: The addresses that the host of the URL may have.
        proxy: The proxy for the posts; None for direct connections.
    """

    url: str = field(repr=False)
    secrets: tuple[WebhookSecret, ...] = field(repr=False)
    with_numbers: bool = False
    addresses: AddressFilter = field(default_factory=AddressFilter)
    proxy: Proxy | None = None


def load(env: EnvReader, *, dev: bool) -> EventWebhookSettings | None:
    """Load the settings; None without a URL.

    Args:
        env: Reads the variables, and collects their problems.
        dev: Dev mode, which allows a receiver on the same machine.
    """
    url = env.get("OTP_EVENT_WEBHOOK_URL", webhook_settings.parse_url, None)
    secrets = env.get("OTP_EVENT_WEBHOOK_SECRET", parse_secrets, ())
    with_numbers = env.get(
        "OTP_EVENT_WEBHOOK_NUMBERS", setting_parsers.boolean, default=False
    )
    if env.has("OTP_EVENT_WEBHOOK_URL"):
        env.require(
            "OTP_EVENT_WEBHOOK_SECRET",
            why="it signs the events; `otp-engine keys webhook` generates one",
        )
    elif env.has("OTP_EVENT_WEBHOOK_SECRET"):
        env.require("OTP_EVENT_WEBHOOK_URL", why="OTP_EVENT_WEBHOOK_SECRET is set")
    if url is None or not secrets:
        return None
    return EventWebhookSettings(
        url=url,
        secrets=secrets,
        with_numbers=with_numbers,
        # Without TLS every machine on the way can read the events.
        addresses=AddressFilter(
            webhook_settings.load_private_networks(env, dev=dev),
            allows_public=url.startswith("https:"),
        ),
        proxy=proxies.find(url, env),
    )


def parse_secrets(text: str) -> tuple[WebhookSecret, ...]:
    """Parse comma-separated secrets, the current one first."""
    return tuple(map(WebhookSecret.parse, parsing.comma_separated(text)))
