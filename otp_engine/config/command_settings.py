"""Settings of the commands that operate a running service."""

from __future__ import annotations

import re
from collections.abc import Mapping

from otp_engine.config import secret_settings
from otp_engine.domain.policy.policy import PARSERS

VARIABLES = frozenset(
    {
        "REDIS_URL",
        "OTP_PEPPER",
        "OTP_PEPPER_PREVIOUS",
        "OTP_FACTOR_KEY",
        "OTP_FACTOR_KEY_PREVIOUS",
        "OTP_REDIS_TIMEOUT",
        "OTP_REDIS_WAIT_REPLICAS",
        "OTP_SHARED_SLOTS",
        "OTP_DEFAULT_REGION",
        "OTP_CURRENCY",
        "OTP_API_KEYS",
        "OTP_SERVICE_SID",
        "OTP_SERVICE_CODE_LENGTH",
        "OTP_OPERATOR",
        "OTP_DEV",
        *(f"OTP_{name.upper()}" for name in PARSERS),
    }
)
"""The variables that these commands read, each secret also as a file."""

WITHOUT_REDIS = (
    "set it to the Redis of the service. `otp-engine serve --dev` without REDIS_URL has"
    " its data in its own process, where no command can reach it: start a Redis, and"
    " set the same REDIS_URL for serve and for this command. With Docker Compose, run"
    " the command in the container: `docker compose exec otp-engine otp-engine ...`"
)
"""The cure of a command without Redis, after `REDIS_URL is not set`."""

_MAX_NAME_LENGTH = 64
# Secrets are longer words, or have one of the characters below: an auth token has 32
# characters, a key of `keys new` 47, and base64 ends with a sign.
_MAX_WORD_LENGTH = 31
_SECRET_CHARACTERS = frozenset(":/=")
_WORD_ENDS = re.compile(r"[ .@-]")


def select(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that commands on a running service use.

    These commands serve no request and send no message, so they need no provider and no
    API keys.

    Args:
        environ: All environment variables.
    """
    files = {secret_settings.FILES.get(name) for name in VARIABLES}
    selected = {
        name: text for name, text in environ.items() if name in VARIABLES | files
    }
    return selected | {"OTP_SENDER": "console", "OTP_ALLOW_ANONYMOUS": "1"}


def operator_name(text: str) -> str:
    """Parse the name of an operator.

    Raises:
        ValueError: The text is not a name. The message does not contain it, because it
            can be a secret in the wrong variable.
    """
    is_name = (
        text.isprintable()
        and 0 < len(text) <= _MAX_NAME_LENGTH
        and not _SECRET_CHARACTERS & set(text)
        and max(map(len, _WORD_ENDS.split(text))) <= _MAX_WORD_LENGTH
    )
    if not is_name:
        raise ValueError(
            f"must be the name of a person, of at most {_MAX_NAME_LENGTH} characters"
            f" with words of at most {_MAX_WORD_LENGTH}, and without : / ="
        )
    return text
