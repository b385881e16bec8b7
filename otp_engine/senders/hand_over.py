"""The hand-over of a message by a request, and its outcome without an answer."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from otp_engine.errors import DeliveryUnconfirmed, ProviderUnavailable
from otp_engine.senders.http_client import NotConnected

log = logging.getLogger(__name__)


@contextmanager
def hand_over(provider: str) -> Iterator[None]:
    """Run the request that hands a message to a provider.

    Args:
        provider: Name of the provider.

    Raises:
        ProviderUnavailable: No connection was established, so nothing was sent.
        DeliveryUnconfirmed: The request failed later, and the message may have been
            sent.
    """
    try:
        yield
    except NotConnected as error:
        log.warning("%s: not connected: %s", provider, error)
        raise ProviderUnavailable(f"does not answer: {error}") from None
    except Exception as error:  # noqa: BLE001 - the message may have been sent, whatever the error is
        log.warning("%s: no answer: %s", provider, type(error).__name__)
        raise DeliveryUnconfirmed from None
