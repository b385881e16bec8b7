"""Sends messages through a provider of another Python distribution."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from typing import Any

from otp_engine.config.plugin_settings import PluginSettings
from otp_engine.domain.messages.templates import Message
from otp_engine.errors import (
    CountryNotAllowed,
    DeliveryFailed,
    DeliveryUnconfirmed,
    InvalidPhone,
    NumberTypeNotAllowed,
    OTPError,
    ProviderUnavailable,
    RecipientNotOnChannel,
    RecipientOptedOut,
)
from otp_engine.senders import error_codes

log = logging.getLogger(__name__)

_MESSAGE_ID = re.compile(r"[!-~]{1,128}", re.ASCII)
_OUTCOMES = frozenset(
    {
        CountryNotAllowed,
        DeliveryFailed,
        DeliveryUnconfirmed,
        InvalidPhone,
        NumberTypeNotAllowed,
        ProviderUnavailable,
        RecipientNotOnChannel,
        RecipientOptedOut,
    }
)


class PluginProvider:
    """Sends messages through one plug-in.

    A plug-in has no deadline, so each call has a thread with a time limit. An exception
    that is no outcome of the contract is an unknown outcome: the plug-in may have sent
    the message.
    """

    has_deadline = False
    reports_delivery = False

    def __init__(
        self, settings: PluginSettings, create: Callable[[], Any] | None = None
    ) -> None:
        """Create the provider.

        Args:
            settings: The plug-in.
            create: Creates it; by default from its distribution.
        """
        self.name = settings.name
        self.channels = settings.channels
        self._provider = (create or settings.create)()
        self._codes = error_codes.ErrorCodes()

    def send(self, message: Message) -> str | None:
        """Send *message*, and return the id that the plug-in has given it.

        Raises:
            ProviderUnavailable, DeliveryFailed, DestinationNotAllowed, InvalidPhone,
            DeliveryUnconfirmed: As documented by `Provider.send`.
        """
        try:
            message_id = self._provider.send(message)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - a plug-in can raise anything
            # Without its cause: the texts of a plug-in can contain the message.
            raise self._outcome(error, message) from None
        is_id = isinstance(message_id, str) and _MESSAGE_ID.fullmatch(message_id)
        return str(message_id) if is_id else None

    def ping(self) -> None:
        """Call the `ping` of the plug-in, if it has one.

        Raises:
            ProviderUnavailable: It raised an exception.
            DeliveryFailed: It rejected the credentials.
        """
        ping = getattr(self._provider, "ping", None)
        if ping is None:
            return
        try:
            ping()
        except DeliveryFailed:
            raise DeliveryFailed(retry_elsewhere=True) from None
        except (Exception, SystemExit) as error:  # noqa: BLE001 - a plug-in can raise anything
            raise ProviderUnavailable(
                f"does not answer: {type(error).__name__}"
            ) from None

    def _outcome(self, error: BaseException, message: Message) -> OTPError:
        """Return the error of a message, without a text of the plug-in."""
        if not isinstance(error, OTPError) or type(error) not in _OUTCOMES:
            log.error(
                "%s: the message to %s may have been sent: %s",
                *(self.name, message.masked, type(error).__name__),
            )
            return DeliveryUnconfirmed()
        error.message = type(error).message
        error.args = (error.message,)
        code = error_codes.parse(error.provider_error)
        error.provider_error = self._codes.limit(code, message.code)
        log.warning(
            "%s: the message to %s is not accepted: %s",
            *(self.name, message.masked, error.error_code),
        )
        return error
