"""Requests to the APIs of Twilio with the credentials of one account.

Twilio's SDK provides the host of a region and an edge, and the headers of a request.
The SDK's resources are not used: they import the 95 modules of the API, which take 8
MiB, and they build the same headers for each message.
"""

from __future__ import annotations

import logging

import urllib3
from twilio.http import HttpClient
from twilio.rest import Client

from otp_engine.config import TwilioSettings
from otp_engine.senders.http_client import PooledHttpClient, PreparedRequest

log = logging.getLogger(__name__)


class TwilioAccount:
    """Prepares the requests of one account."""

    def __init__(self, settings: TwilioSettings, http: PooledHttpClient) -> None:
        """Create the account, without a connection to Twilio.

        Args:
            settings: Credentials, and the way to the API.
            http: Transports the requests.
        """
        self._settings = settings
        self._http = http
        self._client = Client(
            settings.username,
            settings.password,
            settings.account_sid,
            # The SDK would put both into any host, also that of another API.
            region=None if settings.base_url else settings.region,
            edge=None if settings.base_url else settings.edge,
            # Sends nothing; the SDK's own would prepare a session.
            http_client=HttpClient(log, is_async=False),
            # With an empty mapping the SDK reads the process's environment.
            environment={"TWILIO_REGION": ""},
        )
        self._login = urllib3.make_headers(
            basic_auth=f"{settings.username}:{settings.password}"
        )

    def prepare(self, method: str, path: str) -> PreparedRequest:
        """Write the head of a request to a resource of the account.

        Args:
            method: HTTP method.
            path: The path below the account, such as `Messages.json`.
        """
        account = f"/2010-04-01/Accounts/{self._settings.account_sid}"
        return self.prepare_api(method, "api", f"{account}/{path}")

    def prepare_api(self, method: str, product: str, path: str) -> PreparedRequest:
        """Write the head of a request to one of Twilio's APIs.

        Args:
            method: HTTP method.
            product: The first label of the host, such as `content`.
            path: The whole path.
        """
        base_url = self._settings.base_url or f"https://{product}.twilio.com"
        url = self._client.get_hostname(f"{base_url}{path}")
        headers = self._client.get_headers(method, None) | self._login
        return self._http.prepare(method, url, headers)
