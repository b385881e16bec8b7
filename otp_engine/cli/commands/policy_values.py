"""Names and values of the policy, as operators write them on the command line."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from typing import Any

import click
from click.shell_completion import CompletionItem

from otp_engine.domain.policy.policy import PARSERS, Policy, format_value
from otp_engine.operations.value_forms import FORMS, form_of

_EXAMPLES = """\
\b
Examples:
  otp-engine policy set ttl 5m
  otp-engine policy set sends_per_ip "20/10m, 5/10m shadow" --by alice
  otp-engine policy set ttl=5m max_checks=4 --dry-run
  otp-engine policy set sends_per_country "60/10m, SN=5/10m"
  otp-engine policy set sends_per_prefix "+22177=5/10m, +221781=2/10m"
  otp-engine policy set sending "on, SN=off"
  otp-engine policy set blocked_networks 203.0.113.0/24"""


class PolicyName(click.ParamType[str]):
    """The name of a value of the policy; `OTP_TTL` and `TTL` are `ttl`."""

    name = "NAME"

    def convert(
        self, value: str, param: click.Parameter | None, ctx: click.Context | None
    ) -> str:
        """Return the name, or fail with the most similar one."""
        name = value.strip().lower().replace("-", "_").removeprefix("otp_")
        if name in PARSERS:
            return name
        similar = difflib.get_close_matches(name, PARSERS, n=1, cutoff=0.5)
        hint = (
            f"Did you mean {similar[0]}?"
            if similar
            else "See `otp-engine policy set -h`."
        )
        del param
        raise click.UsageError(f"{value!r} is not a value of the policy. {hint}", ctx)

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """Complete the names."""
        del ctx, param
        return [CompletionItem(name) for name in PARSERS if name.startswith(incomplete)]


class Assignments(click.Argument):
    """One `NAME VALUE`, or any number of `NAME=VALUE`, as a mapping."""

    def type_cast_value(self, ctx: click.Context, value: Any) -> dict[str, str]:  # noqa: ANN401 - click's signature
        """Return the texts by name; during a completion, what is written so far."""
        if ctx.resilient_parsing:
            return dict.fromkeys(value or (), "")
        return parse_assignments(value or (), ctx)

    def shell_complete(
        self, ctx: click.Context, incomplete: str
    ) -> list[CompletionItem]:
        """Complete the names, and after a name its values."""
        written = list(ctx.params.get(self.name or "") or ())
        if len(written) == 1 and written[0] in PARSERS:
            words = _first_words(written[0])
            return [
                CompletionItem(word) for word in words if word.startswith(incomplete)
            ]
        return NAME.shell_complete(ctx, self, incomplete)


def parse_assignments(words: Sequence[str], ctx: click.Context) -> dict[str, str]:
    """Return the values of `NAME VALUE` or of `NAME=VALUE ...` by name.

    Args:
        words: The arguments of the command.
        ctx: The context of an error.

    Raises:
        click.UsageError: The words have neither form, or a name is unknown or twice.
    """
    if len(words) == 2 and "=" not in words[0]:  # noqa: PLR2004 - a name and a value
        pairs = [(words[0], words[1])]
    elif words and all("=" in word for word in words):
        pairs = [(name, value) for name, _, value in (w.partition("=") for w in words)]
    else:
        raise click.UsageError(
            "write NAME VALUE, or NAME=VALUE for each of several values.\n"
            'Quote a value with spaces: sends_per_ip "20/10m, 100/24h"',
            ctx,
        )
    names = [NAME.convert(name, None, ctx) for name, _ in pairs]
    if twice := [name for name in names if names.count(name) > 1]:
        raise click.UsageError(f"{twice[0]} occurs twice", ctx)
    return dict(zip(names, (value.strip() for _, value in pairs), strict=True))


def values_help() -> str:
    """Return the names with their forms and defaults, the forms, and examples."""
    width = max(map(len, PARSERS))
    default = Policy()
    rows = [
        f"  {name:{width}}  {form_of(name):9}  {format_value(getattr(default, name))}"
        for name in PARSERS
    ]
    forms = [
        f"  {form:9} {text}".replace("\n", "\n" + " " * _FORM_INDENT)
        for form, text in FORMS.items()
    ]
    values = ["\b", "Values, with form and default:", *rows, ""]
    return "\n".join([*values, "\b", "Forms:", *forms, "", _EXAMPLES])


def _first_words(name: str) -> list[str]:
    """Return what a value can start with, and its default."""
    default = getattr(Policy(), name)
    words = _WORDS_OF_FORM.get(form_of(name), ())
    return list(dict.fromkeys([*words, format_value(default)]))


_WORDS_OF_FORM = {
    "SWITCHES": ("on", "off"),
    "GUARD": ("on", "shadow", "off"),
    "LIMIT": ("off",),
    "LIMITS": ("off",),
    "PLACES": ("off",),
    "NETWORKS": ("none",),
    "COUNTRIES": ("*",),
}
_FORM_INDENT = 12


NAME = PolicyName()
"""The type of an argument with a name of the policy."""
