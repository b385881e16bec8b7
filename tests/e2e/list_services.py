"""Lists every service in pages of two through Twilio's SDK for Python."""

from __future__ import annotations

import asyncio
import json
import sys
import warnings

from twilio.http.async_http_client import AsyncTwilioHttpClient
from twilio.rest import Client

# The SDK builds the header of the asynchronous client with a deprecated function.
warnings.simplefilter("ignore", DeprecationWarning)
kind, url, account, token = sys.argv[1:]


def list_services():
    client = Client(account, token)
    client.verify.base_url = url
    return client.verify.v2.services.list(page_size=2)


async def list_services_async():
    async with AsyncTwilioHttpClient() as http:
        client = Client(account, token, http_client=http)
        client.verify.base_url = url
        return await client.verify.v2.services.list_async(page_size=2)


services = list_services() if kind == "sync" else asyncio.run(list_services_async())
json.dump([[service.friendly_name, service.url] for service in services], sys.stdout)
