"""The TLS options of a `REDIS_URL`, named as in the URLs of redis-py."""

from __future__ import annotations

import os
import ssl
from collections.abc import Callable, Mapping
from pathlib import Path

from otp_engine import parsing

OPTIONS = (
    *("ssl_ca_certs", "ssl_ca_path", "ssl_ca_data"),
    *("ssl_certfile", "ssl_keyfile", "ssl_password"),
    *("ssl_cert_reqs", "ssl_check_hostname", "ssl_min_version", "ssl_ciphers"),
)
"""Every option about TLS."""

_FILES = ("ssl_ca_certs", "ssl_certfile", "ssl_keyfile")
# redis-py's URLs have the numbers.
_VERSIONS = {
    "1.2": ssl.TLSVersion.TLSv1_2,
    "1.3": ssl.TLSVersion.TLSv1_3,
    "771": ssl.TLSVersion.TLSv1_2,
    "772": ssl.TLSVersion.TLSv1_3,
}
_VERIFY_MODES = {
    "required": ssl.CERT_REQUIRED,
    "optional": ssl.CERT_OPTIONAL,
    "none": ssl.CERT_NONE,
}
_boolean = parsing.boolean(("true", "yes", "on", "1"), ("false", "no", "off", "0"))


def build_context(options: Mapping[str, str]) -> ssl.SSLContext:
    """Return the TLS context of *options*, for all connections.

    The system's authorities are trusted, and those of the options.

    Args:
        options: The options of the URL; other ones than those of `OPTIONS` are ignored.

    Raises:
        ValueError: An option is not valid, or a file of it cannot be used. The message
            contains no value.
    """
    for name in _FILES:
        if name in options:
            _require_file(name, options[name])
    context = ssl.create_default_context()
    _set_verification(context, options)
    steps: dict[str, Callable[[ssl.SSLContext, Mapping[str, str]], None]] = {
        "ssl_ca_certs, ssl_ca_path or ssl_ca_data": _load_authorities,
        "ssl_certfile, ssl_keyfile or ssl_password": _load_certificate,
        "ssl_ciphers": _set_ciphers,
    }
    for names, step in steps.items():
        try:
            step(context, options)
        except OSError:
            raise ValueError(
                f"has an option that OpenSSL cannot use: {names}"
            ) from None
    return context


def _require_file(name: str, path: str) -> None:
    if not (Path(path).is_file() and os.access(path, os.R_OK)):
        raise ValueError(f"has a file that cannot be read: {name}")


def _set_verification(context: ssl.SSLContext, options: Mapping[str, str]) -> None:
    mode = options.get("ssl_cert_reqs", "required")
    if mode not in _VERIFY_MODES:
        raise ValueError(
            f"must have ssl_cert_reqs as one of {', '.join(_VERIFY_MODES)}"
        )
    try:
        checks_host = _boolean(options.get("ssl_check_hostname", "true"))
    except ValueError:
        raise ValueError("must have ssl_check_hostname as true or false") from None
    # Without a certificate there is no name to check.
    context.check_hostname = checks_host and mode != "none"
    context.verify_mode = _VERIFY_MODES[mode]
    if version := options.get("ssl_min_version"):
        if version not in _VERSIONS:
            raise ValueError("must have ssl_min_version as 1.2 or 1.3")
        context.minimum_version = _VERSIONS[version]


def _load_authorities(context: ssl.SSLContext, options: Mapping[str, str]) -> None:
    path = options.get("ssl_ca_path")
    if path and not Path(path).is_dir():
        raise ValueError("has a directory that cannot be read: ssl_ca_path")
    sources = (options.get("ssl_ca_certs"), path, options.get("ssl_ca_data"))
    if any(sources):
        context.load_verify_locations(*sources)


def _load_certificate(context: ssl.SSLContext, options: Mapping[str, str]) -> None:
    if "ssl_certfile" in options:
        context.load_cert_chain(
            options["ssl_certfile"],
            options.get("ssl_keyfile"),
            # Without a password OpenSSL would read one from the terminal.
            lambda: options.get("ssl_password", ""),
        )
    elif "ssl_keyfile" in options:
        raise ValueError("has ssl_keyfile without ssl_certfile")


def _set_ciphers(context: ssl.SSLContext, options: Mapping[str, str]) -> None:
    if ciphers := options.get("ssl_ciphers"):
        context.set_ciphers(ciphers)
