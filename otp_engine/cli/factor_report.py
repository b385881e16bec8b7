"""What `otp-engine doctor` reports about the key of authenticator apps."""

from __future__ import annotations

from otp_engine.cli.factor_keys import LOST
from otp_engine.cli.terminal import status_line, success, warn
from otp_engine.config import Settings
from otp_engine.crypto.factor_keys import decrypt_data_key
from otp_engine.errors import DataKeyLost, StoreUnavailable
from otp_engine.store.redis_store import RedisStore


def print_report(settings: Settings, store: RedisStore) -> bool:
    """Print whether the factor key decrypts the data key.

    Args:
        settings: The settings.
        store: Their store, which answers.

    Returns:
        Whether factors could be checked, or there are none.
    """
    if settings.redis_url is None:
        return True
    try:
        encrypted = store.data_key.get()
    except StoreUnavailable as error:
        warn(f"Redis did not report the data key: it {error.reason}")
        return False
    except DataKeyLost:
        status_line("✗", "red", LOST)
        return False
    if encrypted is None:
        if settings.factor_keys:
            success("OTP_FACTOR_KEY is valid; there are no authenticator apps yet")
        return True
    if decrypt_data_key(settings.factor_keys, encrypted) is None:
        status_line("✗", "red", _problem(settings))
        return False
    is_current = decrypt_data_key(settings.factor_keys[:1], encrypted) is not None
    if is_current:
        success("OTP_FACTOR_KEY decrypts the data key of authenticator apps")
        if len(settings.factor_keys) > 1:
            warn("nothing needs OTP_FACTOR_KEY_PREVIOUS any longer: remove it")
    else:
        warn(
            "OTP_FACTOR_KEY_PREVIOUS still encrypts the data key: once every instance"
            " has the new OTP_FACTOR_KEY, run `otp-engine factors rotate-key`"
        )
    return True


def _problem(settings: Settings) -> str:
    if not settings.factor_keys:
        return (
            "Redis has authenticator apps, and OTP_FACTOR_KEY is not set: set the key"
            " that encrypted them"
        )
    return (
        "OTP_FACTOR_KEY does not decrypt the data key, so requests of authenticator"
        " apps get 503: set the key that encrypted it, or that key as"
        " OTP_FACTOR_KEY_PREVIOUS"
    )
