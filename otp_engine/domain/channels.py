"""The channels; apart from `models`, because the policy needs no phone numbers."""

from __future__ import annotations

from enum import StrEnum


class Channel(StrEnum):
    """How a code reaches its recipient; the providers decide what is offered."""

    SMS = "sms"
    WHATSAPP = "whatsapp"
    CALL = "call"
    EMAIL = "email"
    TELEGRAM = "telegram"
