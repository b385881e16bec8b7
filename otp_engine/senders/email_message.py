"""A message as an e-mail: a plain text and an HTML part with the same sentences.

The message has no link, no picture and nothing that reports its opening. The code is
not in the subject, because a locked screen shows it. Control characters in the subject
or in the name of the sender would end a header, so they are removed.
"""

from __future__ import annotations

import html
import re
import unicodedata
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP, SMTPUTF8
from email.utils import format_datetime

from otp_engine.config.settings import SmtpSettings
from otp_engine.domain import email_addresses
from otp_engine.domain.messages.templates import Message

_RIGHT_TO_LEFT = frozenset({"R", "AL"})  # bidirectional classes of Unicode
_MAX_SUBJECT = 120
_MAX_LINE = 998  # RFC 5322, 2.1.1
_MAX_ENCODED_LINE = 76  # RFC 2045, 6.7
_PARAGRAPHS = re.compile(r"\n{2,}")
_PAGE = """\
<!doctype html>
<html lang="{language}" dir="{direction}">
<head><meta charset="utf-8"><title>{subject}</title></head>
<body style="font-family: sans-serif; font-size: 16px; line-height: 1.5;">
{paragraphs}
</body>
</html>
"""
_CODE = '<strong style="font-size: 24px; letter-spacing: 2px;">{code}</strong>'


def build(message: Message, settings: SmtpSettings, now: datetime) -> bytes:
    """Build the e-mail of a message.

    Args:
        message: The message.
        settings: The sender.
        now: The time, in UTC.

    Returns:
        The headers and the parts, as they are transmitted. They are ASCII, except the
        headers of an internationalized address.

    Raises:
        InvalidEmail: The recipient is not an address.
    """
    recipient, sender = email_addresses.parse(message.to), settings.sender
    policy = SMTPUTF8 if recipient.is_internationalized else SMTP
    subject = single_line(message.subject or message.brand)[:_MAX_SUBJECT]
    email = EmailMessage(policy=policy.clone(max_line_length=_MAX_ENCODED_LINE))
    name = single_line(settings.sender_name)
    email["From"] = Address(name, sender.local_part, sender.domain)
    email["To"] = Address("", recipient.local_part, recipient.domain)
    email["Subject"] = subject
    email["Date"] = format_datetime(now)
    email["Message-ID"] = f"<{message_id(message, settings)}>"
    # Vacation and list programs do not reply to it (RFC 3834).
    email["Auto-Submitted"] = "auto-generated"
    email.set_content(message.body, cte="quoted-printable")
    page = _render_page(message, subject)
    email.add_alternative(page, subtype="html", cte="quoted-printable")
    # A header that starts with Content- moves to the first part, so it comes last.
    email["Content-Language"] = message.language
    # Folding would encode a part of a long address or Message-ID.
    return email.as_bytes(policy=policy.clone(max_line_length=_MAX_LINE))


def message_id(message: Message, settings: SmtpSettings) -> str:
    """Return the Message-ID of a message, without angle brackets."""
    return f"{message.delivery_id}@{settings.sender.domain}"


def single_line(text: str) -> str:
    """Return *text* without controls, line ends and format marks."""
    characters = (
        " " if unicodedata.category(c)[0] == "C" or c in "\u2028\u2029" else c
        for c in text
    )
    return " ".join("".join(characters).split())


def _render_page(message: Message, subject: str) -> str:
    code = html.escape(message.code)
    paragraphs = "\n".join(
        f"<p>{html.escape(text).replace(chr(10), '<br>')}</p>"
        for text in _PARAGRAPHS.split(message.body.strip())
    )
    return _PAGE.format(
        language=html.escape(message.language),
        direction=_direction(message.body),
        subject=html.escape(subject),
        paragraphs=paragraphs.replace(code, _CODE.format(code=code), 1),
    )


def _direction(text: str) -> str:
    """Return the writing direction of most letters of *text*: `ltr` or `rtl`."""
    classes = [unicodedata.bidirectional(c) for c in text]
    right = sum(name in _RIGHT_TO_LEFT for name in classes)
    return "rtl" if right > classes.count("L") else "ltr"
