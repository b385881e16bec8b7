"""Argon2id (RFC 9106): parameters, their named profiles, and the hash of a code.

The parameters are stored with each hash, so a change does not affect codes that were
sent before.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import lru_cache

from argon2.low_level import Type, hash_secret_raw

HASH_BYTES = 32
_MAX_MEMORY = 1024 * 1024  # KiB
_MAX_TIME = 16
_ASVS_ROWS = ((47_104, 1), (19_456, 2), (12_288, 3))
_TEXT = re.compile(r"m=([0-9]{1,8}),t=([0-9]{1,3}),p=([0-9]{1,2})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Argon2Parameters:
    """The cost of one hash.

    Attributes:
        memory_cost: Memory in KiB.
        time_cost: Passes over that memory.
        parallelism: Threads inside one hash; 1 on a server, which hashes in parallel
            already.
        text: The parameters as `parse` accepts them.
    """

    memory_cost: int
    time_cost: int
    parallelism: int
    text: str = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        text = f"m={self.memory_cost},t={self.time_cost},p={self.parallelism}"
        object.__setattr__(self, "text", text)

    # Each hash parses the parameters of its verification, and few differ.
    @classmethod
    @lru_cache(maxsize=64)
    def parse(cls, text: str) -> Argon2Parameters:
        """Parse the name of a profile, or `m=KIB,t=PASSES,p=LANES`.

        Raises:
            ValueError: The text is not valid. The message follows the name of a
                setting.
        """
        if profile := PROFILES.get(text.strip().lower()):
            return profile
        if not (match := _TEXT.fullmatch(text.strip().replace(" ", ""))):
            names = ", ".join(PROFILES)
            raise ValueError(f"must be {names}, or like m=19456,t=2,p=1: {text!r}")
        memory, time, lanes = map(int, match.groups())
        if not (time and lanes and memory >= 8 * lanes):
            raise ValueError(
                "must have t and p of at least 1, and m of at least 8 times p:"
                f" {text!r}"
            )
        if memory > _MAX_MEMORY or max(time, lanes) > _MAX_TIME:
            raise ValueError(
                f"must have m of at most {_MAX_MEMORY}, and t and p of at most"
                f" {_MAX_TIME}: {text!r}"
            )
        return cls(memory, time, lanes)

    def hash(self, secret: bytes, salt: bytes) -> bytes:
        """Return the 32-byte hash of *secret*; equal inputs give equal hashes."""
        return hash_secret_raw(
            secret=secret,
            salt=salt,
            time_cost=self.time_cost,
            memory_cost=self.memory_cost,
            parallelism=self.parallelism,
            hash_len=HASH_BYTES,
            type=Type.ID,
        )

    @property
    def meets_asvs(self) -> bool:
        """Whether OWASP ASVS 5.0, appendix C, accepts them for stored secrets."""
        return any(
            self.memory_cost >= memory and self.time_cost >= time
            for memory, time in _ASVS_ROWS
        )

    def __str__(self) -> str:
        return self.text


PROFILES = {
    # OWASP Password Storage Cheat Sheet, and the minimum of ASVS 5.0, appendix C.
    "owasp": Argon2Parameters(19_456, 2, 1),
    # RFC 9106, section 4, second recommendation.
    "rfc9106": Argon2Parameters(65_536, 3, 4),
    # NIST SP 800-63B-4, 3.1.2.2: the work factor may be small for random secrets.
    "light": Argon2Parameters(4_096, 1, 1),
    # The minimum that Argon2 accepts. It protects nothing.
    "test": Argon2Parameters(8, 1, 1),
}
"""The profiles by the names that `OTP_ARGON2` takes."""
