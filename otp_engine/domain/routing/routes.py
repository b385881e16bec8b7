"""Routes: the steps for each destination.

    IN=whatsapp:twilio>sms:msg91, +4477=call:twilio, *=sms:twilio>call:twilio

The destination of a route is a country, a prefix of numbers, or `*` for all others. The
steps are in the order in which a message tries them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from otp_engine.domain.channels import Channel
from otp_engine.domain.limits import names
from otp_engine.domain.phones.prefixes import Prefix, PrefixIndex
from otp_engine.domain.routing.steps import Step

if TYPE_CHECKING:
    # The help of the command line imports this module, and needs no numbering plans.
    from otp_engine.domain.phones.numbers import PhoneNumber

ALL_OTHERS = "*"
"""The destination of numbers without a route of their own."""

MAX_ROUTES = 10_000
"""Routes in one value. Every policy version contains all of its values as text."""

_MAX_STEPS = 10
_OFF = "off"
_FORM = "must be routes such as IN=whatsapp:twilio>sms:twilio, or off"


@dataclass(frozen=True, slots=True)
class Routes:
    """The routes of a policy; without one, every number has the default steps.

    Attributes:
        by_destination: The destinations and their steps: countries, then prefixes, then
            `*`.
    """

    by_destination: tuple[tuple[str, tuple[Step, ...]], ...] = ()
    _steps: Mapping[str, tuple[Step, ...]] = field(
        init=False, repr=False, compare=False
    )
    _prefixes: PrefixIndex = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        destinations = [name for name, _ in self.by_destination]
        prefixes = [Prefix(name) for name in destinations if name.startswith("+")]
        object.__setattr__(self, "_steps", dict(self.by_destination))
        object.__setattr__(self, "_prefixes", PrefixIndex(prefixes))

    @classmethod
    def parse(cls, text: str) -> Routes:
        """Parse `DESTINATION=STEP[>STEP ...][, ...]`, or `off` for no routes.

        Raises:
            ValueError: A destination or a step cannot be parsed or occurs twice, a
                route has no step, or there are too many. The message follows the name
                of a setting.
        """
        if text.strip().lower() == _OFF:
            return cls()
        routes: dict[str, tuple[Step, ...]] = {}
        for part in text.split(","):
            destination, equals, order = part.partition("=")
            if not equals:
                raise ValueError(f"{_FORM}: {part.strip()!r}")
            name = _parse_destination(destination.strip())
            if name in routes:
                raise ValueError(f"must have each destination once: {name!r}")
            routes[name] = _parse_order(order.strip(), name)
        if len(routes) > MAX_ROUTES:
            raise ValueError(f"must have at most {MAX_ROUTES} routes: {len(routes)}")
        return cls(tuple(sorted(routes.items(), key=_position)))

    def steps_for(self, number: PhoneNumber) -> tuple[Step, ...]:
        """Return the steps for a number: its longest prefix, its country, or `*`.

        Returns:
            The steps; none without a route.
        """
        return self._steps.get(self.destination_of(number) or "", ())

    def destination_of(self, number: PhoneNumber) -> str | None:
        """Return the destination of the route of a number; None without a route."""
        if not self.by_destination:
            return None
        if prefixes := self._prefixes.matching(number.e164):
            return prefixes[-1].text
        if number.country in self._steps:
            return number.country
        return ALL_OTHERS if ALL_OTHERS in self._steps else None

    def find_problems(self, channels: Mapping[str, Sequence[Channel]]) -> list[str]:
        """Return a sentence end for each step that the providers cannot take.

        Args:
            channels: The channels of each configured provider.
        """
        steps = dict.fromkeys(
            step for _, steps in self.by_destination for step in steps
        )
        problems = []
        for step in steps:
            offered = channels.get(step.provider)
            if offered is None:
                problems.append(
                    f"has {step}, and OTP_SENDER has no {step.provider}"
                    f" ({', '.join(channels)})"
                )
            elif step.channel not in offered:
                problems.append(
                    f"has {step}, and {step.provider} sends"
                    f" {', '.join(offered) or 'nothing'} only"
                )
        return problems

    def __str__(self) -> str:
        routes = (
            f"{name}={'>'.join(map(str, steps))}" for name, steps in self.by_destination
        )
        return ", ".join(routes) or _OFF


def _parse_destination(text: str) -> str:
    if text == ALL_OTHERS:
        return text
    if text.startswith("+"):
        return Prefix.parse(text).text
    if not text:
        raise ValueError(f"{_FORM}: a route has no destination")
    return names.COUNTRY.parse(text)


def _parse_order(text: str, destination: str) -> tuple[Step, ...]:
    if not text:
        raise ValueError(f"must have at least one step for {destination}")
    steps = tuple(Step.parse(part.strip()) for part in text.split(">"))
    if len(set(steps)) < len(steps):
        raise ValueError(f"must have each step once for {destination}: {text!r}")
    if len(steps) > _MAX_STEPS:
        raise ValueError(f"must have at most {_MAX_STEPS} steps for {destination}")
    return steps


def _position(route: tuple[str, object]) -> tuple[int, str]:
    name = route[0]
    return 2 if name == ALL_OTHERS else int(name.startswith("+")), name
