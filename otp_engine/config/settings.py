"""The operator's settings as one frozen value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from ipaddress import ip_address
from itertools import chain
from typing import Literal
from urllib.parse import urlsplit

from otp_engine.config import callback_urls, provider_channels
from otp_engine.config.apprise_settings import AppriseSettings
from otp_engine.config.aws_settings import AwsSettings
from otp_engine.config.console_settings import ConsoleSettings
from otp_engine.config.event_webhook import EventWebhookSettings
from otp_engine.config.plugin_settings import PluginSettings
from otp_engine.config.proxies import Proxy
from otp_engine.config.service_webhooks import ServiceWebhookSettings
from otp_engine.config.telegram_settings import TelegramSettings
from otp_engine.config.twilio_channels import TwilioCalls, TwilioWhatsApp
from otp_engine.config.verify_page import VerifyPageSettings
from otp_engine.config.webhook_settings import REPORT_PATH, WebhookSettings
from otp_engine.crypto.api_keys import ApiKey
from otp_engine.crypto.argon2 import Argon2Parameters
from otp_engine.crypto.factor_keys import FactorKey
from otp_engine.crypto.pepper import Pepper
from otp_engine.domain.email_addresses import EmailAddress
from otp_engine.domain.messages.contents import TextDefaults
from otp_engine.domain.models import Channel
from otp_engine.domain.money.prices import Prices
from otp_engine.domain.policy.policy import Policy
from otp_engine.domain.routing.routes import Routes
from otp_engine.domain.routing.steps import Step
from otp_engine.domain.sandbox_numbers import SandboxNumber
from otp_engine.domain.services import Service

TWILIO_WEBHOOK_PATH = "/callbacks/twilio"
"""The path that Twilio posts delivery reports to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TwilioSettings:
    """How to connect to Twilio's Messaging API.

    Attributes:
        account_sid: SID of the account.
        username: SID of the account or of an API key.
        password: The auth token of the account, or the secret of the API key.
        service: SID of the Messaging Service that messages are sent from, or None.
        from_: The number or sender ID that messages are sent from without a Messaging
            Service.
        whatsapp: How messages are sent on WhatsApp; None without that channel.
        calls: How calls are placed; None without that channel.
        feedback: Whether Twilio receives feedback on the messages with an entered code.
        base_url: Base URL of a compatible API; None means Twilio's.
        token: The auth token of the account, which signs delivery reports.
        region: Region of Twilio that processes the requests; None means its default.
        edge: Location at which requests enter Twilio's network; None as for the region.
        proxy: The proxy for the requests; None for direct connections.
    """

    account_sid: str
    username: str
    password: str = field(repr=False)
    service: str | None
    from_: str | None
    base_url: str | None
    token: str | None = field(default=None, repr=False)
    region: str | None = None
    edge: str | None = None
    proxy: Proxy | None = None
    whatsapp: TwilioWhatsApp | None = None
    calls: TwilioCalls | None = None
    feedback: bool = True

    @property
    def channels(self) -> tuple[Channel, ...]:
        """The channels that these settings have, text messages first."""
        configured = {
            Channel.SMS: self.service or self.from_,
            Channel.WHATSAPP: self.whatsapp,
            Channel.CALL: self.calls,
        }
        return tuple(channel for channel, found in configured.items() if found)


