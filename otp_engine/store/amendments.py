"""The versions of the policy, newest first, as the texts that the domain has signed."""

from __future__ import annotations

from otp_engine.store import keys
from otp_engine.store.line import Line
from otp_engine.store.scripts import Script


class Amendments:
    """Keeps `otp:{policy_versions}`; see `domain.ports.Amendments`."""

    def __init__(self, line: Line, *, replicas: int = 0) -> None:
        """Keep it where *line* leads, and on so many *replicas* as well."""
        self._line = line
        self._amend = Script(line, "append_policy_version", replicas=replicas)
        self._resign = Script(line, "replace_policy_version", replicas=replicas)

    def latest(self) -> bytes | None:
        """Return the text that was added last."""
        text: bytes | None = self._line.ask(
            lambda it: it.lindex(keys.POLICY, 0), keys.POLICY
        )
        return text

    def history(self, most: int) -> list[bytes]:
        """Return the last *most*, newest first."""
        texts: list[bytes] = self._line.ask(
            lambda it: it.lrange(keys.POLICY, 0, most - 1), keys.POLICY
        )
        return texts

    def add(self, text: str, *, after: bytes | None) -> bool:
        """Add *text*, if *after* is still the one that was added last."""
        return bool(self._amend.run([keys.POLICY], after or b"", text))

    def replace(self, old: bytes, new: str) -> bool:
        """Put *new* in the place of *old*, if that is still there."""
        return bool(self._resign.run([keys.POLICY], old, new))
