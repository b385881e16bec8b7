"""A fake wall clock for a process, which can jump while the process runs."""

from __future__ import annotations

import struct
import subprocess
from dataclasses import dataclass
from pathlib import Path

from tests.support import redis_server

_SOURCE = Path(__file__).with_name("clock_offset.c")


@dataclass(frozen=True)
class FakeWallClock:
    """The files of a fake clock.

    Attributes:
        library: The library that a process preloads.
        file: The offset of the clock, and the time that it stands at.
    """

    library: Path
    file: Path

    @classmethod
    def compiled_in(cls, folder: Path) -> FakeWallClock:
        """Compile the library of the clock; skip the test without a C compiler."""
        compiler = redis_server.program("cc", required_by="OTP_REQUIRE_COMPILER")
        clock = cls(folder / "clock_offset.so", folder / "clock_offset")
        made, source = str(clock.library), str(_SOURCE)
        command = [compiler, "-O2", "-shared", "-fPIC", "-o", made, source]
        subprocess.run(command, check=True)
        clock.file.write_bytes(bytes(16))
        return clock

    @property
    def environ(self) -> dict[str, str]:
        return {"LD_PRELOAD": str(self.library), "CLOCK_OFFSET_FILE": str(self.file)}

    def jump_to(self, seconds: int) -> None:
        """Set the difference from the real clock, in seconds."""
        self._write(0, seconds)

    def stand_at(self, moment: float) -> None:
        """Stop the clock at *moment*, in seconds since 1970."""
        self._write(8, round(moment * 1_000_000))

    def _write(self, position: int, value: int) -> None:
        # In place: truncating the file would unmap its page in the process.
        with self.file.open("r+b", buffering=0) as file:
            file.seek(position)
            file.write(struct.pack("=q", value))
