"""`/console/policy`: the values, a change with its preview, and the history."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus
from threading import Lock

from flask import Blueprint, redirect, request, url_for
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import NotFound

from otp_engine.console import policy_groups
from otp_engine.console.change_forms import PERIODS, ChangeForm
from otp_engine.console.console import Console
from otp_engine.domain.policy.summaries import summary
from otp_engine.errors import (
    InvalidChange,
    InvalidEnd,
    PolicyConflict,
    ReplayNotPossible,
    StoreUnavailable,
)
from otp_engine.operations import guard, policy, policy_items, policy_values
from otp_engine.operations.policy import PlannedChange
from otp_engine.operations.policy_values import HistoryEntry
from otp_engine.operations.replay import ReplayResult, replay
from otp_engine.operations.value_forms import hint
from otp_engine.operations.value_meanings import MEANINGS

_PAGE_SIZE = 25
_MAX_EVENTS = 10_000
"""Events that a preview replays, which delays other requests of the worker by a second
or two. The command `otp-engine policy try` reads all of them in its own process."""
_BASIS = "basis"

REPLAYING = Lock()
"""Held while a worker replays: it replays once at a time, so that the delay of other
requests does not add up."""


@dataclass(frozen=True, slots=True)
class Tried:
    """What the replay of the stored sends found.

    Attributes:
        result: The replay; None if there is none.
        problem: Why there is none.
    """

    result: ReplayResult | None = None
    problem: str = ""


def add_to(bp: Blueprint, console: Console) -> None:
    """Add the views to the blueprint of the console."""
    _add_pages(bp, console)
    _add_changes(bp, console)


def _add_pages(bp: Blueprint, console: Console) -> None:
    context = console.context

    @bp.get("/policy")
    def policy_page() -> ResponseReturnValue:
        report = policy_values.read_policy(context)
        return console.render(
            "policy.html",
            report=report,
            groups=policy_groups.grouped(report.values),
            blocks=policy_items.read_blocks(
                context.base, context.versions.live_state()
            ),
            kinds=policy_items.KINDS,
            meanings=MEANINGS,
            summary=summary,
        )

    @bp.get("/policy/history")
    def policy_history() -> ResponseReturnValue:
        entries = policy_values.history(context)
        before = request.args.get("before", type=int)
        shown = [e for e in entries if before is None or e.version.version < before]
        page, rest = shown[:_PAGE_SIZE], shown[_PAGE_SIZE:]
        older = page[-1].version.version if rest else None
        return console.render("policy_history.html", entries=page, older=older)

    @bp.get("/policy/versions/<int:number>")
    def policy_version(number: int) -> ResponseReturnValue:
        entries = policy_values.history(context)
        return console.render(
            "policy_version.html",
            entry=_find(entries, number),
            is_newest=entries[0].version.version == number,
            is_new="new" in request.args,
        )


def _add_changes(bp: Blueprint, console: Console) -> None:
    @bp.get("/policy/change")
    def policy_change() -> ResponseReturnValue:
        form = ChangeForm.of(request.args)
        if form.action == "set":
            form = _with_live_values(console, form, request.args.getlist("name"))
        return _form_page(console, form)

    @bp.post("/policy/change")
    def policy_change_again() -> ResponseReturnValue:
        return _form_page(console, ChangeForm.of(request.form))

    @bp.post("/policy/preview")
    def policy_preview() -> ResponseReturnValue:
        form = ChangeForm.of(request.form)
        try:
            planned = _plan(console, form)
        except InvalidChange as error:
            return _form_page(console, form, error), HTTPStatus.BAD_REQUEST
        return _preview_page(console, form, planned)

    @bp.post("/policy/changes")
    def policy_commit() -> ResponseReturnValue:
        form = ChangeForm.of(request.form)
        try:
            planned = _plan(console, form)
        except InvalidChange as error:
            return _form_page(console, form, error), HTTPStatus.BAD_REQUEST
        try:
            return _commit(console, form, planned)
        except PolicyConflict as error:
            page = _preview_page(console, form, _plan(console, form), error.message)
            return page, HTTPStatus.CONFLICT


def _plan(console: Console, form: ChangeForm) -> PlannedChange:
    return policy.plan(console.context, form.build(console.context), form.until())


def _commit(
    console: Console, form: ChangeForm, planned: PlannedChange
) -> ResponseReturnValue:
    """Store a change that the operator has confirmed.

    Raises:
        PolicyConflict: The policy is another one than in the preview.
    """
    context, is_lift = console.context, form.action == "lift"
    if not (planned.changes or is_lift):
        return _preview_page(console, form, planned)
    if planned.basis != request.form.get(_BASIS):
        raise PolicyConflict
    number = None
    if planned.changes:
        number = policy.commit(
            context, planned, author=console.operator, reason=form.reason or None
        ).version
    if is_lift:
        restarted = _restart(console, form.place)
        target = url_for(".guard_page", version=number, restarted=restarted, lifted="")
    else:
        target = url_for(".policy_version", number=number, new="")
    return redirect(target, HTTPStatus.SEE_OTHER)


def _restart(console: Console, place: str) -> int | None:
    """Start the guard again in a place; return None if Redis did not reply.

    The exemption is stored already, so the page states what is left to do.
    """
    try:
        return guard.restart(console.context, guard.parse_place(place))
    except StoreUnavailable:
        return None


def _form_page(
    console: Console, form: ChangeForm, error: InvalidChange | None = None
) -> str:
    live = policy_values.read_policy(console.context).values
    return console.render(
        "policy_change.html",
        form=form,
        live=live,
        hints={name: hint(name) for name in form.values},
        meanings=MEANINGS,
        kinds=policy_items.KINDS,
        periods=PERIODS,
        problems=_problems(error),
        # A problem of a value starts with its name.
        invalid={each.partition(" ")[0] for each in error.problems} if error else (),
        warnings=error.warnings if error else (),
        summary=summary,
    )


def _problems(error: InvalidChange | None) -> list[str]:
    start = "the end " if isinstance(error, InvalidEnd) else ""
    return [f"{start}{problem}" for problem in error.problems] if error else []


def _preview_page(
    console: Console, form: ChangeForm, planned: PlannedChange, conflict: str = ""
) -> str:
    return console.render(
        "policy_preview.html",
        form=form,
        planned=planned,
        tried=_try(console, form, planned),
        conflict=conflict,
        latest=policy_values.history(console.context, 1) if conflict else (),
    )


def _try(console: Console, form: ChangeForm, planned: PlannedChange) -> Tried | None:
    """Replay the stored sends against the new values, as `policy try` does."""
    period, values = PERIODS.get(form.period), planned.replayable
    if period is None or not values:
        return None
    if not REPLAYING.acquire(blocking=False):
        return Tried(
            problem="another preview replays at the moment; edit and preview again"
        )
    context = console.context
    try:
        since = context.clock() - period
        return Tried(replay(context, values, since, max_events=_MAX_EVENTS))
    except ReplayNotPossible as error:
        return Tried(problem=error.message)
    finally:
        REPLAYING.release()


def _with_live_values(
    console: Console, form: ChangeForm, names: Sequence[str]
) -> ChangeForm:
    live = policy_values.read_policy(console.context).values
    known = {name: live[name].value.text for name in live if name in names}
    if not known:
        raise NotFound
    return ChangeForm(action="set", values=known, shown=known, period=form.period)


def _find(entries: Sequence[HistoryEntry], number: int) -> HistoryEntry:
    for entry in entries:
        if entry.version.version == number:
            return entry
    raise NotFound
