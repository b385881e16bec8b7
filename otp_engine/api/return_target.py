"""Where the verify page returns to: the parameters `return_url` and `state`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from werkzeug.datastructures import MultiDict

from otp_engine.errors import InvalidReturnTarget

_MAX_URL, _MAX_STATE = 1024, 512  # characters


@dataclass(frozen=True, slots=True)
class ReturnTarget:
    """Where the person returns to after the verification.

    Attributes:
        url: The URL of the application, which receives the proof token.
        state: A value that the application chose; it becomes the token's `nonce`.
    """

    url: str
    state: str


def parse(
    parameters: MultiDict[str, str], origins: Sequence[str]
) -> ReturnTarget | None:
    """Parse the parameters of a link to the page.

    Args:
        parameters: The parameters of the query.
        origins: The origins that the page may return to.

    Returns:
        None if the link has no return target.

    Raises:
        InvalidReturnTarget: The page cannot return there. The message is the reason.
    """
    urls, states = parameters.getlist("return_url"), parameters.getlist("state")
    if not urls and not states:
        return None
    for reason, applies in (
        ("The parameter return_url is missing.", not urls),
        ("The parameter return_url occurs more than once.", len(urls) > 1),
        ("The parameter state is missing or empty.", not any(states)),
        ("The parameter state occurs more than once.", len(states) > 1),
    ):
        if applies:
            raise InvalidReturnTarget(reason)
    [url], [state] = urls, states
    return build(url, state, origins)


def build(url: str, state: str, origins: Sequence[str]) -> ReturnTarget:
    """Return the target of a URL and a state.

    Args:
        url: The URL of the application.
        state: The value that the application chose, not empty.
        origins: The origins that the page may return to.

    Raises:
        InvalidReturnTarget: The page cannot return there. The message is the reason.
    """
    if len(state) > _MAX_STATE:
        raise InvalidReturnTarget(f"state has more than {_MAX_STATE} characters.")
    _check_url(url, origins)
    return ReturnTarget(url, state)


def _check_url(url: str, origins: Sequence[str]) -> None:
    if len(url) > _MAX_URL:
        raise InvalidReturnTarget(f"return_url has more than {_MAX_URL} characters.")
    if not (url.isascii() and url.isprintable()) or " " in url:
        raise InvalidReturnTarget(
            "return_url has a character that a URL must percent-encode."
        )
    if not origins:
        raise InvalidReturnTarget("OTP_RETURN_ORIGINS is not set.")
    if origin_of(url) not in origins:
        raise InvalidReturnTarget(
            "The origin of return_url is not in OTP_RETURN_ORIGINS: scheme, host and"
            " port must be equal."
        )


def origin_of(url: str) -> str | None:
    """Return the origin of *url* (RFC 6454), or None if it is malformed."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    return f"{parts.scheme}://{parts.netloc}".lower()
