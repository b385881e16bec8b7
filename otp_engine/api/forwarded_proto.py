"""The scheme of a request from `X-Forwarded-Proto`, for a service with trusted proxies.

`/v2` builds absolute URLs from the scheme and from `Host`, unless `OTP_PUBLIC_URL` is
set. A proxy with TLS forwards plain HTTP, and reports the client's scheme in this
header. `X-Forwarded-Host`, `-Port` and `-Prefix` are never read: proxies forward the
client's own values of them, and can forward `Host` itself.

Werkzeug's `ProxyFix` reads the header too, but accepts any text as the scheme, parses
quotes that a client may have written, and ignores the only entry of two proxies.
"""

from __future__ import annotations

_SCHEMES = frozenset({"http", "https"})


def client_scheme(header: str, proxies: int) -> str | None:
    """Return the scheme that the outermost trusted proxy wrote.

    Proxies append to this header, replace it or forward it. At most *proxies* entries
    from the end are theirs, and the first of these is that of the outermost one.

    Args:
        header: The value of `X-Forwarded-Proto`.
        proxies: Number of trusted proxies.

    Returns:
        `http` or `https`; None if the entry is something else.
    """
    entry = header.split(",")[-proxies:][0].strip().lower()
    return entry if entry in _SCHEMES else None
