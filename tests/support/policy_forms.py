"""The forms of the policy in the console, as an operator sends them."""

from __future__ import annotations

import html
import re

from werkzeug.test import TestResponse

from tests.support.operators import Operator

TTL = {"action": "set", "value.ttl": "5m", "shown.ttl": "10m"}
"""A change of the value `ttl`."""

_FORM = "/policy/change?name=ttl"
_FIELD = re.compile(r'<input type="hidden" name="([^"]+)" value="([^"]*)"')


def fields_of(response: TestResponse) -> dict[str, str]:
    """Return the hidden fields of the form on a preview."""
    found = _FIELD.findall(response.text)
    return {name: html.unescape(value) for name, value in found if name != "csrf_token"}


def preview(operator: Operator, **fields: str) -> TestResponse:
    """Send the form of a change."""
    return operator.submit(_FORM, "/policy/preview", **fields)


def confirm(operator: Operator, shown: TestResponse) -> TestResponse:
    """Confirm the change of a preview."""
    return operator.submit(_FORM, "/policy/changes", **fields_of(shown))


def edit(operator: Operator, shown: TestResponse) -> TestResponse:
    """Return to the form of a preview."""
    return operator.submit(_FORM, "/policy/change", **fields_of(shown))


def set_ttl(operator: Operator, **fields: str) -> TestResponse:
    """Change `ttl`, and what other fields state."""
    return confirm(operator, preview(operator, **TTL | fields))
