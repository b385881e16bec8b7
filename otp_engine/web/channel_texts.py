"""The texts of the page about channels."""

from __future__ import annotations

from markupsafe import Markup

from otp_engine.web.translations import Translations

_APPS = {"whatsapp": "WhatsApp", "telegram": "Telegram"}
_NUMBER = Markup('<span class="number">{}</span>')


def app_name(channel: str) -> str:
    """Return the name of the app of *channel*; empty for text messages and calls."""
    return _APPS.get(channel, "")


def send_by(channel: str, translations: Translations) -> str:
    """Return the text of the button that sends a code by *channel*."""
    return translations.get(f"send_by_{_kind(channel)}", app=app_name(channel))


def sent_by(channel: str, masked: str, translations: Translations) -> Markup:
    """Return the sentence that a code was sent, as HTML.

    Args:
        channel: The channel of the last message.
        masked: The number, as the recipient sees it.
        translations: The texts.
    """
    return translations.markup(
        f"sent_{_kind(channel)}", app=app_name(channel), number=_NUMBER.format(masked)
    )


def _kind(channel: str) -> str:
    return "app" if channel in _APPS else channel
