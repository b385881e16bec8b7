"""Settings of plug-ins: providers in other Python distributions.

A distribution names its provider in the entry-point group `otp_engine.providers`. The
entry point is a class or another factory with the attribute `channels`. It is called
with the options of the plug-in, and returns an object with `send`; docs/providers.md
has the whole contract.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from importlib import metadata
from typing import Any

from otp_engine import parsing
from otp_engine.config.env_reader import EnvReader
from otp_engine.domain.models import Channel

VARIABLES = ("OTP_PLUGIN_OPTIONS",)
"""Every variable that `load` reads."""

_GROUP = "otp_engine.providers"
_NAME = re.compile(r"[a-z][a-z0-9_-]{0,31}", re.ASCII)
_OPTION = re.compile(r"([a-z][a-z0-9_-]{0,31})\.([a-z][a-z0-9_]{0,63})", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginSettings:
    """A provider of another distribution.

    Attributes:
        name: The name of the provider, which is that of its entry point.
        channels: The channels that it delivers, its usual one first.
        options: Its options from the environment.
    """

    name: str
    channels: tuple[Channel, ...]
    options: Mapping[str, str] = field(default_factory=dict, repr=False)

    def create(self) -> Any:  # noqa: ANN401 - the plug-in has any type
        """Create the provider.

        Raises:
            Exception: Whatever the plug-in raises.
        """
        return _import(self.name)(self.options)


def installed() -> list[str]:
    """Return the names of all installed plug-ins."""
    return [entry.name for entry in metadata.entry_points(group=_GROUP)]


def load(names: Iterable[str], env: EnvReader) -> tuple[PluginSettings, ...]:
    """Load the settings of plug-ins, and try to create each of them.

    Args:
        names: Names of installed plug-ins.
        env: The environment variables; collects the problems.
    """
    options = env.get("OTP_PLUGIN_OPTIONS", _parse_options, {})
    used = tuple(names)
    if unknown := sorted(set(options) - set(used)):
        env.problems.append(
            f"OTP_PLUGIN_OPTIONS has options of {', '.join(unknown)}, which OTP_SENDER"
            " does not list as a plug-in"
        )
    plugins = []
    for name in used:
        try:
            plugins.append(_load(name, options.get(name, {})))
        except ValueError as error:
            env.problems.append(f"the plug-in {name} {error}")
    return tuple(plugins)


def _load(name: str, options: Mapping[str, str]) -> PluginSettings:
    """Load one plug-in.

    Raises:
        ValueError: Why it cannot be used, as the predicate of a sentence.
    """
    try:
        channels = tuple(Channel(text) for text in _import(name).channels)
    except Exception as error:  # noqa: BLE001 - a plug-in can raise anything
        raise ValueError(
            f"cannot be imported, or has no valid channels: {_describe(error)}"
        ) from None
    if not channels or not _NAME.fullmatch(name):
        raise ValueError("has no channels, or a name that is no name of a provider")
    plugin = PluginSettings(name=name, channels=channels, options=options)
    try:
        created = plugin.create()
    except (Exception, SystemExit) as error:  # noqa: BLE001 - as above
        raise ValueError(f"does not start: {_describe(error)}") from None
    if not callable(getattr(created, "send", None)):
        raise ValueError("does not start: it has no send")  # noqa: TRY004 - a problem of the settings
    return plugin


def _import(name: str) -> Any:  # noqa: ANN401 - the factory has any type
    """Return the factory of a plug-in.

    Raises:
        ValueError: Two distributions have a plug-in of this name.
        Exception: The module cannot be imported.
    """
    entries = {
        entry.value: entry for entry in metadata.entry_points(group=_GROUP, name=name)
    }
    if len(entries) != 1:
        raise ValueError(f"{len(entries)} distributions have this name")
    return next(iter(entries.values())).load()


def _describe(error: BaseException) -> str:
    """Return the type of an error, and the text that a plug-in wrote for operators."""
    kind = type(error).__name__
    return f"{kind}: {error}" if type(error) is ValueError else kind


def _parse_options(text: str) -> dict[str, dict[str, str]]:
    """Parse `PLUGIN.OPTION=VALUE` entries.

    They are separated by line breaks if there are any, and else by commas. An entry
    that starts with `#` is a comment.
    """
    lines = text.splitlines()
    entries = lines if len(lines) > 1 else parsing.comma_separated(text)
    options: dict[str, dict[str, str]] = {}
    for entry in filter(None, map(parsing.strip, entries)):
        if entry.startswith("#"):
            continue
        name, equals, value = entry.partition("=")
        match = _OPTION.fullmatch(name.strip())
        if not match or not equals:
            raise ValueError("must be entries such as acme.token=...")
        own = options.setdefault(match[1], {})
        if match[2] in own:
            raise ValueError(f"must have the option {match[0]} once")
        own[match[2]] = value.strip()
    return options
