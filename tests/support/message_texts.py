"""The sentences of messages by language."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from otp_engine.domain.messages import texts


def sentences(locale: str) -> dict[str, str]:
    """Return each sentence by its section and key, without units."""
    loaded = texts.load(locale)
    parts: dict[str, Any] = {"sms": loaded.sms, "email": loaded.email}
    if loaded.speech:
        parts["speech"] = loaded.speech
    return {
        f"{section}.{key}": text
        for section, part in parts.items()
        for key, text in asdict(part).items()
        if key not in {"minutes", "seconds"}
    }
