"""Lists every service in pages of two through Twilio's SDK for Python."""

from __future__ import annotations

import json
import sys

from twilio.rest import Client

url, account, token = sys.argv[1:]
client = Client(account, token)
client.verify.base_url = url
services = client.verify.v2.services.list(page_size=2)
json.dump([[service.friendly_name, service.url] for service in services], sys.stdout)
