"""`otp-engine calibrate`: measure the Argon2 profiles on this machine."""

from __future__ import annotations

import json
import sys
import time
from typing import Any

import click

from otp_engine.cli.terminal import fail, success, warn
from otp_engine.composition.capacity import cpu_count
from otp_engine.crypto.argon2 import PROFILES
from otp_engine.crypto.calibration import Benchmark, recommend
from otp_engine.crypto.calibration import calibrate as measure

_SKIPPED = "test"  # it protects nothing


def calibrate(
    *, rate: float | None, seconds: float, digits: int, as_json: bool
) -> None:
    """Measure each profile of OTP_ARGON2 on this machine, and print the results.

    Args:
        rate: Sends and checks a second that the instance must serve. If no profile
            reaches it, the process ends with 1.
        seconds: Duration of each measurement.
        digits: Length of the codes.
        as_json: Whether to print JSON.
    """
    results = []
    for name, argon2 in PROFILES.items():
        if name == _SKIPPED:
            continue
        if sys.stderr.isatty():
            click.echo(f"measuring {name} ...", err=True)
        results.append(
            measure(
                name, argon2, threads=cpu_count(), seconds=seconds, clock=time.monotonic
            )
        )
    proposed = recommend(results, rate) if rate is not None else None
    if as_json:
        costs = [_to_dict(result, digits) for result in results]
        click.echo(json.dumps({"costs": costs, "proposed": proposed and proposed.name}))
    else:
        _print_table(results, digits)
    if rate is not None:
        _report(proposed, rate)


def _report(proposed: Benchmark | None, rate: float) -> None:
    if proposed is None:
        fail(f"no profile reaches {rate:g} a second: use more cores or more instances")
    if not proposed.argon2.meets_asvs:
        warn(
            f"{proposed.name} is below OWASP ASVS 5.0; more cores allow a stronger one"
        )
    success(f"OTP_ARGON2={proposed.name} reaches {rate:g} a second")


def _print_table(results: list[Benchmark], digits: int) -> None:
    click.echo(
        f"{'cost':8}  {'hashes a second':>15}  {'memory':>9}"
        f"  core-hours to try every code of {digits} digits"
    )
    for result in results:
        click.echo(
            f"{result.name:8}  {result.hashes_per_second:15.0f}"
            f"  {result.memory / 2**20:5.0f} MiB  {result.core_hours(digits):.1f}"
        )


def _to_dict(result: Benchmark, digits: int) -> dict[str, Any]:
    return {
        "name": result.name,
        "argon2": str(result.argon2),
        "threads": result.threads,
        "hashes_per_second": round(result.hashes_per_second, 1),
        "memory_bytes": result.memory,
        "core_hours": round(result.core_hours(digits), 2),
    }
