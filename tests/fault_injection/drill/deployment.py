"""A service with its Redis and its provider, on a clock that the drill sets."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import redis as redis_py

from tests.fault_injection.drill.clients import API_KEYS
from tests.fault_injection.drill.countries import COUNTRIES
from tests.support import redis_server, server_process, twilio_server
from tests.support.fake_wall_clock import FakeWallClock
from tests.support.twilio_server import Twilio

# Each worker writes at most 20 times a second, so that few of them would delay events.
_WORKERS = 4
FIRST_DAY = 1_798_761_600
"""2027-01-01, in seconds since 1970."""

_ENVIRON = {
    "OTP_ARGON2": "m=64,t=1,p=1",
    "OTP_API_KEYS": API_KEYS,
    "OTP_ALLOW_ANONYMOUS": "1",
    "OTP_VERIFY_PAGE": "1",
    "OTP_TRUSTED_PROXIES": "1",
    "OTP_ALLOWED_COUNTRIES": ",".join(COUNTRIES),
}


@dataclass(frozen=True, slots=True)
class Deployment:
    """A running service.

    Attributes:
        port: The port of the service.
        twilio: The provider.
        redis: A client of its Redis.
        clock: The clock of the service and of Redis.
        folder: The folder of the data of Redis.
    """

    port: int
    twilio: Twilio
    redis: Any
    clock: FakeWallClock
    folder: Path

    def set_time(self, seconds: float) -> None:
        """Set the clock to *seconds* after the start of the first day."""
        self.clock.stand_at(FIRST_DAY + seconds)

    def save(self, target: Path) -> None:
        """Write the data of Redis to the file *target*."""
        self.redis.save()
        shutil.copy(self.folder / "dump.rdb", target)


@contextmanager
def deployed(
    folder: Path,
    environ: Mapping[str, str],
    *,
    seconds: float,
    data: Path | None = None,
) -> Iterator[Deployment]:
    """Run a service.

    Args:
        folder: An empty folder for its files.
        environ: Settings in addition to those of the drill.
        seconds: The first time, in seconds since the start of the first day.
        data: The data of an earlier Redis.
    """
    clock = FakeWallClock.compiled_in(folder)
    clock.stand_at(FIRST_DAY + seconds)
    prices = _write_prices(folder)
    if data:
        shutil.copy(data, folder / "dump.rdb")
    path = server_process.PATH | clock.environ
    with (
        redis_server.restartable_redis(
            folder, "--save", "", "--appendonly", "no", environ=path
        ) as server,
        twilio_server.running() as twilio,
        server_process.running_server(
            *("--workers", str(_WORKERS)),
            **server_process.production(server.url, twilio.url)
            | _ENVIRON
            | clock.environ
            | {"OTP_PRICES": str(prices)}
            | dict(environ),
        ) as served,
        redis_py.Redis.from_url(server.url) as client,
    ):
        yield Deployment(served.port, twilio, client, clock, folder)


def _write_prices(folder: Path) -> Path:
    """Write the prices of the drill as a list that the service reads."""
    path = folder / "prices.csv"
    rows = [f"{country.code},sms,{country.usd}" for country in COUNTRIES.values()]
    path.write_text("\n".join(["country,channel,price", *rows, ""]))
    return path
