"""One post to a receiver of events or notices, and its result."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from http import HTTPStatus

from otp_engine.domain.event_webhook.posts import ACCEPTED, PostResult
from otp_engine.senders import retry_after
from otp_engine.senders.http_client import (
    NotConnected,
    PooledHttpClient,
    PreparedRequest,
)


def send(
    http: PooledHttpClient,
    request: PreparedRequest,
    body: bytes,
    *,
    now: Callable[[], datetime],
) -> PostResult:
    """Send a post once.

    Args:
        http: Transports the post.
        request: Its URL and headers.
        body: Its body.
        now: Returns the time in UTC.

    Returns:
        The result. Only an answer from 200 to 299 accepts the post: a redirect would
        lead it to a URL that no setting has.
    """
    try:
        response = http.send(request, body)
    except NotConnected as error:
        return PostResult(outcome=f"not connected: {error}")
    except TimeoutError:
        return PostResult(outcome="no answer in time")
    except Exception as error:  # noqa: BLE001 - whatever the error is, the post can be repeated
        return PostResult(outcome=f"no answer: {type(error).__name__}")
    if HTTPStatus.OK <= response.status < HTTPStatus.MULTIPLE_CHOICES:
        return PostResult(outcome=ACCEPTED)
    return PostResult(
        outcome=f"status {response.status}",
        retry_after=retry_after.parse(response.header("Retry-After"), now()),
    )
