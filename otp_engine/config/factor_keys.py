"""The settings of the factor key, which encrypts the secrets of authenticator apps."""

from __future__ import annotations

import secrets
from collections.abc import Collection

from otp_engine.config import setting_parsers
from otp_engine.config.env_reader import EnvReader
from otp_engine.crypto.factor_keys import FactorKey
from otp_engine.crypto.pepper import Pepper
from otp_engine.crypto.secret_keys import MIN_BYTES

VARIABLES = ("OTP_FACTOR_KEY", "OTP_FACTOR_KEY_PREVIOUS")
GENERATE = "`otp-engine keys factor`"


def load(
    env: EnvReader, peppers: Collection[Pepper], *, dev: bool
) -> tuple[FactorKey, ...]:
    """Load the factor keys.

    Args:
        env: The environment.
        peppers: The peppers, which must be other secrets.
        dev: Whether dev mode is on.

    Returns:
        The current key, then the previous one during a rotation. Without any, factors
        are not configured.
    """
    parse = setting_parsers.secret_key(FactorKey, "factor key", GENERATE)
    keys = {name: env.get(name, parse, None) for name in VARIABLES}
    current, previous = VARIABLES
    if keys[previous]:
        env.require(current, why=f"{previous} has no effect without it")
    if keys[current] and keys[current] == keys[previous]:
        env.problems.append(
            f"{previous} is the same as {current}: set it to the factor key before the"
            " rotation, or remove it"
        )
    of_peppers = {pepper.secret for pepper in peppers}
    env.problems += [
        f"{name} is the same as a pepper: {GENERATE} generates another secret"
        for name, key in keys.items()
        if key and key.secret in of_peppers
    ]
    # The embedded store of dev mode ends with the process, so its key may as well.
    if dev and not (env.has(current) or env.has("REDIS_URL")):
        return (FactorKey(secrets.token_bytes(MIN_BYTES)),)
    return tuple(key for key in keys.values() if key)
