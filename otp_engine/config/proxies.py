"""The proxy for requests of this service to a provider."""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass, field
from ipaddress import ip_address, ip_network
from urllib.parse import unquote, urlsplit

from otp_engine import parsing
from otp_engine.config import urls
from otp_engine.config.env_reader import EnvReader

VARIABLES = ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "NO_PROXY")
"""Every variable that `find` reads; also in lower case."""

_DEFAULT_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True, kw_only=True)
class Proxy:
    """A proxy for requests of this service.

    Attributes:
        url: Its scheme, host and port.
        login: User name and password, separated by a colon; None without a login.
    """

    url: str
    login: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProxyRules:
    """The proxy of one scheme, for URLs that are known after the start only.

    Attributes:
        proxy: The proxy; None for direct connections.
        excluded: The value of `NO_PROXY`.
    """

    proxy: Proxy | None = None
    excluded: str = ""

    def find(self, url: str) -> Proxy | None:
        """Return the proxy for requests to a URL; None for direct connections."""
        host = urlsplit(url).hostname or ""
        return None if _is_excluded(host, self.excluded) else self.proxy


def load_rules(scheme: str, env: EnvReader) -> ProxyRules:
    """Load the proxy of a scheme, as `find` does for one URL.

    Args:
        scheme: `https` or `http`.
        env: The environment variables; collects the problems.
    """
    return ProxyRules(proxy=_find_proxy(scheme, env), excluded=_load_excluded(env))


def find(url: str, env: EnvReader) -> Proxy | None:
    """Return the proxy for requests to *url*, by the rules of Twilio's SDK.

    It uses `requests`: a variable in lower case precedes, and `ALL_PROXY` is for every
    scheme without a variable of its own.

    Args:
        url: The URL.
        env: The environment variables; collects the problems.

    Returns:
        The proxy; None for direct connections.
    """
    parts = urlsplit(url)
    if _is_excluded(parts.hostname or "", _load_excluded(env)):
        return None
    return _find_proxy(parts.scheme, env)


def _load_excluded(env: EnvReader) -> str:
    return env.get("no_proxy", str, None) or env.get("NO_PROXY", str, "")


def _find_proxy(scheme: str, env: EnvReader) -> Proxy | None:
    for name in (f"{scheme}_proxy", "all_proxy"):
        for variant in (name, name.upper()):
            if proxy := env.get(variant, _parse, None):
                return proxy
    return None


def _is_excluded(host: str, no_proxy: str) -> bool:
    """Return whether *no_proxy* lists *host*, a domain or network of it, or `*`."""
    for entry in parsing.comma_separated(no_proxy.lower()):
        name = re.sub(r":[0-9]+$", "", entry).lstrip(".")
        if entry == "*" or host == name or host.endswith(f".{name}"):
            return True
        with suppress(ValueError):
            if ip_address(host) in ip_network(entry, strict=False):
                return True
    return False


def _parse(text: str) -> Proxy:
    """Parse the URL of a proxy; without a scheme it is http."""
    problem = "must be the http or https URL of a proxy: http://HOST:PORT"
    try:
        parts = urlsplit(text if "://" in text else f"http://{text}")
    except ValueError:
        # The reason would contain the password.
        raise ValueError(problem) from None
    authority = urls.find_authority(parts)
    if not authority or not text.isprintable():
        raise ValueError(problem)
    login = ":".join(unquote(part or "") for part in (parts.username, parts.password))
    if not login.isascii():
        raise ValueError("must have a user name and a password in ASCII")
    host = authority.removesuffix(f":{parts.port}")
    return Proxy(
        url=f"{parts.scheme}://{host}:{parts.port or _DEFAULT_PORTS[parts.scheme]}",
        login=None if login == ":" else login,
    )
