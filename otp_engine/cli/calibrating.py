"""`otp-engine calibrate`: which cost of a hash this machine can carry."""

from __future__ import annotations

import json
import sys
import time
from typing import Any

import click

from otp_engine.app import cores
from otp_engine.cli.saying import JSON, fail, good, warn
from otp_engine.crypto.argon2 import PROFILES
from otp_engine.crypto.calibration import Benchmark, recommend
from otp_engine.crypto.calibration import calibrate as measure

_NEVER = "test"  # which protects nothing, however quick it is


@click.command()
@click.option(
    "--rate", type=click.FloatRange(0, min_open=True), help="Sends and checks a second."
)
@click.option(
    "--seconds",
    type=click.FloatRange(0.01, 60),
    default=2.0,
    show_default=True,
    help="How long to measure each cost.",
)
@click.option(
    "--digits",
    type=click.IntRange(4, 10),
    default=6,
    show_default=True,
    help="Length of the codes that a thief would try.",
)
@JSON
def calibrate(
    *, rate: float | None, seconds: float, digits: int, as_json: bool
) -> None:
    """Measure what each OTP_ARGON2 means here.

    Each send and each check takes one hash, so hashes a second are the sends and checks
    that an instance on all cores can carry. The core-hours are what trying every code
    costs somebody who has stolen Redis and the pepper. With --rate, exits with 1 if no
    cost carries it.
    """
    found = []
    for name, cost in PROFILES.items():
        if name == _NEVER:
            continue
        if sys.stderr.isatty():
            click.echo(f"measuring {name} ...", err=True)
        found.append(
            measure(name, cost, threads=cores(), seconds=seconds, clock=time.monotonic)
        )
    chosen = recommend(found, rate) if rate is not None else None
    if as_json:
        said = [_plain(one, digits) for one in found]
        click.echo(json.dumps({"costs": said, "proposed": chosen and chosen.name}))
    else:
        _show(found, digits)
    if rate is None:
        return
    if chosen is None:
        fail(f"no cost carries {rate:g} a second here: more cores, or more instances")
    if not chosen.argon2.meets_asvs:
        warn(f"{chosen.name} is weaker than OWASP ASVS 5.0 accepts; or use more cores")
    good(f"OTP_ARGON2={chosen.name} carries {rate:g} a second")


def _show(found: list[Benchmark], digits: int) -> None:
    click.echo(
        f"{'cost':8}  {'hashes a second':>15}  {'memory':>9}"
        f"  core-hours to try every code of {digits} digits"
    )
    for one in found:
        click.echo(
            f"{one.name:8}  {one.hashes_per_second:15.0f}"
            f"  {one.memory / 2**20:5.0f} MiB  {one.core_hours(digits):.1f}"
        )


def _plain(one: Benchmark, digits: int) -> dict[str, Any]:
    return {
        "name": one.name,
        "argon2": str(one.argon2),
        "threads": one.threads,
        "hashes_per_second": round(one.hashes_per_second, 1),
        "memory_bytes": one.memory,
        "core_hours": round(one.core_hours(digits), 2),
    }
