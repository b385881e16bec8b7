"""Settings of webhook providers: receivers of the operator that deliver messages.

`OTP_WEBHOOKS` lists them as `NAME=URL`. Between the name and the URL can stand their
channels and their options: `n8n:whatsapp+sms:reports=https://n8n.example.com/otp`.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from ipaddress import ip_address, ip_network
from urllib.parse import urlsplit

from otp_engine import parsing
from otp_engine.config import proxies, urls
from otp_engine.config.address_filter import AddressFilter, Network
from otp_engine.config.env_reader import EnvReader
from otp_engine.config.proxies import Proxy
from otp_engine.crypto.webhook_signatures import WebhookSecret
from otp_engine.domain.models import Channel

VARIABLES = ("OTP_WEBHOOKS", "OTP_WEBHOOK_SECRETS", "OTP_WEBHOOK_PRIVATE_NETWORKS")
"""Every variable that `load` reads."""

REPORT_PATH = "/callbacks/webhook/"
"""The path that a receiver posts delivery reports to, before its name."""

RESERVED_NAMES = frozenset(
    {"twilio", "console", "aws", "telegram", "smtp", "apprise", "auto"}
)
"""Names of providers that are no webhooks."""

_FORM = "comma-separated entries such as msg91=https://example.com/otp"
_NAME = re.compile(r"[a-z][a-z0-9_-]{0,31}", re.ASCII)
_URL = re.compile(r"[!-~]{1,2000}", re.ASCII)
# A last label of digits makes a name an IPv4 address, such as 127.1 or 0x7f000001.
_NUMERIC_HOST = re.compile(r"(.*\.)?(0x[0-9a-f]*|[0-9]+)\.?", re.ASCII)
_TOKEN = re.compile(r"[!-~]{1,500}", re.ASCII)
_MAX_SECRETS = 2
_PRIVATE = tuple(
    map(
        ip_network,
        (
            *("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "127.0.0.0/8"),
            *("100.64.0.0/10", "169.254.0.0/16", "::1/128", "fc00::/7", "fe80::/10"),
        ),
    )
)
_LOOPBACK = (ip_network("127.0.0.0/8"), ip_network("::1/128"))


class Preset(StrEnum):
    """The form of the requests to a receiver."""

    SIGNED = "signed"
    """All parts of a message as JSON, and typed answers; see docs/providers.md."""

    FROM_TO_BODY = "from_to_body"
    """An object with `From`, `To` and `Body`; any status of 2xx accepts it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookSettings:
    """A receiver of the operator that delivers messages.

    Attributes:
        name: The name of the provider.
        url: The URL that messages are posted to. It can contain a secret.
        channels: The channels that the receiver delivers, its usual one first.
        preset: The form of the requests.
        has_reports: Whether the receiver reports the delivery of every message.
        secrets: The secrets that sign requests and reports, two during a rotation.
        authorization: The header `Authorization` of the requests, if they have one.
        addresses: The addresses that the host of the URL may have.
        proxy: The proxy for the requests; None for direct connections.
    """

    name: str
    url: str = field(repr=False)
    channels: tuple[Channel, ...]
    preset: Preset = Preset.SIGNED
    has_reports: bool = False
    secrets: tuple[WebhookSecret, ...] = ()
    authorization: str | None = field(default=None, repr=False)
    addresses: AddressFilter = field(default_factory=AddressFilter)
    proxy: Proxy | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Entry:
    """An entry of `OTP_WEBHOOKS`; see `WebhookSettings`."""

    name: str
    url: str = field(repr=False)
    channels: tuple[Channel, ...]
    options: frozenset[str]


@dataclass(frozen=True, slots=True)
class _Credential:
    """An entry of `OTP_WEBHOOK_SECRETS`: a secret, or a header."""

    name: str
    secret: WebhookSecret | None = None
    authorization: str | None = field(default=None, repr=False)


