"""`otp-engine serve`."""

from __future__ import annotations

import click

from otp_engine.cli.commands.options import Integer


@click.command()
@click.option(
    "--dev", is_flag=True, help="Dev mode: embedded store, no keys, console sender."
)
@click.option(
    "--host",
    default="127.0.0.1",
    show_default=True,
    help="Listen address: an IP address or a host name.",
)
@click.option(
    "--port",
    default=3000,
    show_default=True,
    type=Integer(0, 65535),
    help="0 uses any free port.",
)
@click.option(
    "--workers",
    type=Integer(1, 256),
    help="Processes.  [default: one for each core; one with the embedded store]",
)
@click.option(
    "--url",
    help="URL that the first log lines show, if people reach the service by another"
    " one.  [default: OTP_PUBLIC_URL, or the listen address]",
)
def serve(
    *, dev: bool, host: str, port: int, workers: int | None, url: str | None
) -> None:
    """Run the service.

    SIGTERM stops it gracefully: it answers the requests in progress first.
    """
    from otp_engine.cli import serve as work

    work.serve(dev=dev, host=host, port=port, workers=workers, url=url)