@dataclass(frozen=True, slots=True, kw_only=True)
class SmtpSettings:
    """How to connect to the mail server, and who sends.

    Attributes:
        host: Its name or IP address.
        port: Its port.
        tls: `implicit` from the first byte, `starttls` by a command, or `off`.
        username: The user name; empty without a login.
        password: The password.
        sender: The address that messages are sent from.
        sender_name: The name with that address; may be empty.
    """

    host: str
    port: int
    tls: Literal["implicit", "starttls", "off"]
    username: str = ""
    password: str = field(default="", repr=False)
    sender: EmailAddress
    sender_name: str = ""

    @property
    def is_test_server(self) -> bool:
        """Whether the server is on this machine or in its stack, and is open.

        An open server elsewhere, such as the relay of a company, has real recipients.
        """
        is_near = is_loopback(self.host) or {".", ":"}.isdisjoint(self.host)
        return is_near and self.tls == "off" and not self.username


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """All settings from the environment, validated.

    Attributes:
        dev: Dev mode: defaults for trying the service, and nothing is required.
        redis_url: URL of Redis; None means the embedded store, in dev mode only.
        redis_timeout: Timeout of a Redis command.
        redis_replicas: Number of replicas that must confirm a write.
        shared_slots: Number of Cluster slots of shared limits.
        drain_duration: Time between a stop signal and the stop, during which the
            service answers and `/readyz` reports that it is stopping.
        keep_alive: Time that an idle connection stays open, and in which the headers
            of a request must arrive.
        peppers: The current pepper, then the previous one during a rotation.
        factor_keys: The current factor key, then the previous one during a rotation.
            Without any, factors are not configured.
        argon2: Argon2id parameters for codes.
        hash_wait: The longest expected wait of a request for its hash.
        senders: Names of the senders, in order of preference.
        twilio: Twilio account, if there is one.
        smtp: Mail server, if there is one.
        aws: Notify configuration at AWS, if the provider is used.
        telegram: Account of the Telegram Gateway, if the provider is used.
        webhooks: Receivers of the operator that deliver messages.
        plugins: Providers of other Python distributions.
        apprise: URLs of Apprise, if the provider is used.
        brand: The name in messages.
        default_region: ISO 3166 code of the country of national numbers.
        text_defaults: What decides the text of messages, with the brand.
        currency: The currency of prices and budgets (ISO 4217).
        prices: What messages cost by country and channel.
        api_keys: Keys of clients. Without keys, anonymous clients are accepted.
        metrics_key: Key for `/metrics`. Without one, `/metrics` exists in dev mode
            only.
        console: Who may sign in to the console.
        admin_port: Port of the admin listener; 0 means any free one, and None no such
            listener.
        admin_host: IP address or host name of the admin listener; None means the
            address of the service.
        account_sid: SID of the account that `/v2` serves.
        service: The default service of `/v2`.
        trusted_proxies: Number of proxies that append to `X-Forwarded-For`.
        public_url: URL of this service as clients reach it, without a trailing slash.
        home_url: Where `/` leads browsers; None shows a page of this service.
        callback_url: URL of this service as providers reach it, without a trailing
            slash; None means `public_url`.
        cors_origins: Origins of pages that may call `/auth` from a browser.
        test_numbers: Numbers with a fixed code that receive no messages.
        verify_page: Settings of the verify page.
        event_webhook: Where events are posted, if anywhere.
        service_webhooks: Which URLs the webhooks of services can have.
        operator: Name of the operator who runs commands; None means user and machine.
        policy: Limits and lifetimes at the start.
        explicit_policy_names: Names of the policy values that the environment sets.
        workers: Number of worker processes on this machine; set by `serve`.
        warnings: Allowed but unsafe settings, a sentence each.
        known_channels: The channels of each provider of the service, for a command
            that reads no settings of providers.
        knows_providers: Whether the providers of the service are known.
    """

    dev: bool
    redis_url: str | None = field(repr=False)
    redis_timeout: timedelta
    redis_replicas: int
    shared_slots: int
    drain_duration: timedelta
    keep_alive: timedelta
    peppers: tuple[Pepper, ...]
    argon2: Argon2Parameters
    hash_wait: timedelta
    senders: tuple[str, ...]
    twilio: TwilioSettings | None
    smtp: SmtpSettings | None
    webhooks: tuple[WebhookSettings, ...]
    plugins: tuple[PluginSettings, ...]
    apprise: AppriseSettings | None
    brand: str
    default_region: str
    text_defaults: TextDefaults
    currency: str
    prices: Prices
    api_keys: tuple[ApiKey, ...]
    metrics_key: ApiKey | None
    admin_port: int | None
    admin_host: str | None
    account_sid: str
    service: Service
    trusted_proxies: int
    public_url: str | None
    home_url: str | None
    callback_url: str | None
    cors_origins: tuple[str, ...]
    test_numbers: tuple[SandboxNumber, ...]
    verify_page: VerifyPageSettings
    event_webhook: EventWebhookSettings | None
    service_webhooks: ServiceWebhookSettings
    operator: str | None
    policy: Policy
    explicit_policy_names: frozenset[str]
    aws: AwsSettings | None = None
    telegram: TelegramSettings | None = None
    workers: int = 1
    warnings: tuple[str, ...] = ()
    factor_keys: tuple[FactorKey, ...] = ()
    known_channels: Mapping[str, tuple[Channel, ...]] | None = None
    knows_providers: bool = True
    console: ConsoleSettings = field(default_factory=ConsoleSettings)

    @property
    def channels_by_provider(self) -> Mapping[str, tuple[Channel, ...]]:
        """The channels of each configured provider, in order of preference."""
        if self.known_channels is not None:
            return self.known_channels
        own = {webhook.name: webhook.channels for webhook in self.webhooks}
        own |= {plugin.name: plugin.channels for plugin in self.plugins}
        own["apprise"] = self.apprise.channels if self.apprise else ()
        own["twilio"] = tuple(self.twilio.channels) if self.twilio else ()
        return provider_channels.by_provider(self.senders, own)

    def route_problems(self, routes: Routes) -> list[str]:
        """Return the problems of routes with the providers, as far as those are known.

        Each one follows the name of a setting or value.
        """
        if not self.knows_providers:
            return []
        return routes.find_problems(self.channels_by_provider)

    @property
    def offered_channels(self) -> tuple[Channel, ...]:
        """The channels that a configured provider has, in the order of `Channel`."""
        offered = set(chain.from_iterable(self.channels_by_provider.values()))
        return tuple(channel for channel in Channel if channel in offered)

    @property
    def steps(self) -> tuple[Step, ...]:
        """Every channel of every configured provider."""
        return tuple(
            Step(channel, name)
            for name, channels in self.channels_by_provider.items()
            for channel in channels
        )

    @property
    def inbox(self) -> bool:
        """Whether `/dev/inbox` shows messages: in dev mode, with no real sender."""
        return self.dev and self.real_sender is None

    @property
    def real_sender(self) -> str | None:
        """The first sender with messages to people, and not to a test server."""
        tests = {"console"}
        # Without a valid URL, that is the problem.
        if self.smtp is None or self.smtp.is_test_server:
            tests.add("smtp")
        return next((name for name in self.senders if name not in tests), None)

    @property
    def has_console(self) -> bool:
        """Whether `/console` exists: with a sign-in, or where the inbox exists."""
        return self.console.has_sign_in or self.inbox

    @property
    def has_metrics(self) -> bool:
        """Whether `/metrics` exists: with a key, or in dev mode."""
        return self.dev or self.metrics_key is not None

    @property
    def public_path(self) -> str:
        """The path of the public URL, such as `/otp`; empty without one."""
        return urlsplit(self.public_url or "").path

    @property
    def twilio_callback_url(self) -> str | None:
        """URL of this service for requests of Twilio, without a trailing slash.

        None if Twilio cannot reach it, or nothing verifies the signatures.
        """
        if not (self.twilio and self.twilio.token):
            return None
        return self.report_url("")

    def report_url(self, path: str) -> str | None:
        """Return the URL for the delivery reports of a provider.

        Args:
            path: The path that the provider posts to.

        Returns:
            The URL; None if providers cannot reach this service.
        """
        base_url = self.callback_url or self.public_url
        if not base_url or callback_urls.find_problem(base_url):
            return None
        return f"{base_url}{path}"

    def webhook_report_url(self, name: str) -> str | None:
        """Return the URL for delivery reports of a webhook receiver.

        Args:
            name: The name of the receiver.

        Returns:
            The URL; None if no setting has that of this service.
        """
        base_url = self.callback_url or self.public_url
        return f"{base_url}{REPORT_PATH}{name}" if base_url else None


def is_loopback(host: str) -> bool:
    """Return whether *host*, a name or an IP address, is the loopback interface."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
