"""Settings of the console: who may sign in to it."""

from __future__ import annotations

import re
from dataclasses import dataclass

from otp_engine.config import setting_parsers as parsers
from otp_engine.config.command_settings import operator_name
from otp_engine.config.env_reader import EnvReader
from otp_engine.crypto import api_keys
from otp_engine.crypto.api_keys import MIN_BITS, ApiKey

VARIABLES = ("OTP_CONSOLE_KEY", "OTP_CONSOLE_USER_HEADER")
"""Every variable that `load` reads."""

GENERATE = "`otp-engine keys console NAME`"
"""The command that generates a key."""

# RFC 9110, 5.1, without the characters that WSGI servers treat in different ways.
_HEADER = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,63}", re.ASCII)
# A client or another part of the service chooses them.
_NO_USER_HEADERS = frozenset(
    {
        *("authorization", "cookie", "forwarded", "host", "origin", "referer"),
        *("content-type", "content-length", "user-agent", "x-request-id"),
        *("x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip"),
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsoleSettings:
    """Who may sign in to the console.

    Attributes:
        keys: The keys of operators.
        user_header: The header in which a trusted proxy names the operator that it has
            authenticated; None without such a proxy.
    """

    keys: tuple[ApiKey, ...] = ()
    user_header: str | None = None

    @property
    def has_sign_in(self) -> bool:
        """Whether operators can sign in."""
        return bool(self.keys or self.user_header)


def load(env: EnvReader) -> ConsoleSettings:
    """Load the settings.

    Args:
        env: Reads the variables, and collects their problems.
    """
    return ConsoleSettings(
        keys=env.get("OTP_CONSOLE_KEY", _parse_keys, ()),
        user_header=env.get("OTP_CONSOLE_USER_HEADER", _parse_header, None),
    )


def find_problems(
    settings: ConsoleSettings, clients: tuple[ApiKey, ...], *, proxies: int, dev: bool
) -> list[str]:
    """Return a sentence for each unsafe setting.

    Args:
        settings: The settings.
        clients: The keys of clients.
        proxies: Number of trusted proxies.
        dev: Dev mode, which accepts weak keys.
    """
    problems = []
    if settings.user_header and not proxies:
        problems.append(
            "OTP_CONSOLE_USER_HEADER requires OTP_TRUSTED_PROXIES: without a proxy that"
            " removes the header, every client could name an operator"
        )
    digests = {key.digest for key in clients}
    problems += [
        f"OTP_CONSOLE_KEY has the key of {key.name} in common with OTP_API_KEYS:"
        f" {GENERATE} generates another"
        for key in settings.keys
        if key.digest in digests
    ]
    if not dev:
        problems += [
            f"OTP_CONSOLE_KEY must have secrets of at least {MIN_BITS} bits outside of"
            f" dev mode, and that of {key.name} has fewer: {GENERATE} generates a key"
            for key in settings.keys
            if key.weak
        ]
    return problems


def find_warnings(settings: ConsoleSettings, public_url: str | None) -> list[str]:
    """Return a sentence for each allowed but unsafe setting.

    Args:
        settings: The settings.
        public_url: The URL of this service, if it is set.
    """
    warnings = [
        f"OTP_CONSOLE_KEY: the key of {key.name} has fewer than {MIN_BITS} bits;"
        f" {GENERATE} generates a key"
        for key in settings.keys
        if key.weak
    ]
    if settings.user_header:
        spellings = _spellings(settings.user_header)
        warnings.append(
            f"OTP_CONSOLE_USER_HEADER: the proxy must remove {spellings} from requests"
            " of clients; `otp-engine doctor --url URL` tests that"
        )
    if settings.has_sign_in and (public_url or "").startswith("http:"):
        warnings.append(
            "OTP_PUBLIC_URL is http and the console is on: keys and sessions of"
            " operators are sent in plain text"
        )
    return warnings


def _spellings(header: str) -> str:
    """Return the spellings that WSGI takes for *header*."""
    alias = header.replace("-", "_")
    return header if alias == header else f"{header} and {alias}"


def _parse_keys(text: str) -> tuple[ApiKey, ...]:
    keys = parsers.api_keys(text)
    for key in keys:
        operator_name(key.name)
    if len({key.digest for key in keys}) < len(keys):
        raise ValueError("must have a different secret for each operator")
    return keys


def _parse_header(text: str) -> str:
    if not _HEADER.fullmatch(text) or text.lower() in _NO_USER_HEADERS:
        raise ValueError(
            "must be the name of a header that only the proxy sets, such as"
            " X-Forwarded-Email"
        )
    return text


def is_key_name(name: str) -> bool:
    """Return whether a key of an operator can have this name."""
    try:
        operator_name(name)
    except ValueError:
        return False
    return api_keys.is_valid_name(name)
