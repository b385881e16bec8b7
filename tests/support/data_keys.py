"""A store of the data key in the memory of this process, for faults and races."""

from __future__ import annotations

from dataclasses import dataclass

from otp_engine.errors import DataKeyLost


@dataclass(slots=True)
class MemoryDataKeyStore:
    """Stores the encrypted data key.

    Attributes:
        stored: The encrypted data key.
        fingerprint: The fingerprint of the data key, which outlives it.
        reads: How often it was read.
    """

    stored: bytes | None = None
    fingerprint: bytes | None = None
    reads: int = 0

    def get(self) -> bytes | None:
        self.reads += 1
        if self.stored is None and self.fingerprint:
            raise DataKeyLost
        return self.stored

    def add(self, encrypted: bytes, fingerprint: bytes) -> bytes:
        if self.stored is None:
            if self.fingerprint not in (None, fingerprint):
                raise DataKeyLost
            self.stored, self.fingerprint = encrypted, fingerprint
        return self.stored

    def replace(self, old: bytes, new: bytes) -> bool:
        if self.stored != old:
            return False
        self.stored = new
        return True
