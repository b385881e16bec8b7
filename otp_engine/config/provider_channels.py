"""The channels of the configured providers, without building one.

A command that only validates a route needs no connection to a provider, and neither do
the metrics of the parent of the workers.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from otp_engine.domain.models import Channel

_CHANNELS = {
    "console": tuple(Channel),
    "smtp": (Channel.EMAIL,),
    "aws": (Channel.SMS, Channel.CALL),
    "telegram": (Channel.TELEGRAM,),
}


def by_provider(
    names: Iterable[str], own: Mapping[str, tuple[Channel, ...]]
) -> dict[str, tuple[Channel, ...]]:
    """Return the channels of providers, the usual one of each first.

    Args:
        names: Names of the providers, in order of preference.
        own: The channels of the providers that depend on settings.
    """
    known = {**_CHANNELS, **own}
    # The settings of a provider with a problem are missing.
    return {name: known.get(name, ()) for name in names}
