"""Runs the Lua scripts: by their digest, and whole where Redis has forgotten them."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Sequence
from importlib import resources
from typing import Any

from redis.exceptions import NoScriptError

from otp_engine.errors import StoreUnavailable
from otp_engine.store.connection import Client, node_of
from otp_engine.store.line import Line

log = logging.getLogger(__name__)

_FOLDER = resources.files("otp_engine.store") / "lua"
_PRELUDE = "sliding_log"
_REPLICA_MILLISECONDS = 100

Argument = str | bytes | int


def load(name: str) -> str:
    """Read a script, with the words that they all share in front."""
    return "\n".join((_FOLDER / f"{part}.lua").read_text() for part in (_PRELUDE, name))


class Script:
    """One file of `lua/`, ready to run."""

    def __init__(self, client: Client, line: Line, name: str) -> None:
        self._client = client
        self._line = line
        self._source = load(name)
        source = self._source.encode()
        # Redis names scripts by their SHA-1; nothing here rests on its strength.
        self._digest = hashlib.sha1(source, usedforsecurity=False).hexdigest()

    def run(self, keys: Sequence[str], *args: Argument) -> Any:  # noqa: ANN401 - each script's header says what it returns
        """Run it in one round trip, or in two where Redis does not know it yet.

        Raises:
            StoreUnavailable: Redis did not answer, or could not write.
        """
        with self._line.asking():
            try:
                return self._client.evalsha(self._digest, len(keys), *keys, *args)
            except NoScriptError:
                # EVAL and not SCRIPT LOAD: it also runs it, and on the node of the key.
                return self._client.eval(self._source, len(keys), *keys, *args)

    def run_on_replicas(
        self, replicas: int, keys: Sequence[str], *args: Argument
    ) -> Any:  # noqa: ANN401 - as above
        """Run it, and answer once *replicas* of the node have it too.

        `WAIT` speaks of the writes of its own connection, so both travel together.

        Raises:
            StoreUnavailable: Redis did not answer, or too few replicas did; what the
                script wrote stands, and may be lost if the node fails now.
        """
        with self._line.asking():
            pipeline = node_of(self._client, keys[0]).pipeline(transaction=False)
            pipeline.execute_command("EVAL", self._source, len(keys), *keys, *args)
            pipeline.execute_command("WAIT", replicas, _REPLICA_MILLISECONDS)
            reply, acknowledged = pipeline.execute()
        if acknowledged < replicas:
            log.error("%d of %d replicas have a write", acknowledged, replicas)
            raise StoreUnavailable
        return reply
