"""One frame of `otp-engine top`, as lines of text."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import click

from otp_engine.cli import event_text
from otp_engine.cli.terminal import printable, table
from otp_engine.domain.limits import durations
from otp_engine.domain.limits.limits import WindowUsage
from otp_engine.domain.money import amounts
from otp_engine.domain.policy.policy import Policy
from otp_engine.operations.recent_traffic import CountryTraffic, Refusals
from otp_engine.operations.times import format_time
from otp_engine.operations.traffic import Frame

_LOW_CONVERSION = 0.2
"""The conversion below which `OtpConversionLow` fires."""
_NEARLY_FULL = 0.8
_BAR_WIDTH = 20
_MAX_REFUSALS = 8
_MAX_LIMITS = 8
_MAX_SUSPENSIONS = 6
_MAX_INCIDENTS = 5
_MIN_COUNTRIES = 3
_EMAIL = "e-mail"  # the row of messages to no country
_SHOWN_COUNTRIES = 3
_ALL = "all"


@dataclass(frozen=True, slots=True)
class _Line:
    text: str
    color: str | None = None
    bold: bool = False

    def to_text(self, width: int) -> str:
        text = printable(self.text)
        if len(text) > width:
            text = f"{text[: max(0, width - 1)]}…"
        if self.color or self.bold:
            return click.style(text, fg=self.color, bold=self.bold or None)
        return text


_Column = tuple[str, Callable[[str, CountryTraffic, Frame], str]]


def _percent(ratio: float | None) -> str:
    return "-" if ratio is None else f"{ratio:.0%}"


def _unproven(country: str, frame: Frame) -> str:
    unproven = frame.unproven.get(country)
    return "" if unproven is None else f"{unproven:.1f}"


_COLUMNS: tuple[_Column, ...] = (
    ("SENT", lambda _, row, __: str(row.sent)),
    ("APPROVED", lambda _, row, __: str(row.approved)),
    ("CONVERSION", lambda _, row, __: _percent(row.conversion)),
    ("UNPROVEN", lambda country, _, frame: _unproven(country, frame)),
    ("REFUSED", lambda _, row, __: str(row.refused)),
    ("DELIVERED", lambda _, row, __: str(row.delivered)),
    ("UNDELIVERED", lambda _, row, __: str(row.undelivered)),
    ("REJECTED", lambda _, row, __: str(row.rejected)),
    ("   COST", lambda _, row, __: f"{row.spent / amounts.MICRO:.2f}"),
)
"""The columns of a country; a narrow terminal lacks the last ones of this list."""


def to_lines(frame: Frame, columns: int, rows: int | None = None) -> list[str]:
    """Return the lines of a frame, with colors.

    Args:
        frame: The frame.
        columns: Width of each line.
        rows: The number of lines; None for all.
    """
    others = [
        *_refusal_lines(frame),
        *_limit_lines(frame),
        *_suspension_lines(frame),
        *_incident_lines(frame),
    ]
    head = list(_head_lines(frame))
    room = None
    if rows is not None:
        room = max(_MIN_COUNTRIES, rows - len(head) - len(others) - 2)
    lines = [*head, *_country_lines(frame, columns, room), *others]
    return [line.to_text(columns) for line in lines[:rows]]


def _sending(policy: Policy) -> str:
    if not policy.sending:
        return "OFF"
    return "on" if policy.sending.all_on else "partly on"


def _head_lines(frame: Frame) -> Iterator[_Line]:
    period = durations.format_duration(frame.period)
    policy = frame.policy
    sending = _sending(policy)
    yield _Line(
        f"last {period} at {format_time(frame.at)}   policy {frame.policy_version}"
        f"   sending {sending}   guard {policy.guard}",
        bold=True,
    )
    if frame.spent or policy.budget:
        yield _money_line(frame)
    if frame.problem:
        yield _Line(f"! {frame.problem}", "yellow")
    if not policy.sending:
        yield _Line("! sending is off: every send is answered with 503", "red")
    elif not policy.sending.all_on:
        yield _Line(f"! sending is {policy.sending}", "yellow")


def _money_line(frame: Frame) -> _Line:
    spent = f"{frame.spent / amounts.MICRO:.2f} {frame.currency} in 24 h"
    amount = frame.policy.budget.amount
    if not amount:
        return _Line(f"spent {spent}")
    fullness = frame.spent / amount
    # Rounded down, as in `otp-engine budget`: 100 % is a budget that is spent.
    percentage = frame.spent * 100 // amount
    text = f"spent {spent}, {percentage}% of the budget {frame.policy.budget}"
    return _Line(text, _color_of_fullness(fullness))


def _country_lines(frame: Frame, columns: int, room: int | None) -> Iterator[_Line]:
    traffic = frame.traffic
    rows = [(_ALL, traffic.total), *traffic.countries.items()]
    # One line has the number of the hidden ones.
    shown = rows if room is None or len(rows) <= room else rows[: room - 1]
    hidden = len(rows) - len(shown)
    fitting = _COLUMNS
    lines = _country_table(shown, fitting, frame)
    while fitting and len(lines[0]) > columns:
        fitting = fitting[:-1]
        lines = _country_table(shown, fitting, frame)
    yield _Line("")
    yield _Line(lines[0], bold=True)
    for line, (_, row) in zip(lines[1:], shown, strict=True):
        yield _Line(line, _color_of(row))
    if hidden:
        yield _Line(f"and {hidden} more")


def _country_table(
    rows: Sequence[tuple[str, CountryTraffic]],
    columns: Sequence[_Column],
    frame: Frame,
) -> list[str]:
    names = [name for name, _ in columns]
    cells = [
        [
            country or _EMAIL,
            *(f"{text(country, row, frame):>{len(name)}}" for name, text in columns),
        ]
        for country, row in rows
    ]
    return table(["COUNTRY", *names], cells)


def _color_of(row: CountryTraffic) -> str | None:
    if row.conversion is not None and row.conversion < _LOW_CONVERSION:
        return "red"
    return "yellow" if row.refused else None


def _refusal_lines(frame: Frame) -> Iterator[_Line]:
    refusals = frame.traffic.refusals
    if not refusals:
        return
    cells = [
        (f"{rule.count:>5}", _rule_name(rule), _countries_of(rule))
        for rule in refusals[:_MAX_REFUSALS]
    ]
    lines = table(("COUNT", "REFUSED BY", "COUNTRIES"), cells)
    yield _Line("")
    yield _Line(lines[0], bold=True)
    for line, rule in zip(lines[1:], refusals, strict=False):
        yield _Line(line, None if rule.shadow else "yellow")
    if len(refusals) > _MAX_REFUSALS:
        yield _Line(f"and {len(refusals) - _MAX_REFUSALS} more")


def _rule_name(rule: Refusals) -> str:
    return f"{rule.limit} (shadow)" if rule.shadow else rule.limit


def _countries_of(rule: Refusals) -> str:
    shown = list(rule.by_country.items())[:_SHOWN_COUNTRIES]
    text = ", ".join(f"{country or _EMAIL} {count}" for country, count in shown)
    return f"{text}, ..." if len(rule.by_country) > len(shown) else text


def _limit_lines(frame: Frame) -> Iterator[_Line]:
    usage = sorted(frame.usage, key=_fullness, reverse=True)[:_MAX_LIMITS]
    if not usage:
        return
    cells = [
        (
            f"{used.limit_name} {used.identifier}".rstrip(),
            str(used.window),
            f"{used.used:>7}",
            f"{_fullness(used):>5.0%}",
            _bar(_fullness(used)),
        )
        for used in usage
    ]
    lines = table(("LIMIT", "WINDOW", "   USED", " FULL", ""), cells)
    yield _Line("")
    yield _Line(lines[0], bold=True)
    for line, used in zip(lines[1:], usage, strict=True):
        yield _Line(line, _color_of_fullness(_fullness(used)))


def _fullness(usage: WindowUsage) -> float:
    return usage.used / usage.window.count


def _color_of_fullness(fullness: float) -> str | None:
    if fullness >= 1:
        return "red"
    return "yellow" if fullness >= _NEARLY_FULL else None


def _bar(fullness: float) -> str:
    full = min(_BAR_WIDTH, int(fullness * _BAR_WIDTH))
    return "#" * full + "." * (_BAR_WIDTH - full)


def _suspension_lines(frame: Frame) -> Iterator[_Line]:
    suspensions = frame.suspensions[:_MAX_SUSPENSIONS]
    if not suspensions:
        return
    cells = [
        (
            f"{suspension.level} {suspension.prefix}",
            suspension.country,
            f"{suspension.unproven:>8.1f}",
            format_time(suspension.until),
            "shadow" if frame.is_shadow(suspension) else "",
        )
        for suspension in suspensions
    ]
    lines = table(("SUSPENDED", "COUNTRY", "UNPROVEN", "UNTIL", ""), cells)
    yield _Line("")
    yield _Line(lines[0], bold=True)
    for line, suspension in zip(lines[1:], suspensions, strict=True):
        yield _Line(line, None if frame.is_shadow(suspension) else "red")
    if len(frame.suspensions) > len(suspensions):
        yield _Line(f"and {len(frame.suspensions) - len(suspensions)} more")


def _incident_lines(frame: Frame) -> Iterator[_Line]:
    if incidents := frame.traffic.incidents[-_MAX_INCIDENTS:]:
        yield _Line("")
        yield _Line("INCIDENTS AND CHANGES", bold=True)
    for recorded in reversed(incidents):
        text = click.unstyle(event_text.to_text(recorded))
        yield _Line(text, event_text.color_of(recorded.event))
