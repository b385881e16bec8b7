"""Steps of a route: one channel with one provider each."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from otp_engine.domain.channels import Channel

_PROVIDER = re.compile(r"[a-z][a-z0-9_-]{0,39}", re.ASCII)


@dataclass(frozen=True, slots=True, order=True)
class Step:
    """One channel with one provider.

    Attributes:
        channel: The channel.
        provider: Name of the provider.
    """

    channel: Channel
    provider: str

    @classmethod
    def parse(cls, text: str) -> Step:
        """Parse `CHANNEL:PROVIDER`, such as `whatsapp:twilio`.

        Raises:
            ValueError: The text is no such pair, or the channel is unknown or reaches
                no phone. The message follows the name of a setting.
        """
        name, colon, provider = (part.strip() for part in text.partition(":"))
        if not colon or not _PROVIDER.fullmatch(provider):
            raise ValueError(f"must have steps such as sms:twilio: {text!r}")
        if name not in set(Channel):
            raise ValueError(
                f"must have steps with a channel ({', '.join(Channel)}): {text!r}"
            )
        if name == Channel.EMAIL:
            raise ValueError(
                f"must have steps with a channel of a phone, and not {name}: {text!r}"
            )
        return cls(Channel(name), provider)

    def __str__(self) -> str:
        return f"{self.channel}:{self.provider}"


def default_steps(channels: Mapping[str, Sequence[Channel]]) -> tuple[Step, ...]:
    """Return the steps of a destination without a route.

    These are text messages through each provider that has them. Without one, each
    provider has its usual channel of a phone.

    Args:
        channels: The channels of each provider, in order of preference.
    """
    if steps := steps_of(Channel.SMS, channels):
        return steps
    usual = (
        (name, next((each for each in offered if each is not Channel.EMAIL), None))
        for name, offered in channels.items()
    )
    return tuple(Step(channel, name) for name, channel in usual if channel)


def steps_of(
    channel: Channel, channels: Mapping[str, Sequence[Channel]]
) -> tuple[Step, ...]:
    """Return a step of *channel* for each provider that has it.

    Args:
        channel: The channel.
        channels: The channels of each provider, in order of preference.
    """
    return tuple(
        Step(channel, name) for name, offered in channels.items() if channel in offered
    )
