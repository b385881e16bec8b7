"""Secret settings, each set as a variable or as the path of a file.

A secret in the environment is readable in `/proc/PID/environ` and in the description
of a container. A file keeps it out of both.
"""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from pathlib import Path

from otp_engine import parsing

SECRETS = (
    "REDIS_URL",
    "OTP_PEPPER",
    "OTP_PEPPER_PREVIOUS",
    "OTP_FACTOR_KEY",
    "OTP_FACTOR_KEY_PREVIOUS",
    "TWILIO_AUTH_TOKEN",
    "TWILIO_API_SECRET",
    "OTP_SMTP_URL",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "TELEGRAM_GATEWAY_TOKEN",
    "OTP_API_KEYS",
    "OTP_METRICS_KEY",
    "OTP_CONSOLE_KEY",
    "OTP_PROOF_KEY",
    "OTP_PROOF_KEY_PREVIOUS",
    "OTP_WEBHOOK_SECRETS",
    "OTP_EVENT_WEBHOOK_SECRET",
    "OTP_PLUGIN_OPTIONS",
    "OTP_APPRISE_URLS",
)
"""Every secret setting. `TWILIO_API_KEY` is an identifier and not a secret."""

FILES = {name: f"{name}_FILE" for name in SECRETS}
"""The variable with the path of the file, for each secret."""

_MAX_BYTES = 64 * 1024


def read_files(
    environ: Mapping[str, str],
) -> tuple[dict[str, str], dict[str, str]]:
    """Read the secrets that are set as a file.

    Args:
        environ: The environment variables.

    Returns:
        The variables with the content of each file as the value of its secret, and the
        problems by the name of the secret. A problem never contains the content.
    """
    values, problems = dict(environ), {}
    for name, variable in FILES.items():
        path = parsing.strip(environ.get(variable, ""))
        if not path:
            continue
        if parsing.is_quoted(path):
            problems[name] = f"{variable} has quotes around its value: remove them"
            continue
        if parsing.strip(environ.get(name, "")):
            problems[name] = f"{name} and {variable} are both set: remove one of them"
            continue
        try:
            values[name] = _read(path)
        except ValueError as error:
            problems[name] = f"{variable} {error}"
    return values, problems


def remove(environ: MutableMapping[str, str]) -> None:
    """Delete every secret from *environ*, usually that of the process."""
    for name in SECRETS:
        environ.pop(name, None)


def _read(path: str) -> str:
    try:
        with Path(path).open("rb") as file:
            content = file.read(_MAX_BYTES + 1)
    except OSError as error:
        raise ValueError(f"cannot be read: {error.strerror}") from None
    if len(content) > _MAX_BYTES:
        raise ValueError(f"must be at most {_MAX_BYTES // 1024} KiB")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ValueError("must be UTF-8 text") from None
    if not parsing.strip(text):
        raise ValueError("is an empty file")
    return text.removesuffix("\n").removesuffix("\r")
