"""Sends messages through the library Apprise, which has many small gateways.

Apprise reports success or failure, and nothing more: a rejection and a broken
connection look the same. So every failure is an unknown outcome.
"""

from __future__ import annotations

import logging
from urllib.parse import quote

import apprise

from otp_engine.config.apprise_settings import DIGITS, TO, AppriseSettings
from otp_engine.domain.messages.templates import Message
from otp_engine.domain.models import Channel
from otp_engine.errors import DeliveryFailed, DeliveryUnconfirmed

log = logging.getLogger(__name__)

# Apprise logs numbers, and at DEBUG the requests with the code. The libraries below it
# log the paths and the parameters of requests.
_LOGGERS = ("apprise", "urllib3", "requests", "requests_oauthlib", "oauthlib")
_SILENT = logging.CRITICAL + 1
_EXAMPLE = "+12025550123"


class AppriseProvider:
    """Sends each message to the URL of its channel."""

    name = "apprise"
    has_deadline = False
    reports_delivery = False

    def __init__(self, settings: AppriseSettings) -> None:
        """Create the provider, and turn off the logs of Apprise.

        Args:
            settings: The URLs.
        """
        self.channels = settings.channels
        self._urls = settings.urls
        for name in _LOGGERS:
            logging.getLogger(name).setLevel(_SILENT)
        # Nothing is stored on disk.
        mode = apprise.PersistentStoreMode.MEMORY
        self._asset = apprise.AppriseAsset(app_id="otp-engine", storage_mode=mode)
        # The first service imports all of them, which is too slow for a message.
        create_service("json://localhost")

    def send(self, message: Message) -> str | None:
        """Send *message*; Apprise returns no id.

        Raises:
            DeliveryUnconfirmed: Apprise reports a failure.
        """
        try:
            service = self._create(message.channel, message.to)
            # Its `notify` is called once. That of `Apprise` also repeats failures.
            is_sent = service is not None and service.notify(
                body=message.body,
                title=message.subject or "",
                body_format=apprise.NotifyFormat.TEXT,
            )
        except Exception as error:  # noqa: BLE001 - the message may have been sent, whatever the error is
            log.warning("apprise: failed: %s", type(error).__name__)
            raise DeliveryUnconfirmed from None
        if not is_sent:
            log.warning("apprise: the message to %s failed", message.masked)
            raise DeliveryUnconfirmed
        return None

    def ping(self) -> None:
        """Check that Apprise accepts each URL, without a request.

        Raises:
            DeliveryFailed: Apprise rejects the URL.
        """
        for channel in self.channels:
            if self._create(channel, _EXAMPLE) is None:
                log.error("apprise: the URL of %s is not valid", channel)
                raise DeliveryFailed(retry_elsewhere=True)

    def _create(self, channel: Channel, to: str) -> apprise.NotifyBase | None:
        """Return the service of a URL for one recipient; None for an invalid URL."""
        url = self._urls[channel]
        url = url.replace(TO, quote(to, safe="@"))
        url = url.replace(DIGITS, quote(to.removeprefix("+"), safe="@"))
        return create_service(url, self._asset)


def create_service(
    url: str, asset: apprise.AppriseAsset | None = None
) -> apprise.NotifyBase | None:
    """Return the service of a URL, which sends at once.

    Args:
        url: The URL, with the recipient.
        asset: Options of Apprise.

    Returns:
        The service; None if the URL is not valid.
    """
    service = apprise.Apprise.instantiate(url, asset=asset)
    if service is not None:
        # Many services otherwise wait for seconds between two requests.
        service.request_rate_per_sec = 0
    return service
