"""The changes of the policy, newest first, and so the live values as well."""

from __future__ import annotations

import json
from datetime import datetime

from otp_engine.domain.amendments import Amendment
from otp_engine.store import keys
from otp_engine.store.line import Line
from otp_engine.store.scripts import Script


class Amendments:
    """Keeps `otp:{policy}`; see `domain.ports.Amendments`."""

    def __init__(self, line: Line, *, replicas: int = 0) -> None:
        """Keep it where *line* leads, and on so many *replicas* as well."""
        self._line = line
        self._amend = Script(line, "amend", replicas=replicas)

    def latest(self) -> Amendment | None:
        """The one that is live; none, and everything is as decided at the start."""
        text = self._line.ask(lambda it: it.lindex(keys.POLICY, 0), keys.POLICY)
        return _read(text) if text else None

    def history(self, most: int) -> list[Amendment]:
        """The last *most*, newest first."""
        texts = self._line.ask(
            lambda it: it.lrange(keys.POLICY, 0, most - 1), keys.POLICY
        )
        return list(map(_read, texts))

    def add(self, amendment: Amendment) -> bool:
        """Make it live, unless another became live since it was begun."""
        text = json.dumps(
            {
                "version": amendment.version,
                "at": amendment.at.isoformat(),
                "who": amendment.who,
                "reason": amendment.reason,
                "values": dict(amendment.values),
            }
        )
        return bool(self._amend.run([keys.POLICY], amendment.version, text))


def _read(text: bytes) -> Amendment:
    given = json.loads(text)
    return Amendment(**given | {"at": datetime.fromisoformat(given["at"])})
