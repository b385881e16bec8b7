"""Apps that are built once for each environment."""

from __future__ import annotations

from flask import Flask

from otp_engine import config
from otp_engine.app import create_app
from otp_engine.domain.ports import Sender
from otp_engine.store.redis_store import RedisStore
from tests.support.fakes import by_name
from tests.support.settings import RELAXED


class AppCache:
    """Apps with one store and one sender.

    To build an app takes 50 ms, which is ten times what most tests of an app take. An
    app has no state of its own but the policy and the metrics, so tests share it.
    """

    def __init__(self, store: RedisStore, sender: Sender | None = None) -> None:
        self._store, self._sender = store, sender
        self._apps: dict[frozenset[tuple[str, str]], Flask] = {}

    def get(self, **environ: str) -> Flask:
        """Return the app of the relaxed settings with the changes in *environ*."""
        key = frozenset(environ.items())
        if key not in self._apps:
            self._apps[key] = self.build(**environ)
        return self._apps[key]

    def build(self, **environ: str) -> Flask:
        """Build an app that only one test uses, because the test changes it."""
        settings = config.load(RELAXED | environ)
        return create_app(
            settings,
            store=self._store,
            senders=by_name(self._sender) if self._sender else None,
        )
