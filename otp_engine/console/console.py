"""What the pages of the console have in common."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from flask import g, render_template

from otp_engine.console import cookies
from otp_engine.console.access import Access
from otp_engine.domain.policy.policy import Policy
from otp_engine.operations.context import OperatorContext
from otp_engine.operations.times import format_time

NAVIGATION = (
    ("console.overview", "Overview"),
    ("console.policy_page", "Policy"),
    ("console.guard_page", "Guard"),
    ("console.events", "Events"),
    ("console.phone", "Phone"),
)
"""The endpoint and the name of each page, in the order of the navigation."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Console:
    """The stores and the access of the pages.

    Attributes:
        context: The settings and the store of the service, for operations.
        access: Who may see the pages.
        current_policy: Returns the live policy.
    """

    context: OperatorContext
    access: Access
    current_policy: Callable[[], Policy]

    @property
    def operator(self) -> str:
        """Name of the operator who sent this request."""
        name: str = g.console_operator
        return name

    def render(self, template: str, **values: object) -> str:
        """Return a page.

        Args:
            template: File name of the template below `templates/console`.
            values: Its values.
        """
        return render_template(
            f"console/{template}",
            navigation=NAVIGATION,
            operator=g.get("console_operator"),
            can_sign_out=bool(self.context.settings.console.keys),
            csrf_token=cookies.form_token(g.console_token),
            format_time=format_time,
            dev=self.context.settings.dev,
            **values,
        )
