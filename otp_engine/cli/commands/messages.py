"""`otp-engine messages`: check and preview the texts of messages."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from otp_engine.cli.commands.options import Integer, json_option

_MAX_SECONDS = 86_400
_CHANNELS_OF_OWN_TEXTS = ("sms", "call", "email")
_CHANNELS = ("sms", "whatsapp", "call", "email", "telegram")


def _text_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that change a text."""
    for option in (
        click.option(
            "--seconds",
            type=Integer(30, _MAX_SECONDS),
            help="Lifetime of the code; the default is that of OTP_TTL.",
        ),
        click.option(
            "--app-hash",
            metavar="HASH",
            help="The 11 characters that identify an Android app.",
        ),
        click.option(
            "--origin", metavar="HOST", help="Host of the page that fills in the code."
        ),
        click.option(
            "--brand", metavar="NAME", help="Name in the text in place of OTP_BRAND."
        ),
        click.option(
            "--country",
            metavar="CODE",
            help="Country of the number, an ISO 3166 code.",
        ),
    ):
        command = option(command)
    return command


@click.group()
def messages() -> None:
    """Check and preview the texts of messages."""


@messages.command()
@click.option(
    "--channel",
    type=click.Choice(_CHANNELS_OF_OWN_TEXTS),
    default="sms",
    show_default=True,
    help="Channel of the texts.",
)
@_text_options
@json_option
def check(*, channel: str, as_json: bool, **options: Any) -> None:  # noqa: ANN401 - one type for each
    """Show the length and the price of each text.

    The texts are those of all languages, and the own ones of OTP_MESSAGES. The price is
    that of --country, or of the country of an own text. The exit code is 1 if a text
    message needs several segments or leaves something out to stay in one.
    """
    from otp_engine.cli import messages as work

    work.check(work.Options(**options), channel, as_json=as_json)


@messages.command()
@click.argument("locale", required=False)
@click.option(
    "--channel",
    type=click.Choice(_CHANNELS),
    default="sms",
    show_default=True,
    help="Channel of the message.",
)
@_text_options
def preview(*, locale: str | None, channel: str, **options: Any) -> None:  # noqa: ANN401 - one type for each
    """Print a message as a recipient gets it.

    LOCALE is a language tag, such as pt-BR; without one, the language is that of
    --country, or English.
    """
    from otp_engine.cli import messages as work

    work.preview(locale, channel, work.Options(**options))
