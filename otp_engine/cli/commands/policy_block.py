"""`otp-engine policy block` and `unblock`: stop a part of all messages."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from otp_engine.cli.commands.change_options import change_options
from otp_engine.cli.commands.options import RedisGroup

if TYPE_CHECKING:
    # The module imports the store.
    from otp_engine.cli.policy_changes import ChangeOptions

_KINDS = {
    "network": ("NETWORK", "requests of client IPs in networks in CIDR notation"),
    "country": ("COUNTRY", "messages to countries, such as SN"),
    "prefix": ("PREFIX", "messages to prefixes of numbers, such as +22177"),
    "key": ("KEY", "messages that API keys request, such as shop"),
    "channel": ("CHANNEL", "messages through channels, such as sms"),
}


@click.group(cls=RedisGroup)
def block() -> None:
    """Block a network, country, prefix, API key or channel.

    Messages to it, through it or requested by it are refused. Codes that were already
    sent can still be checked, except from a blocked network.
    """


@click.group(cls=RedisGroup)
def unblock() -> None:
    """Undo `block`."""


def _add_command(kind: str, metavar: str, what: str) -> None:
    argument = click.argument("names", nargs=-1, required=True, metavar=f"{metavar}...")

    @block.command(name=kind, help=f"Refuse {what}.")
    @argument
    @change_options
    def block_one(*, names: tuple[str, ...], options: ChangeOptions) -> None:
        from otp_engine.cli import policy_changes as work

        work.block(kind, names, options)

    @unblock.command(name=kind, help=f"Accept {what}.")
    @argument
    @change_options
    def unblock_one(*, names: tuple[str, ...], options: ChangeOptions) -> None:
        from otp_engine.cli import policy_changes as work

        work.unblock(kind, names, options)


for _kind, (_metavar, _what) in _KINDS.items():
    _add_command(_kind, _metavar, _what)
