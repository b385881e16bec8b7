"""`otp-engine doctor`."""

from __future__ import annotations

import click


@click.command()
@click.option(
    "--url",
    help="Also test whether a client that calls the service at this URL can choose the"
    " IP address that its requests count for.",
)
def doctor(*, url: str | None) -> None:
    """Check the settings, Redis and the providers.

    Exits with 0 if the service could serve a request now, and with 1 otherwise.
    """
    from otp_engine.cli import doctor as work

    work.doctor(url=url)
