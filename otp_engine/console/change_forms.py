"""A change of the policy as a form has it: what it does, its reason and its end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from werkzeug.datastructures import MultiDict

from otp_engine.domain.policy import end_times
from otp_engine.domain.policy.end_times import Until
from otp_engine.domain.policy.policy import PARSERS
from otp_engine.errors import InvalidChange
from otp_engine.operations import guard, policy, policy_items
from otp_engine.operations.context import OperatorContext
from otp_engine.operations.policy import Change

ACTIONS = ("set", "unset", "rollback", "block", "unblock", "lift", "close")
PERIODS = {
    "1h": timedelta(hours=1),
    "24h": timedelta(days=1),
    "7d": timedelta(days=7),
}
"""The periods of stored sends that a preview can replay."""

_VALUE, _SHOWN = "value.", "shown."
_MAX_REASON = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeForm:
    """The fields of a form, as the operator wrote them.

    Attributes:
        action: What to do, of `ACTIONS`.
        values: For `set`: the new values as text, by name.
        shown: For `set`: the values that the form had at first. A value that is still
            the same is not changed.
        names: For `unset`: the names of values.
        version: For `rollback`: the number of the version.
        kind: For `block` and `unblock`: what it is.
        items: For `block` and `unblock`: names with commas between them.
        place: For `lift` and `close`: the prefix or country.
        reason: The reason.
        end: How the end is given: `none`, `for` or `until`.
        duration: The time until the end, for `for`.
        time: The time of the end, for `until`.
        period: The period that a preview replays, of `PERIODS`; else it replays none.
    """

    action: str
    values: Mapping[str, str] = field(default_factory=dict)
    shown: Mapping[str, str] = field(default_factory=dict)
    names: Sequence[str] = ()
    version: str = ""
    kind: str = ""
    items: str = ""
    place: str = ""
    reason: str = ""
    end: str = "none"
    duration: str = ""
    time: str = ""
    period: str = "24h"

    @classmethod
    def of(cls, fields: MultiDict[str, str]) -> ChangeForm:
        """Return the form with the fields of a request; unknown ones are ignored."""
        action = fields.get("action", "set")
        return cls(
            action=action if action in ACTIONS else "set",
            values=_with_prefix(fields, _VALUE),
            shown=_with_prefix(fields, _SHOWN),
            names=[name for name in fields.getlist("name") if name in PARSERS],
            version=fields.get("version", ""),
            kind=fields.get("kind", ""),
            items=fields.get("items", ""),
            place=fields.get("place", ""),
            reason=fields.get("reason", "").strip(),
            end=fields.get("end", "none"),
            duration=fields.get("duration", ""),
            time=fields.get("time", ""),
            period=fields.get("period", "24h"),
        )

    @property
    def fields(self) -> list[tuple[str, str]]:
        """All fields with their values, for another form."""
        return [
            ("action", self.action),
            *((f"{_VALUE}{name}", text) for name, text in self.values.items()),
            *((f"{_SHOWN}{name}", text) for name, text in self.shown.items()),
            *(("name", name) for name in self.names),
            ("version", self.version),
            ("kind", self.kind),
            ("items", self.items),
            ("place", self.place),
            ("reason", self.reason),
            ("end", self.end),
            ("duration", self.duration),
            ("time", self.time),
            ("period", self.period),
        ]

    def build(self, context: OperatorContext) -> Change:
        """Return the change of the form.

        Args:
            context: The settings and the stores.

        Raises:
            InvalidChange: The form has invalid fields.
            StoreUnavailable: Redis did not reply.
        """
        if len(self.reason) > _MAX_REASON:
            raise InvalidChange([f"reason must have at most {_MAX_REASON} characters"])
        match self.action:
            case "unset":
                return policy.unset(_required(self.names, "select a value"))
            case "rollback":
                return policy.rollback(context, _number(self.version))
            case "block" | "unblock":
                edit = {"block": policy_items.block, "unblock": policy_items.unblock}
                return edit[self.action](context.base, _kind(self.kind), self._items)
            case "lift":
                return guard.lift(context, self.place).change
            case "close":
                return guard.close(context, self.place)
            case _:
                return policy.set_values(self._changed_values)

    def until(self) -> Until | None:
        """Return when the change ends; an exemption from the guard always does.

        Raises:
            InvalidChange: The form has an invalid end.
        """
        try:
            match self.end:
                case "for":
                    return end_times.parse_duration(self.duration)
                case "until":
                    return end_times.parse_time(self.time)
                case _:
                    return guard.LIFTED_FOR if self.action == "lift" else None
        except ValueError as problem:
            raise InvalidChange([f"the end {problem}"]) from None

    @property
    def _items(self) -> list[str]:
        names = [name.strip() for name in self.items.split(",")]
        return _required(list(filter(None, names)), "name what to block")

    @property
    def _changed_values(self) -> dict[str, str]:
        changed = {
            name: text.strip()
            for name, text in self.values.items()
            if text.strip() != self.shown.get(name)
        }
        if not changed:
            raise InvalidChange(["change a value"])
        return changed


def _with_prefix(fields: MultiDict[str, str], prefix: str) -> dict[str, str]:
    """Return the fields of values of the policy, by the names of those values."""
    named = {name: fields.get(f"{prefix}{name}") for name in PARSERS}
    return {name: text for name, text in named.items() if text is not None}


def _required(names: Sequence[str], problem: str) -> list[str]:
    if not names:
        raise InvalidChange([problem])
    return list(names)


def _number(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 9):  # noqa: PLR2004 - more than Redis stores
        raise InvalidChange(["a version is a number"])
    return int(text)


def _kind(text: str) -> str:
    if text not in policy_items.KINDS:
        raise InvalidChange(
            [f"the kind must be one of {', '.join(policy_items.KINDS)}"]
        )
    return text
