"""Runs the Lua scripts: by their digest, and whole where Redis has forgotten them."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Sequence
from functools import cache
from importlib import resources
from typing import Any

from redis.exceptions import NoScriptError, ResponseError

from otp_engine.errors import StoreUnavailable
from otp_engine.store.connection import Client
from otp_engine.store.line import Line

log = logging.getLogger(__name__)

_FOLDER = resources.files("otp_engine.store") / "lua"
_SHARED_LIBRARY = ("lib/sliding_window_log", "lib/verification")
_REPLICA_MILLISECONDS = 100
WHEN_FULL = "#!lua flags=allow-oom\n"
"""Redis 7 runs a script that begins so even when its memory is full."""
_NOT_UNDERSTOOD = "near '#'"

Argument = str | bytes | int
_Words = Sequence[Argument]


def load(name: str) -> str:
    """Return the text of a script, with the shared library prepended."""
    parts = (*_SHARED_LIBRARY, name)
    return "\n".join((_FOLDER / f"{part}.lua").read_text() for part in parts)


class Script:
    """One file of `lua/`, ready to run."""

    def __init__(
        self, line: Line, name: str, *, replicas: int = 0, when_full: bool = False
    ) -> None:
        """Load it.

        Args:
            line: Where to run it.
            name: Its file, without the ending.
            replicas: How many must have what it wrote before it has been done.
            when_full: Whether it may write when Redis has no memory left.
        """
        self._line = line
        self._replicas = replicas
        source = load(name)
        # The last is understood by any Redis.
        self._spellings = [WHEN_FULL + source, source] if when_full else [source]

    def run(self, keys: Sequence[str], *args: Argument) -> Any:  # noqa: ANN401 - each script's header says what it returns
        """Run it in one round trip, or in two where Redis does not know it yet.

        Raises:
            StoreUnavailable: Redis did not answer, could not write, or too few
                replicas have what it wrote, which may be lost if the node fails now.
        """
        reply, acknowledged = self._line.ask(
            lambda client: self._tell(client, (len(keys), *keys, *args)), keys[0]
        )
        if acknowledged < self._replicas:
            log.error("%d of %d replicas have a write", acknowledged, self._replicas)
            # They may follow another primary by now; the next request asks that one.
            self._line.find_primary()
            raise StoreUnavailable
        return reply

    def _tell(self, client: Client, words: _Words) -> tuple[Any, int]:
        """Run it in the words that this Redis understands."""
        say = self._say_and_wait if self._replicas else self._say
        source = self._spellings[0]
        try:
            return say(client, source, words)
        except ResponseError as error:
            if source == self._spellings[-1] or _NOT_UNDERSTOOD not in str(error):
                raise
        self._spellings = self._spellings[-1:]
        return self._tell(client, words)

    @staticmethod
    def _say(client: Client, source: str, words: _Words) -> tuple[Any, int]:
        try:
            return client.evalsha(_digest(source), *words), 0
        except NoScriptError:
            # EVAL and not SCRIPT LOAD: it also runs it.
            return client.eval(source, *words), 0

    def _say_and_wait(
        self, client: Client, source: str, words: _Words
    ) -> tuple[Any, int]:
        """Run it, and `WAIT` behind it, which speaks of its own connection's writes."""
        with client.pipeline(transaction=False) as pipeline:
            # Whole, for a pipeline cannot go on where one has been forgotten.
            pipeline.execute_command("EVAL", source, *words)
            pipeline.execute_command("WAIT", self._replicas, _REPLICA_MILLISECONDS)
            reply, acknowledged = pipeline.execute()
        return reply, acknowledged


@cache
def _digest(source: str) -> str:
    # Redis names scripts by their SHA-1; nothing here rests on its strength.
    return hashlib.sha1(source.encode(), usedforsecurity=False).hexdigest()
