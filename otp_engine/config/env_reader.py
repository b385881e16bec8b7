"""A reader of environment variables that collects every problem."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TypeVar

from otp_engine import parsing
from otp_engine.config import secret_settings

T = TypeVar("T")
D = TypeVar("D")


class EnvReader:
    """Parses variables, and collects the problems with them.

    Attributes:
        problems: A sentence for each missing or invalid variable so far.
    """

    def __init__(self, environ: Mapping[str, str]) -> None:
        """Read the secrets that *environ* gives by file.

        Args:
            environ: The environment variables.
        """
        self._values, self._unreadable = secret_settings.read_files(environ)
        self.problems: list[str] = [*self._unreadable.values()]

    def has(self, name: str) -> bool:
        """Return whether *name* is set and not blank; Compose sets blank variables."""
        return bool(parsing.strip(self._values.get(name, "")))

    def get(self, name: str, parser: Callable[[str], T], default: D) -> T | D:
        """Return the parsed value of *name*.

        Args:
            name: The variable.
            parser: Parses the stripped text. The message of its `ValueError` follows
                the name of the variable in the problem.
            default: The value of a variable that is not set or not valid.
        """
        text = parsing.strip(self._values.get(name, ""))
        if not text:
            return default
        # A whole line of a file or of the output of `otp-engine keys`.
        if text.removeprefix("export ").lstrip().startswith(f"{name}="):
            self._add(f"{name} has its own name in its value: remove it")
            return default
        if parsing.is_quoted(text):
            self._add(f"{name} has quotes around its value: remove them")
            return default
        try:
            return parser(text)
        except ValueError as error:
            self._add(f"{name} {error}")
            return default

    def _add(self, problem: str) -> None:
        # Two parts of the service can read one variable.
        if problem not in self.problems:
            self.problems.append(problem)

    def require(self, name: str, *, why: str) -> None:
        """Record a problem if *name* is not set.

        Args:
            name: The variable.
            why: The reason or the cure, which ends the sentence of the problem.
        """
        # A secret file that cannot be read is a problem already.
        if not self.has(name) and name not in self._unreadable:
            self.problems.append(f"{name} is not set: {why}")

    def unknown(self, known: Iterable[str]) -> list[str]:
        """Return the variables that start with `OTP_` in any case, without *known*."""
        own = {name for name in self._values if name.upper().startswith("OTP_")}
        return sorted(own - set(known))
