"""`otp-engine doctor`."""

from __future__ import annotations

import click


@click.command()
def doctor() -> None:
    """Check the settings, Redis and the provider.

    Exits with 0 if the service could serve a request now, and with 1 otherwise.
    """
    from otp_engine.cli import doctor as work

    work.doctor()
