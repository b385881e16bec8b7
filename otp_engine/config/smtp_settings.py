"""Settings of the mail server, and of the sender of e-mails."""

from __future__ import annotations

import re
from typing import Literal, TypeAlias
from urllib.parse import SplitResult, unquote, urlsplit

from otp_engine.config import urls
from otp_engine.config.env_reader import EnvReader
from otp_engine.config.settings import SmtpSettings, is_loopback
from otp_engine.domain import email_addresses
from otp_engine.domain.email_addresses import EmailAddress
from otp_engine.errors import InvalidEmail

VARIABLES = ("OTP_SMTP_URL", "OTP_SMTP_FROM")
"""Every variable that `load` reads."""

Tls: TypeAlias = Literal["implicit", "starttls", "off"]

# RFC 8314 (3.3) and RFC 6409 (3.1).
_DEFAULT_PORTS = {"smtps": 465, "smtp": 587}
_STARTTLS: dict[str, Tls] = {"starttls=required": "starttls", "starttls=off": "off"}
_SENDER = re.compile(r'"?(?P<name>[^"<>]*?)"? *<(?P<address>[^<>]+)>')
_MAX_NAME_LENGTH = 78


def load(env: EnvReader) -> SmtpSettings | None:
    """Load the settings.

    Args:
        env: The environment variables; collects the problems.

    Returns:
        The settings; None without a server or without a valid sender.
    """
    server = env.get("OTP_SMTP_URL", parse_url, None)
    found = env.get("OTP_SMTP_FROM", parse_sender, None)
    if not server or not found:
        return None
    sender_name, sender = found
    host, port, tls, username, password = server
    return SmtpSettings(
        host=host,
        port=port,
        tls=tls,
        username=username,
        password=password,
        sender=sender,
        sender_name=sender_name,
    )


def parse_url(text: str) -> tuple[str, int, Tls, str, str]:
    """Parse the URL of a mail server, such as `smtps://USER:PASSWORD@HOST`.

    Returns:
        Host, port, TLS, user name and password.

    Raises:
        ValueError: A part is malformed. The message contains no password.
    """
    problem = "must be smtps://USER:PASSWORD@HOST or smtp://USER:PASSWORD@HOST"
    if not text.isprintable() or " " in text:
        raise ValueError("must have no spaces and no control characters")
    try:
        parts = urlsplit(text)
    except ValueError:
        # The reason would contain the password.
        raise ValueError(problem) from None
    host = urls.find_host(parts) if parts.scheme in _DEFAULT_PORTS else None
    if not host or parts.path.strip("/") or "#" in text:
        raise ValueError(f"{problem}, with special characters written as %XX")
    host = host.strip("[]")
    username, password = _parse_login(parts)
    tls = _parse_tls(parts, host)
    if username and tls == "off" and not is_loopback(host):
        raise ValueError(
            "must not send a password without TLS: remove the login, or starttls=off"
        )
    return host, parts.port or _DEFAULT_PORTS[parts.scheme], tls, username, password


def parse_sender(text: str) -> tuple[str, EmailAddress]:
    """Parse the sender of e-mails: an address, or `NAME <ADDRESS>`.

    Returns:
        The name, which may be empty, and the address.

    Raises:
        ValueError: The text has another form.
    """
    match = _SENDER.fullmatch(text)
    name, address = (match["name"].strip(), match["address"]) if match else ("", text)
    if not name.isprintable() or len(name) > _MAX_NAME_LENGTH:
        raise ValueError(f"must have a name of at most {_MAX_NAME_LENGTH} characters")
    try:
        return name, email_addresses.parse(address)
    except InvalidEmail:
        raise ValueError(
            "must be an address, such as codes@example.com or Acme <codes@example.com>"
        ) from None


def _parse_login(parts: SplitResult) -> tuple[str, str]:
    username, password = (
        unquote(part or "") for part in (parts.username, parts.password)
    )
    login = username + password
    if not login.isascii() or not login.isprintable():
        raise ValueError("must have a user name and a password in printable ASCII")
    if bool(username) != bool(password):
        raise ValueError("must have a user name and a password, or neither")
    return username, password


def _parse_tls(parts: SplitResult, host: str) -> Tls:
    if parts.scheme == "smtps":
        if parts.query:
            raise ValueError("must have no options: smtps:// always uses TLS")
        return "implicit"
    if not parts.query:
        return "off" if is_loopback(host) else "starttls"
    if parts.query not in _STARTTLS:
        raise ValueError(f"must have no option but {' or '.join(_STARTTLS)}")
    return _STARTTLS[parts.query]
