"""Limits that can differ by name: `60/10m, SN=5/10m`.

Parts are separated by commas. A part with `NAME=` starts the limit of that name, and
the parts after it belong to it until the next name or a semicolon. The limit before
the first name is the default.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache, partial

from otp_engine.domain.limits.limits import Limit
from otp_engine.domain.limits.names import NameIndex, NameKind

MAX_NAMES = 10_000
"""Names in one value. Every policy version contains all of its values as text."""


@dataclass(frozen=True, slots=True)
class LimitByName:
    """A limit for every name, and other limits for some names.

    Attributes:
        default: The limit of each name that `by_name` does not list.
        by_name: Names with limits of their own, sorted by name.
        kind: The kind of the names; None if they need no index.
        is_off: Whether no name has a limit; stored, because each request reads it.
    """

    default: Limit = Limit()
    by_name: tuple[tuple[str, Limit], ...] = ()
    kind: NameKind | None = field(default=None, repr=False, compare=False)
    is_off: bool = field(init=False, repr=False, compare=False)
    _limits: Mapping[str, Limit] = field(init=False, repr=False, compare=False)
    _index: NameIndex | None = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_limits", dict(self.by_name))
        object.__setattr__(self, "is_off", not any(self.limits))
        index = self.kind.index if self.kind else None
        object.__setattr__(self, "_index", index(self._limits) if index else None)

    @classmethod
    def parse(cls, text: str, kind: NameKind) -> LimitByName:
        """Parse `LIMIT[, NAME=LIMIT ...]`, such as `60/10m, SN=5/10m`.

        Args:
            text: Limits as `Limit.parse` accepts them, separated by commas or
                semicolons.
            kind: The kind of the names.

        Returns:
            The limits, with `off` as the default where each part has a name.

        Raises:
            ValueError: A part cannot be parsed, a name occurs twice, or there are too
                many names. The message follows the name of a setting.
        """
        default: Limit | None = None
        by_name: dict[str, Limit] = {}
        # Most names of a long value have the same limit.
        parse_limit = cache(Limit.parse)
        form = f"must be like {kind.example}, or off: {_excerpt(text)}"
        for written, limit in _limits_of(text):
            if written is None:
                if default is not None or (kind.index and not _is_off(limit)):
                    raise ValueError(form)
                default = parse_limit(limit)
                continue
            if not written:
                raise ValueError(form)
            name = kind.parse(written)
            if name in by_name:
                raise ValueError(f"must have each name once: {written!r}")
            by_name[name] = parse_limit(limit)
        if len(by_name) > MAX_NAMES:
            raise ValueError(f"must have at most {MAX_NAMES} names: {len(by_name)}")
        return cls(default or Limit(), tuple(sorted(by_name.items())), kind)

    @classmethod
    def parser(cls, kind: NameKind) -> Callable[[str], LimitByName]:
        """Return the parser of limits by names of *kind*."""
        return partial(cls.parse, kind=kind)

    def for_name(self, name: str) -> Limit:
        """Return the limit of *name*."""
        return self._limits.get(name, self.default)

    def matching(self, value: str) -> list[tuple[str, Limit]]:
        """Return the names that *value* matches, each with its limit.

        Args:
            value: A number in E.164, or a client IP; see `NameKind.index`.
        """
        if self._index is None:
            return []
        names = map(str, self._index.matching(value))
        return [(name, self._limits[name]) for name in names]

    @property
    def limits(self) -> tuple[Limit, ...]:
        """All limits, the default first."""
        return (self.default, *self._limits.values())

    def __bool__(self) -> bool:
        return not self.is_off

    def __str__(self) -> str:
        parts = [str(self.default)] if self.default or not self.by_name else []
        return "; ".join([*parts, *(f"{name}={limit}" for name, limit in self.by_name)])


def _limits_of(text: str) -> Iterator[tuple[str | None, str]]:
    """Yield each name with the text of its limit; the name of the default is None."""
    for group in text.split(";"):
        name: str | None = None
        windows: list[str] = []
        for index, part in enumerate(group.split(",")):
            written, equals, window = part.rpartition("=")
            if equals:
                if index:
                    yield name, ",".join(windows)
                name, windows = written.strip(), []
            windows.append(window)
        yield name, ",".join(windows)


def _is_off(text: str) -> bool:
    return text.strip().lower() == "off"


def _excerpt(text: str) -> str:
    """Return *text* in quotes, without the rest of a long one."""
    return repr(text if len(text) <= _MAX_EXCERPT else f"{text[:_MAX_EXCERPT]}...")


_MAX_EXCERPT = 100
