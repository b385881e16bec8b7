"""`otp-engine calibrate`."""

from __future__ import annotations

import click

from otp_engine.cli.commands.options import Decimal, Integer, json_option


@click.command()
@click.option(
    "--rate",
    type=Decimal(0, min_open=True),
    help="Sends and checks a second that the instance must serve.",
)
@click.option(
    "--seconds",
    type=Decimal(0.01, 60),
    default=2.0,
    show_default=True,
    help="Duration of each measurement.",
)
@click.option(
    "--digits",
    type=Integer(4, 10),
    default=6,
    show_default=True,
    help="Length of the codes.",
)
@json_option
def calibrate(
    *, rate: float | None, seconds: float, digits: int, as_json: bool
) -> None:
    """Measure each profile of OTP_ARGON2 on this machine.

    Each send and each check computes one hash, so hashes a second are the sends and
    checks that an instance can serve on all cores. The core-hours are the cost of
    trying every code for an attacker with the data of Redis and the pepper. With
    --rate, the command exits with 1 if no profile reaches the rate.
    """
    from otp_engine.cli import calibrate as work

    work.calibrate(rate=rate, seconds=seconds, digits=digits, as_json=as_json)
