"""What dev mode leaves open to all who reach the service."""

from __future__ import annotations

from otp_engine.config.settings import Settings, is_loopback


def in_dev(settings: Settings, host: str) -> list[str]:
    """List what dev mode leaves open when the service listens on *host*.

    Args:
        settings: The settings in force.
        host: The name or the address to listen on.

    Returns:
        One warning, or none outside of dev mode and on the loopback interface.
    """
    if not settings.dev or is_loopback(host):
        return []
    unlocked = {
        "/dev/inbox (every code)": settings.inbox,
        "/verify": settings.hosted.verify,
        "/metrics": not settings.metrics_key,
        "/v2": not settings.api_keys,
        "sends and checks on /auth": not settings.api_keys,
    }
    paths = ", ".join(path for path, is_open in unlocked.items() if is_open)
    if not paths:
        return []
    return [f"dev mode on {host}: open without a key to all who reach it: {paths}"]
