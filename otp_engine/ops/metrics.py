"""`/metrics`: what a Prometheus is told, of all workers of this instance together.

Each instance counts for itself, as Prometheus expects, whose queries add up what
several of them say. The workers of one share a folder (`prometheus_client`'s mode for
several processes), so whichever of them is asked answers for all.
"""

from __future__ import annotations

import hmac
import logging
from collections.abc import Callable, Iterable
from threading import Event, Lock, Thread

from flask import Blueprint, request
from flask.typing import ResponseReturnValue
from prometheus_client import CollectorRegistry, disable_created_metrics
from prometheus_client.exposition import choose_encoder
from prometheus_client.multiprocess import MultiProcessCollector

from otp_engine.crypto import api_keys
from otp_engine.crypto.api_keys import ApiKey
from otp_engine.errors import Unauthorized
from otp_engine.ops.counted import Counted
from otp_engine.ops.timed import Timed

log = logging.getLogger(__name__)


class Metrics:
    """All that is counted and timed here.

    Attributes:
        counted: What happened; its `watch` is told each event.
        timed: How long things took.
    """

    def __init__(
        self, folder: str | None = None, countries: Iterable[str] = ()
    ) -> None:
        """Begin to count.

        Args:
            countries: Where messages can go, as far as that is known.
            folder: Where the workers of this instance count together, as
                `PROMETHEUS_MULTIPROC_DIR` told `prometheus_client` before it was
                imported; none, and this process counts alone.
        """
        # When a counter began is not kept where several processes count.
        disable_created_metrics()
        registry = CollectorRegistry()
        self.counted = Counted(registry, countries)
        self.timed = Timed(registry)
        self._told = registry
        if folder:
            self._told = CollectorRegistry()
            MultiProcessCollector(self._told, folder)

    def page(self, accept: str | None) -> tuple[bytes, str]:
        """All of it, and its media type: the best that who asks will *accept*."""
        encode, media_type = choose_encoder(accept or "")
        return encode(self._told), media_type

    def blueprint(self, key: ApiKey | None, refresh: Callable[[], object]) -> Blueprint:
        """Build the view.

        Args:
            key: Who asks must bring it, as a bearer token; none, and nobody must.
            refresh: Called in the background by each scrape, so that the policy in
                the next one is recent.
        """
        bp = Blueprint("metrics", __name__)
        refresher = _Refresher(refresh)

        @bp.get("/metrics")
        def page() -> ResponseReturnValue:
            if key:
                _expect(key)
            refresher.request()
            body, media_type = self.page(request.headers.get("Accept"))
            return body, {"Content-Type": media_type}

        return bp


class _Refresher:
    """Calls a function in one background thread, however often that is requested.

    Redis may take longer than a scrape would wait, and while it hangs every scrape
    would otherwise add a thread.
    """

    def __init__(self, refresh: Callable[[], object]) -> None:
        """Call *refresh*."""
        self._refresh = refresh
        self._requested = Event()
        self._thread = Thread(target=self._run, name="refresher", daemon=True)
        self._starting = Lock()

    def request(self) -> None:
        """Have the function called soon; while a call runs, once more after it."""
        with self._starting:
            # Not before: a thread does not follow into a process that is forked.
            if not self._thread.ident:
                self._thread.start()
        self._requested.set()

    def _run(self) -> None:
        while self._requested.wait():
            self._requested.clear()
            try:
                self._refresh()
            except Exception:
                log.exception("the policy was not refreshed")


def _expect(key: ApiKey) -> None:
    scheme, _, secret = request.headers.get("Authorization", "").partition(" ")
    brought = api_keys.digest(secret.strip())
    if scheme.lower() != "bearer" or not hmac.compare_digest(brought, key.digest):
        raise Unauthorized("The key of the metrics is needed.")
