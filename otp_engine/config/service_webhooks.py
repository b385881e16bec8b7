"""Settings of the webhooks of services, of which a client of `/v2` chooses the URLs."""

from __future__ import annotations

from dataclasses import dataclass, field
from ipaddress import ip_address
from urllib.parse import urlsplit

from otp_engine.config import proxies, webhook_settings
from otp_engine.config.address_filter import AddressFilter, Network
from otp_engine.config.env_reader import EnvReader
from otp_engine.config.proxies import Proxy, ProxyRules


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceWebhookSettings:
    """Which URLs a webhook of a service can have, and how they are reached.

    Attributes:
        networks: Private networks that posts may reach.
        proxies: The proxy for posts to https URLs.
        dev: Dev mode, in which a URL can be http.
    """

    networks: tuple[Network, ...] = ()
    proxies: ProxyRules = field(default_factory=ProxyRules)
    dev: bool = False

    def parse_url(self, text: str) -> str:
        """Parse the URL of a webhook. No message contains it: it can have a secret.

        A host name is looked up for each post, so its addresses are checked then.

        Raises:
            ValueError: The text is no https URL (http or https in dev mode), has a user
                name, a password or a fragment, or has an IP address that is not
                allowed.
        """
        url = webhook_settings.parse_url(text)
        parts = urlsplit(url)
        if parts.scheme != "https" and not self.dev:
            raise ValueError("must be an https URL")
        host = parts.hostname or ""
        if _is_ip(host) and not self.addresses(url).allows(host):
            raise ValueError("must have a public address")
        return url

    def addresses(self, url: str) -> AddressFilter:
        """Return the addresses that the host of a URL may have.

        Without TLS every machine on the way can read the posts, so an http URL is for
        private networks only.
        """
        is_https = urlsplit(url).scheme == "https"
        return AddressFilter(self.networks, allows_public=is_https)

    def proxy(self, url: str) -> Proxy | None:
        """Return the proxy for posts to a URL; None for direct connections."""
        return self.proxies.find(url) if url.startswith("https:") else None


def load(env: EnvReader, *, dev: bool) -> ServiceWebhookSettings:
    """Load the settings.

    Args:
        env: The environment variables; collects the problems.
        dev: Dev mode, which allows a receiver on the same machine.
    """
    # Without factors nothing is posted, and an unused proxy may have any URL.
    is_used = dev or env.has("OTP_FACTOR_KEY")
    return ServiceWebhookSettings(
        networks=webhook_settings.load_private_networks(env, dev=dev),
        proxies=proxies.load_rules("https", env) if is_used else ProxyRules(),
        dev=dev,
    )


def _is_ip(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
