"""`/console/guard`: what the pumping guard has counted, suspended and refused."""

from __future__ import annotations

from flask import Blueprint, request
from flask.typing import ResponseReturnValue

from otp_engine.console.console import Console
from otp_engine.domain.phones import countries
from otp_engine.domain.pumping_guard.rules import GuardMode
from otp_engine.operations import guard

_MAX_PLACES = 50


def add_to(bp: Blueprint, console: Console) -> None:
    """Add the view to the blueprint of the console."""

    @bp.get("/guard")
    def guard_page() -> ResponseReturnValue:
        text = request.args.get("country", "").strip()
        try:
            wanted, problem = _countries(text), ""
        except ValueError as error:
            wanted, problem = frozenset(), f"country {error}"
        report = guard.read_guard(console.context, wanted)
        policy = console.context.read_policy().policy
        return console.render(
            "guard.html",
            report=report,
            places=report.places[:_MAX_PLACES],
            hidden=max(0, len(report.places) - _MAX_PLACES),
            is_on=lambda country: policy.guard.for_country(country) is GuardMode.ON,
            country=text,
            problem=problem,
            is_lifted="lifted" in request.args,
            version=request.args.get("version", type=int),
            restarted=request.args.get("restarted", type=int),
        )


def _countries(text: str) -> frozenset[str]:
    """Return the codes in *text*, with commas between them.

    Raises:
        ValueError: One of them is no country.
    """
    codes = filter(None, (code.strip() for code in text.split(",")))
    return frozenset(countries.parse_counted(code) for code in codes)