def load(env: EnvReader, *, dev: bool) -> tuple[WebhookSettings, ...]:
    """Load the settings of all webhook providers.

    Args:
        env: The environment variables; collects the problems.
        dev: Dev mode, which allows receivers on the same machine.
    """
    entries = env.get("OTP_WEBHOOKS", _parse_entries, ())
    credentials = env.get("OTP_WEBHOOK_SECRETS", _parse_credentials, ())
    networks = load_private_networks(env, dev=dev)
    # The names of invalid entries cause no second problem.
    known = {entry.name for entry in entries} or set(claimed_names(env))
    if unknown := sorted({item.name for item in credentials} - known):
        env.problems.append(
            f"OTP_WEBHOOK_SECRETS has the names {', '.join(unknown)}, which"
            " OTP_WEBHOOKS does not have"
        )
    webhooks = tuple(_build(entry, credentials, networks, env) for entry in entries)
    for webhook in webhooks:
        env.problems += _find_problems(webhook, networks)
    return webhooks


def claimed_names(env: EnvReader) -> tuple[str, ...]:
    """Return the names in `OTP_WEBHOOKS`, also of entries that are invalid.

    Args:
        env: The environment variables.
    """
    return env.get("OTP_WEBHOOKS", _find_names, ())


def load_private_networks(env: EnvReader, *, dev: bool) -> tuple[Network, ...]:
    """Load the private networks that requests of webhooks may reach.

    Args:
        env: The environment variables; collects the problems.
        dev: Dev mode, which allows the loopback addresses.
    """
    networks = env.get("OTP_WEBHOOK_PRIVATE_NETWORKS", _parse_networks, ())
    return networks + (_LOOPBACK if dev else ())


def parse_url(text: str) -> str:
    """Parse the URL of a receiver. No message contains it: it can have a secret.

    Raises:
        ValueError: The text is no absolute http or https URL, or has a user name, a
            password, or an IPv4 address in another form.
    """
    if not _URL.fullmatch(text):
        raise ValueError("must have URLs in ASCII without spaces")
    try:
        parts = urlsplit(text)
    except ValueError:
        parts = urlsplit("")
    if not urls.find_authority(parts):
        raise ValueError("must have http or https URLs")
    if "@" in parts.netloc or parts.fragment:
        raise ValueError("must have URLs without a user name and without a fragment")
    if _NUMERIC_HOST.fullmatch(host := parts.hostname or "") and not _is_ip(host):
        raise ValueError("must have IP addresses such as 203.0.113.7")
    return text


def _build(
    entry: _Entry,
    credentials: Sequence[_Credential],
    networks: tuple[Network, ...],
    env: EnvReader,
) -> WebhookSettings:
    own = [item for item in credentials if item.name == entry.name]
    headers = [item.authorization for item in own if item.authorization]
    return WebhookSettings(
        name=entry.name,
        url=entry.url,
        channels=entry.channels,
        preset=Preset.FROM_TO_BODY
        if Preset.FROM_TO_BODY in entry.options
        else Preset.SIGNED,
        has_reports="reports" in entry.options,
        secrets=tuple(item.secret for item in own if item.secret),
        authorization=headers[0] if headers else None,
        # Without TLS every machine on the way can read the codes.
        addresses=AddressFilter(networks, allows_public=entry.url.startswith("https:")),
        proxy=proxies.find(entry.url, env),
    )


def _find_problems(
    webhook: WebhookSettings, networks: tuple[Network, ...]
) -> Iterable[str]:
    name, parts = webhook.name, urlsplit(webhook.url)
    host = parts.hostname or ""
    if webhook.preset is Preset.SIGNED and not webhook.secrets:
        yield (
            f"OTP_WEBHOOK_SECRETS has no secret of {name}: `otp-engine keys webhook`"
            f" generates one, as {name}=whsec_..."
        )
    if parts.scheme == "http" and (webhook.proxy or not networks):
        yield (
            f"OTP_WEBHOOKS has an http URL of {name}: use https, because a request"
            " contains the code. Only receivers in OTP_WEBHOOK_PRIVATE_NETWORKS, with"
            " no proxy before them, may have http"
        )
    elif _is_ip(host) and not webhook.addresses.allows(host):
        yield (
            f"OTP_WEBHOOKS has a private address of {name}: list its network in"
            " OTP_WEBHOOK_PRIVATE_NETWORKS"
        )


