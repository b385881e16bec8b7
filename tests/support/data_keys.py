"""A store of the data key in the memory of this process, for faults and races."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class MemoryDataKeyStore:
    """Stores the encrypted data key.

    Attributes:
        stored: The encrypted data key.
        reads: How often it was read.
    """

    stored: bytes | None = None
    reads: int = 0

    def get(self) -> bytes | None:
        self.reads += 1
        return self.stored

    def add(self, encrypted: bytes) -> bytes:
        self.stored = self.stored or encrypted
        return self.stored

    def replace(self, old: bytes, new: bytes) -> bool:
        if self.stored != old:
            return False
        self.stored = new
        return True
