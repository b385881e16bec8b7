"""What the views are handed, and how they reach it."""

from __future__ import annotations

from dataclasses import dataclass

from flask import Flask, current_app

from otp_engine.api.callers import Callers
from otp_engine.domain.engine import Engine

_NAME = "otp_engine"


@dataclass(frozen=True, slots=True)
class Service:
    """The engine, and what reading a request for it takes.

    Attributes:
        region: ISO 3166 code of the country that national numbers belong to.
    """

    engine: Engine
    callers: Callers
    region: str

    def install(self, app: Flask) -> None:
        """Make this the service of *app*."""
        app.extensions[_NAME] = self


def current() -> Service:
    """The service of the app that answers this request."""
    service: Service = current_app.extensions[_NAME]
    return service
