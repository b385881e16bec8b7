"""Show the routes of messages, and explain one."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import click

from otp_engine.cli import phone as phone_commands
from otp_engine.cli import policy_context
from otp_engine.cli.common import load_prices
from otp_engine.cli.terminal import fail, table, warn
from otp_engine.composition.engine import build_sandbox_numbers
from otp_engine.domain.inspection import PhoneInspector
from otp_engine.domain.money import amounts
from otp_engine.domain.money.prices import Prices
from otp_engine.domain.phones import phone_keys
from otp_engine.domain.phones.numbers import PhoneNumber
from otp_engine.domain.phones.phone_keys import PhoneKey
from otp_engine.domain.routing.explanation import (
    ExplainedRoute,
    ExplainedStep,
    RouteExplainer,
)
from otp_engine.domain.routing.health import REST
from otp_engine.domain.routing.steps import Step
from otp_engine.operations.context import OperatorContext
from otp_engine.operations.providers import read_routes

_OTHERS = "others"


def show(*, as_json: bool) -> None:
    """Print the live routes.

    Args:
        as_json: Whether to print JSON.
    """
    context = _load()
    report = read_routes(context)
    if report.policy_problem:
        warn(report.policy_problem)
    orders = {name: list(map(str, steps)) for name, steps in report.routes.items()}
    default, problems = list(map(str, report.default)), list(report.problems)
    if as_json:
        shown = {"routes": orders, "default": default, "problems": problems}
        click.echo(json.dumps(shown, indent=2))
        return
    rows = [(name, " > ".join(steps)) for name, steps in orders.items()]
    if "*" not in orders:
        rows.append((_OTHERS, " > ".join(default) or "-"))
    click.echo("\n".join(table(("DESTINATION", "STEPS"), rows)))
    for problem in problems:
        warn(f"routes {problem}: the step is skipped")


def explain(text: str, *, as_json: bool) -> None:
    """Print what would happen to a message.

    Args:
        text: The number; `-` reads it from the standard input.
        as_json: Whether to print JSON.
    """
    context = _load()
    number = phone_commands.read_address(text, context.settings)
    if not isinstance(number, PhoneNumber):
        fail("an e-mail address has no route: its step is email with each provider")
    peppers = context.settings.peppers
    phones = [PhoneKey(phone_keys.pseudonymize(number, pepper)) for pepper in peppers]
    route = RouteExplainer(
        policy=policy_context.live_policy(context),
        channels=context.settings.channels_by_provider,
        usage=context.store.limit_usage,
    ).explain(number, phones)
    excluded = route.excluded or _find_exclusion(number, context)
    sandbox = build_sandbox_numbers(context.settings).get(number.e164)
    weights, prices = _weights(context), load_prices()
    steps = [_to_dict(step, number, prices, weights) for step in route.steps]
    if as_json:
        shown = {
            "phone": number.masked,
            "country": number.country,
            "destination": route.destination,
            "excluded_by": excluded,
            "is_sandbox": sandbox is not None,
            "steps": steps,
        }
        click.echo(json.dumps(shown, indent=2))
        return
    if sandbox:
        last_day = sandbox.valid_through
        click.echo(
            f"{number.masked}: a sandbox number, without messages through {last_day}"
        )
        return
    _print(route, steps, number, prices.currency)
    if excluded:
        warn(f"{excluded} refuses every message to this number")


def _load() -> OperatorContext:
    context = policy_context.load()
    if not context.settings.knows_providers:
        fail(
            "the environment has no complete settings of the service, so its providers"
            " are not known: `otp-engine doctor` shows what is missing"
        )
    return context


def _print(
    route: ExplainedRoute,
    steps: list[dict[str, Any]],
    number: PhoneNumber,
    currency: str,
) -> None:
    title = route.destination or "none, so the default steps"
    click.echo(f"{number.masked} ({number.country}), route: {title}")
    rows = [
        (
            *(str(position), step["step"], step["price"], f"{step['weight']} %"),
            _outcome(step),
        )
        for position, step in enumerate(steps, start=1)
    ]
    header = ("", "STEP", f"PRICE ({currency})", "WEIGHT", "")
    click.echo("\n".join(table(header, rows)))


def _find_exclusion(number: PhoneNumber, context: OperatorContext) -> str | None:
    """Return the rule of the phone or its places that refuses every message."""
    settings, store = context.settings, context.store
    policy = policy_context.live_policy(context)
    channels = settings.offered_channels
    report = PhoneInspector(
        store, store.limit_usage, store.guard, settings.peppers, policy, channels
    ).inspect(number, ())
    exclusion = report.find_exclusion(number, policy, channels)
    return exclusion.rule if exclusion else None


def _outcome(step: dict[str, Any]) -> str:
    """Return what would happen to a message on a step."""
    if step["skipped"]:
        return f"skipped: {step['skipped']}"
    full = [f"{each['limit']} {each['window']}" for each in step["full"]]
    return f"refused: {', '.join(full)}" if full else "can be sent"


def _weights(context: OperatorContext) -> Mapping[Step, int]:
    """Return the weights of the steps that are not at rest."""
    reading = context.store.provider_health.read()
    return {step: health.weight.value for step, health in reading.healths.items()}


def _to_dict(
    explained: ExplainedStep,
    number: PhoneNumber,
    prices: Prices,
    weights: Mapping[Step, int],
) -> dict[str, Any]:
    step = explained.step
    price = prices.price(number.country, step.channel)
    return {
        "step": str(step),
        "price": amounts.format_amount(price),
        "weight": weights.get(step, REST),
        "skipped": explained.skipped,
        "full": [
            {
                "limit": usage.limit_name,
                "window": str(usage.window),
                "resets_in": usage.resets_in // timedelta(seconds=1),
            }
            for usage in explained.full
        ],
    }
