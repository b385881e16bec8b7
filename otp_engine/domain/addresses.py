"""Addresses: what messages are sent to, a phone number or an e-mail address.

Both have a canonical form, which keys, hashes and answers use, and a mask for logs.
Countries, prefixes and the pumping guard apply to phone numbers only.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from otp_engine.domain import email_addresses
from otp_engine.domain.channels import Channel
from otp_engine.domain.email_addresses import EmailAddress
from otp_engine.domain.phones.numbers import PhoneNumber

Address: TypeAlias = PhoneNumber | EmailAddress


def reaches(channel: Channel, address: Address) -> bool:
    """Return whether messages of a *channel* reach an *address* of its kind."""
    return (channel is Channel.EMAIL) == isinstance(address, EmailAddress)


def can_receive(address: Address, channel: Channel) -> bool:
    """Return whether an *address* can receive messages of a *channel*.

    A landline can be called, and has no text messages and no apps. Premium and
    toll-free numbers receive nothing.
    """
    if not reaches(channel, address):
        return False
    if isinstance(address, EmailAddress) or address.sms_capable:
        return True
    return address.is_landline and channel is Channel.CALL


def parse(text: str, parse_number: Callable[[str], PhoneNumber]) -> Address:
    """Parse an e-mail address, which has an `@`, or a phone number.

    Args:
        text: The address.
        parse_number: Parses a phone number.

    Raises:
        InvalidEmail, InvalidPhone: The text is not an address.
    """
    return email_addresses.parse(text) if "@" in text else parse_number(text)
