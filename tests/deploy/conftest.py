"""Helm for the tests of the chart."""

from __future__ import annotations

import pytest

from tests.support import helm as helm_program


@pytest.fixture(scope="session")
def helm(pytestconfig):
    return helm_program.install(pytestconfig.cache)