def _parse_entries(text: str) -> tuple[_Entry, ...]:
    """Parse comma-separated `NAME[:CHANNEL+...[:OPTION+...]]=URL` entries."""
    entries = tuple(map(_parse_entry, parsing.comma_separated(text)))
    if not entries:
        raise ValueError(f"must be {_FORM}")
    if len({entry.name for entry in entries}) < len(entries):
        raise ValueError("must have each name once")
    return entries


def _find_names(text: str) -> tuple[str, ...]:
    entries = parsing.comma_separated(text)
    return tuple(re.split("[:=]", entry)[0].strip() for entry in entries)


def _parse_entry(text: str) -> _Entry:
    head, equals, url = text.partition("=")
    name, *rest = (part.strip() for part in head.split(":"))
    if not equals or not _NAME.fullmatch(name) or len(rest) > 2:  # noqa: PLR2004 - channels and options
        raise ValueError(f"must be {_FORM}")
    if name in RESERVED_NAMES:
        raise ValueError(f"must not use the reserved name {name}")
    channels, options = (*rest, "", "")[:2]
    names = tuple(filter(None, channels.split("+"))) or (Channel.SMS,)
    if unknown := [item for item in names if item not in list(Channel)]:
        if not unknown[0].isalnum():
            # A URL without a name before it, up to its first `=`; it can be a secret.
            raise ValueError(f"must be {_FORM}")
        raise ValueError(
            f"must have only channels of {', '.join(Channel)}: {unknown[0]!r}"
        )
    chosen = frozenset(filter(None, options.split("+")))
    known = {Preset.FROM_TO_BODY.value, "reports"}
    if chosen - known:
        raise ValueError(f"must have only options of {', '.join(sorted(known))}")
    if chosen == known:
        raise ValueError("must not have reports of a from_to_body receiver")
    return _Entry(
        name=name,
        url=parse_url(url.strip()),
        channels=tuple(map(Channel, dict.fromkeys(names))),
        options=chosen,
    )


def _parse_credentials(text: str) -> tuple[_Credential, ...]:
    """Parse comma-separated `NAME=SECRET` entries."""
    entries = tuple(map(_parse_credential, parsing.comma_separated(text)))
    for name, own in _group(entries).items():
        secrets = [item.secret for item in own if item.secret]
        if len(secrets) > _MAX_SECRETS or len(own) - len(secrets) > 1:
            raise ValueError(
                f"must have at most {_MAX_SECRETS} secrets and one header of {name}"
            )
        if len({secret.key for secret in secrets}) < len(secrets):
            raise ValueError(f"must have each secret of {name} once")
    return entries


def _parse_credential(text: str) -> _Credential:
    name, equals, value = (part.strip() for part in text.partition("="))
    if not equals or not _NAME.fullmatch(name):
        raise ValueError("must be comma-separated entries such as msg91=whsec_...")
    kind, _, token = value.partition(":")
    if kind == "bearer" and _TOKEN.fullmatch(token):
        return _Credential(name, authorization=f"Bearer {token}")
    if kind == "basic" and _TOKEN.fullmatch(token) and ":" in token:
        login = base64.b64encode(token.encode()).decode()
        return _Credential(name, authorization=f"Basic {login}")
    try:
        return _Credential(name, WebhookSecret.parse(value))
    except ValueError as error:
        raise ValueError(
            f"has an entry of {name} that {error}, or bearer:TOKEN, or"
            " basic:USER:PASSWORD"
        ) from None


def _group(entries: Iterable[_Credential]) -> Mapping[str, list[_Credential]]:
    groups: dict[str, list[_Credential]] = {}
    for entry in entries:
        groups.setdefault(entry.name, []).append(entry)
    return groups


def _parse_networks(text: str) -> tuple[Network, ...]:
    return tuple(map(_parse_network, parsing.comma_separated(text)))


def _parse_network(text: str) -> Network:
    try:
        network = ip_network(text)
    except ValueError:
        raise ValueError(
            f"must be comma-separated networks such as 10.1.0.0/16: {text!r}"
        ) from None
    if not any(
        network.version == private.version and network.subnet_of(private)  # type: ignore[arg-type] # the versions are equal
        for private in _PRIVATE
    ):
        raise ValueError(
            f"must have private networks only, because public addresses are allowed:"
            f" {text!r}"
        )
    return network


def _is_ip(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
