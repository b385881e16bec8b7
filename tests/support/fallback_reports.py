"""Messages with a fallback, and reports on them, at running services."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlsplit

from twilio.request_validator import RequestValidator

from tests.support import redis_server, twilio_server
from tests.support.server_process import ServerProcess
from tests.support.twilio_server import Twilio

SETTINGS = {
    "OTP_ROUTES": "IN=whatsapp:twilio>sms:twilio",
    "OTP_CALLBACK_URL": "https://hooks.example.com",
    "OTP_SENDS_TOTAL": "off",
    "OTP_SENDS_PER_COUNTRY": "off",
    "OTP_FALLBACK_AFTER": "10m",
    "OTP_TTL": "20m",
    "OTP_GUARD": "off",
    "TWILIO_WHATSAPP_CONTENT": f"en=HX{'1' * 32}",
}
"""A route with a fallback, which only a report starts for the time of a test."""

_KEY = {"Authorization": "Bearer shop-secret-0123456789"}


def phone(number: int) -> str:
    return f"+9194450{number:05}"


def send(instance: ServerProcess, number: int) -> None:
    response = instance.post("/auth/send_otp", {"phone": phone(number)}, **_KEY)
    assert response.status == 201


def undelivered(
    message: Mapping[str, str],
) -> tuple[str, dict[str, str], dict[str, str]]:
    """Return the path and the form of a report on a message, and its signature."""
    # The fragment has options of the connection, and no request has it.
    url, _, _ = message["StatusCallback"].partition("#")
    form = {
        "MessageSid": "SM" + "2" * 32,
        "MessageStatus": "undelivered",
        "ErrorCode": "63024",
        "To": message["To"],
        "From": "whatsapp:+15005550006",
    }
    signature = RequestValidator(twilio_server.TOKEN).compute_signature(url, form)
    parts = urlsplit(url)
    return f"{parts.path}?{parts.query}", form, {"X-Twilio-Signature": signature}


def report(instance: ServerProcess, message: Mapping[str, str]) -> int:
    """Post the report; repeat it while the instance reads as many as it can."""
    path, form, signature = undelivered(message)
    statuses: list[int] = []

    def is_received() -> bool:
        statuses.append(instance.post_form(path, form, **signature).status)
        return statuses[-1] != 503

    redis_server.wait_until(is_received)
    return statuses[-1]


def first_messages(twilio: Twilio) -> list[Any]:
    return [each for each in twilio.messages if each["To"].startswith("whatsapp:")]


def fallbacks(twilio: Twilio) -> Counter[str]:
    """Return the number of fallbacks by recipient."""
    numbers: Iterable[str] = (each["To"] for each in twilio.messages)
    return Counter(number for number in numbers if number.startswith("+"))


def report_each_twice(
    instances: Sequence[ServerProcess],
    twilio: Twilio,
    index: Callable[[], Sequence[bytes]],
    count: int,
) -> Counter[int]:
    """Send messages, and report each as undelivered twice to each instance, at once.

    Args:
        instances: Two instances.
        twilio: Their provider.
        index: Returns the members of the index of due fallbacks.
        count: Number of messages, each to another phone.

    Returns:
        The number of answers to the reports, by their status, once no fallback is due.
    """
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: send(instances[n % 2], n), range(count)))
        redis_server.wait_until(lambda: len(index()) == count)
        pairs = [
            (instance, message)
            for message in first_messages(twilio)
            for instance in [*instances, *instances]
        ]
        statuses = Counter(pool.map(lambda pair: report(*pair), pairs))
    redis_server.wait_until(lambda: not index())
    return statuses
