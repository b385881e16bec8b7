"""The URLs that Twilio posts to, and the check that a request is from Twilio.

Each URL contains the delivery id of its message. Twilio signs a request with the
account's auth token over the URL, with its query, and the form fields (Twilio,
"Webhooks Security"). Without the token, no part of the query can be used.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

from twilio.request_validator import RequestValidator

from otp_engine.config.settings import TWILIO_WEBHOOK_PATH
from otp_engine.errors import Unauthorized
from otp_engine.senders.reports import DELIVERY_PARAMETER, ReportRequest

CALLS_PATH = f"{TWILIO_WEBHOOK_PATH}/calls"
"""The path that Twilio posts the progress of calls to."""

KEY_PRESS_PATH = f"{TWILIO_WEBHOOK_PATH}/key_press"
"""The path that Twilio requests the text of a call from after a key press."""

SPOKEN_PARAMETER = "spoken"
"""The parameter with the seconds in which a call has spoken its code once."""

TEXT_PARAMETER = "text"
"""The parameter with the encrypted text of a call."""

# Twilio repeats a request twice after a server error or a timeout, and signs the URL
# without this fragment (Twilio, "Webhooks Connection Overrides"). By default it repeats
# none that was answered, and a busy instance would lose reports and end calls.
_RETRIES = "rc=2&rp=5xx,ct,rt"
_SIGNATURE_HEADER = "x-twilio-signature"
# HMAC-SHA1 in base64: 20 bytes.
_SIGNATURE = re.compile(r"[A-Za-z0-9+/]{27}=", re.ASCII)


@dataclass(frozen=True, slots=True)
class CallbackUrls:
    """The URLs that Twilio posts to.

    Attributes:
        base: URL of this service as Twilio reaches it, without a trailing slash.
    """

    base: str

    def of_message(self, delivery_id: str) -> str:
        """Return the URL for the status of a message."""
        return self._url(TWILIO_WEBHOOK_PATH, delivery_id)

    def of_call(self, delivery_id: str, spoken: int | None = None) -> str:
        """Return the URL for the progress of a call.

        Args:
            delivery_id: Names the call.
            spoken: Seconds in which the call has spoken its code once; None if it
                speaks the code only after a key press.
        """
        query = {} if spoken is None else {SPOKEN_PARAMETER: str(spoken)}
        return self._url(CALLS_PATH, delivery_id, query)

    def of_key_press(self, delivery_id: str, sealed: str) -> str:
        """Return the URL for the text of a call after a key press."""
        return self._url(KEY_PRESS_PATH, delivery_id, {TEXT_PARAMETER: sealed})

    def _url(
        self, path: str, delivery_id: str, query: Mapping[str, str] | None = None
    ) -> str:
        parameters = {DELIVERY_PARAMETER: delivery_id, **(query or {})}
        return f"{self.base}{path}?{urlencode(parameters)}#{_RETRIES}"


class SignatureCheck:
    """Verifies that requests are from Twilio, for one account."""

    def __init__(self, token: str) -> None:
        """Create the check.

        Args:
            token: Auth token of the account, which signs the requests.
        """
        self._validator = RequestValidator(token)

    def check_headers(self, headers: Mapping[str, str]) -> None:
        """Check that a request has a signature; its value covers the body.

        Raises:
            Unauthorized: There is no signature, or its format is not Twilio's.
        """
        if not _SIGNATURE.fullmatch(headers.get(_SIGNATURE_HEADER, "")):
            raise Unauthorized

    def check(self, request: ReportRequest) -> None:
        """Check the signature of a whole request.

        Raises:
            Unauthorized: The signature is not Twilio's.
        """
        signature = request.headers.get(_SIGNATURE_HEADER, "")
        if not self._validator.validate(request.url, request.form, signature):
            raise Unauthorized
