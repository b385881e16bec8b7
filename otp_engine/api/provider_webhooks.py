"""Webhooks for the delivery reports of providers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from http import HTTPStatus
from threading import BoundedSemaphore

from flask import Blueprint, Response, request
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import RequestEntityTooLarge

from otp_engine.domain.messages.delivery_reports import DeliveryReport
from otp_engine.errors import InvalidRequest, Overloaded, Unauthorized
from otp_engine.senders.reports import ReportReceiver, ReportRequest

BELOW_A_PATH = "below_a_path"
"""The end of the names of the views at the path of `OTP_CALLBACK_URL`."""

# Reports that arrive at once, with their bodies, release their slots sooner.
_SLOT_TIMEOUT = 0.05  # seconds
_INVALID_SIGNATURE = "The signature of the request is missing or wrong."


def blueprint(
    receivers: Sequence[ReportReceiver],
    record: Callable[[DeliveryReport], object],
    slots: BoundedSemaphore,
    *,
    base_url: str | None,
    path: str = "",
) -> Blueprint:
    """Build the view of each receiver.

    Args:
        receivers: Verify and parse the reports of one provider each.
        record: Records a report.
        slots: Limits the bodies that are read at once. A client can send a body slowly,
            and holds a thread until it is complete.
        base_url: The URL of this service as providers know it; None takes the URL of
            the request.
        path: The path of that URL. A proxy may remove it, or keep it.

    Returns:
        The blueprint `callbacks`.
    """
    bp = Blueprint("callbacks", __name__)
    for number, receiver in enumerate(receivers):
        view = partial(_receive, receiver, record, slots, base_url)
        bp.add_url_rule(receiver.path, f"{number}", view, methods=["POST"])
        if path:
            name = f"{number}_{BELOW_A_PATH}"
            bp.add_url_rule(f"{path}{receiver.path}", name, view, methods=["POST"])
    return bp


def _receive(
    receiver: ReportReceiver,
    record: Callable[[DeliveryReport], object],
    slots: BoundedSemaphore,
    base_url: str | None,
) -> ResponseReturnValue:
    """Serve one request of a provider."""
    headers = {name.lower(): value for name, value in request.headers.items()}
    try:
        receiver.check_headers(headers)
        _check_length(receiver.max_bytes)
        reply = receiver.receive(
            _read_request(slots, headers, _url(base_url, receiver.path))
        )
    except Unauthorized:
        raise Unauthorized(_INVALID_SIGNATURE) from None
    for report in reply.reports:
        record(report)
    if not reply.body:
        return "", HTTPStatus.NO_CONTENT
    return Response(reply.body, content_type=reply.content_type)


def _url(base_url: str | None, path: str) -> str:
    """Return the URL of this request as the provider knows it.

    Not that of the request, which a proxy may have changed.
    """
    query = request.query_string.decode("ascii", "replace")
    url = f"{base_url or request.root_url.rstrip('/')}{path}"
    return f"{url}?{query}" if query else url


def _check_length(max_bytes: int) -> None:
    """Check the length of the body before it is read.

    Raises:
        InvalidRequest: The request has no Content-Length; those of providers have one.
        RequestEntityTooLarge: The body is longer than any report.
    """
    if request.content_length is None:
        raise InvalidRequest("A delivery report needs a Content-Length.")
    if request.content_length > max_bytes:
        raise RequestEntityTooLarge
    request.max_content_length = max_bytes


def _read_request(
    slots: BoundedSemaphore, headers: Mapping[str, str], url: str
) -> ReportRequest:
    """Read the body once one of *slots* is free.

    Raises:
        Overloaded: No slot becomes free, and the body is not read. A provider that
            does not repeat the request loses its report.
    """
    if not slots.acquire(timeout=_SLOT_TIMEOUT):
        raise Overloaded
    try:
        return ReportRequest(
            url=url,
            headers=headers,
            query=request.args,
            # The form is parsed from the cached body.
            body=request.get_data(cache=True),
            form=request.form,
        )
    finally:
        slots.release()
