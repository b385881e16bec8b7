"""`/console`: what happens now."""

from __future__ import annotations

from flask import Blueprint
from flask.typing import ResponseReturnValue

from otp_engine.console.console import Console


def add_to(bp: Blueprint, console: Console) -> None:
    """Add the view to the blueprint of the console."""

    @bp.get("", strict_slashes=False)
    def overview() -> ResponseReturnValue:
        return console.render("overview.html")
