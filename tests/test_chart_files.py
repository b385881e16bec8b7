"""The parts of the chart that `make chart` writes."""

from __future__ import annotations

import json

from otp_engine import __version__
from tests import chart_files


def test_chart_has_the_version_of_the_service():
    text = chart_files.DESCRIPTION.read_text()

    assert chart_files.updated_description(text) == text, "run `make chart`"
    assert text.count(__version__) == 2


def test_schema_of_the_chart_has_every_setting():
    text = chart_files.SCHEMA.read_text()

    assert chart_files.updated_schema(text) == text, "run `make chart`"


def test_readme_of_the_chart_lists_every_value():
    text = chart_files.README.read_text()

    assert chart_files.updated_readme(text) == text, "run `make chart`"


def test_examples_in_comments_are_no_part_of_the_meaning():
    text = "# Peers.\n#  - example\nfrom: []\nplain:\n  # Inner.\n  key: 1\n"

    assert list(chart_files.documented_values(text)) == [
        ("from", "[]", "Peers."),
        ("plain.key", "1", "Inner."),
    ]


def test_schema_has_no_secret_among_the_settings():
    schema = json.loads(chart_files.SCHEMA.read_text())["properties"]
    settings = schema["settings"]

    assert settings["additionalProperties"] is False
    assert "OTP_PEPPER" not in settings["properties"]
    assert "OTP_PEPPER" in schema["secrets"]["properties"]["settings"]["items"]["enum"]
