"""The CPU time of a request by stage.

`python -m tests.bench.stages` serves requests with the WSGI application in its main
thread, with a Redis and a provider in other processes, and prints what `Sampler`
measured. The stage of the HTTP server is the rest: the CPU time of the whole server for
a request, without that of the application. It includes the switches between threads.
"""

from __future__ import annotations

import http.client
import io
import json
import math
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from wsgiref.types import WSGIApplication

from otp_engine import config
from otp_engine.app import create_app
from otp_engine.composition.metrics import METRICS_DIR_VARIABLE
from otp_engine.ops import log_config
from tests.bench import clients
from tests.bench.clients import API_KEY
from tests.bench.figures import AFTER, Figures, table
from tests.bench.load import Load
from tests.bench.sampler import STAGES, Sampler
from tests.bench.service import ROOT, SETTINGS, TRIVIAL
from tests.support import redis_server, server_process
from tests.support.fakes import different_code

REQUESTS = 3_000
SERVER = "HTTP server and switches of threads"


@dataclass(frozen=True, slots=True)
class Profile:
    """The CPU time of one kind of request.

    Attributes:
        stages: Milliseconds a request in each stage.
        total: Milliseconds a request in the whole application.
        samples: Number of samples.
    """

    stages: Mapping[str, float]
    total: float
    samples: int

    def error(self, stage: str) -> float:
        """Return the standard error of a stage in milliseconds."""
        share = self.stages.get(stage, 0) / self.total
        return self.total * math.sqrt(share * (1 - share) / self.samples)


def measure(load: Load, figures: Figures) -> str:
    """Return the table of stages, with the whole server from *figures*."""
    with tempfile.TemporaryDirectory() as folder, Path(folder, "log").open("w+") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.bench.stages", load.provider_url, folder],
            cwd=ROOT,
            env={**server_process.PATH, METRICS_DIR_VARIABLE: folder},
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
        load.serve(lambda: process.poll() is not None, silence=60)
        printed, _ = process.communicate()
        log.seek(0)
        assert process.returncode == 0, log.read()[-2_000:]
    profiles = {name: Profile(**p) for name, p in json.loads(printed).items()}
    server = {
        "check": figures.median(AFTER, "server, ms a check alone"),
        "send": figures.median(AFTER, "server, ms a send alone"),
    }
    return render(profiles, server)


def render(profiles: Mapping[str, Profile], server: Mapping[str, float]) -> str:
    """Return the table of *profiles*.

    Args:
        profiles: A profile of each kind of request.
        server: Milliseconds a request of the whole server, where they are known.
    """
    names = [*profiles]
    rows = [
        [stage, *(_cell(profile, stage) for profile in profiles.values())]
        for stage in STAGES
        if any(profile.stages.get(stage, 0) > 0.0005 for profile in profiles.values())
    ]
    rest = {n: f"{server[n] - p.total:.3f}" for n, p in profiles.items() if n in server}
    totals = {n: f"{value:.3f}" for n, value in server.items()}
    rows += [
        ["the application", *(f"{p.total:.3f}" for p in profiles.values())],
        [SERVER, *(rest.get(name, "") for name in names)],
        ["the whole server", *(totals.get(name, "") for name in names)],
    ]
    return table(("CPU, ms", *(f"a {name}" for name in names)), rows)


def _cell(profile: Profile, stage: str) -> str:
    return f"{profile.stages.get(stage, 0):.3f} ± {profile.error(stage):.3f}"


def main() -> None:
    """Profile each kind of request, and print the profiles as JSON."""
    provider_url, folder = sys.argv[1:]
    with redis_server.redis_on_a_socket(Path(folder)) as url:
        environ = server_process.production(url, provider_url)
        settings = config.load(environ | SETTINGS | {"OTP_ARGON2": TRIVIAL})
        log_config.configure()
        app = create_app(settings, metrics_dir=folder)
        profiles = _profiles(app, provider_url)
    print(json.dumps({name: asdict(profile) for name, profile in profiles.items()}))


def _profiles(app: WSGIApplication, provider_url: str) -> dict[str, Profile]:
    numbers = clients.phones()
    # The first requests load scripts, compile templates and open connections.
    for phone in islice(numbers, 100):
        _serve(app, "/auth/send_otp", {"phone": phone})
    phones = list(islice(numbers, REQUESTS))
    send = _profile(
        lambda phone: _serve(app, "/auth/send_otp", {"phone": phone}), phones
    )
    codes = _codes(provider_url)
    wrong = {phone: different_code(codes[phone]) for phone in phones}

    def check(texts: Mapping[str, str]) -> Profile:
        return _profile(
            lambda p: _serve(app, "/auth/verify_otp", {"phone": p, "otp": texts[p]}),
            phones,
        )

    return {"check": check(wrong), "right check": check(codes), "send": send}


def _codes(provider_url: str) -> dict[str, str]:
    connection = http.client.HTTPConnection(urlsplit(provider_url).netloc)
    with closing(connection):
        connection.request("GET", "/codes")
        codes: dict[str, str] = json.load(connection.getresponse())
    return codes


def _profile(serve: Callable[[str], None], phones: Sequence[str]) -> Profile:
    cpu = time.process_time()
    with Sampler() as sampler:
        for phone in phones:
            serve(phone)
    per_request = 1000 / len(phones)
    return Profile(
        {stage: s * per_request for stage, s in sampler.seconds.items()},
        (time.process_time() - cpu) * per_request,
        sampler.samples,
    )


def _serve(app: WSGIApplication, path: str, body: Mapping[str, str]) -> None:
    statuses: list[str] = []

    def start_response(status: str, headers: Any, exc_info: Any = None) -> Any:
        statuses.append(status)

    content = json.dumps(body).encode()
    # A busy machine can answer 503, and the mean then includes the repeated request.
    while not statuses or (statuses[-1].startswith("503") and len(statuses) < 5):
        for _ in app(_environ(path, content), start_response):
            pass
    assert statuses[-1].startswith("201"), statuses


def _environ(path: str, body: bytes) -> dict[str, Any]:
    return {
        "REQUEST_METHOD": "POST",
        "PATH_INFO": path,
        "QUERY_STRING": "",
        "SCRIPT_NAME": "",
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(body),
        "wsgi.input_terminated": True,
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
        "CONTENT_TYPE": "application/json",
        "CONTENT_LENGTH": str(len(body)),
        "HTTP_HOST": "localhost",
        "HTTP_AUTHORIZATION": f"Bearer {API_KEY}",
    }


if __name__ == "__main__":
    main()
