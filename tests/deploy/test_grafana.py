"""The dashboard of `deploy/grafana`: variables, thresholds, descriptions and links."""

from __future__ import annotations

import copy
import json
import re
import subprocess
from pathlib import Path

import pytest

from otp_engine.domain.money.budget import LEVELS
from otp_engine.domain.policy.policy import Policy
from tests.deploy.test_prometheus import (
    DASHBOARD,
    DASHBOARD_JSON,
    FOLDER,
    PANELS,
    anchors_of_operations,
)
from tests.support import node, redis_server

DASHBOARD_TYPES = Path(__file__).parent / "grafana"


@pytest.mark.parametrize("title", PANELS)
def test_panel_has_description_and_link_to_operations(title):
    panel = PANELS[title]
    [link] = panel["links"]
    folder, _, anchor = link["url"].partition("/operations.md#")

    text, _, reference = panel["description"].partition("\n\n")
    assert text.endswith(".")
    assert folder == "${docs_url}"
    assert anchor in anchors_of_operations()
    assert reference == f"[docs/operations.md#{anchor}]({link['url']})"


def test_dashboard_has_no_fixed_data_source_job_or_instance():
    text = DASHBOARD.read_text()
    names = [variable["name"] for variable in DASHBOARD_JSON["templating"]["list"]]

    assert names[:3] == ["datasource", "job", "instance"]
    assert set(re.findall(r'"uid": "([^"]+)"', text)) == {
        "${datasource}",
        DASHBOARD_JSON["uid"],
    }
    assert 'job=\\"otp-engine' not in text


@pytest.mark.parametrize("title", PANELS)
def test_every_metric_of_the_service_is_selected_by_job(title):
    for target in PANELS[title]["targets"]:
        for name, selector in re.findall(
            r"\b(otp_\w+|up)\b(?!:)(\{[^}]*\})?", target["expr"]
        ):
            assert selector.startswith('{job=~"$job"'), name


def test_variables_of_queries_are_defined():
    defined = {variable["name"] for variable in DASHBOARD_JSON["templating"]["list"]}
    used = set(re.findall(r"\$\{?([a-z_]+)", DASHBOARD.read_text()))

    assert used - {"__rate_interval", "__range", "__all"} == defined


@pytest.mark.parametrize("title", ["Conversion", "Conversion by country (1 h)"])
def test_low_conversion_is_red_where_the_alert_fires(title):
    steps = PANELS[title]["fieldConfig"]["defaults"]["thresholds"]["steps"]

    assert [(step["color"], step["value"]) for step in steps][:2] == [
        ("red", None),
        ("orange", 0.2),
    ]
    assert "otp:conversion:ratio1h < 0.2" in (FOLDER / "alerts.yml").read_text()


def steps_of(title):
    steps = PANELS[title]["fieldConfig"]["defaults"]["thresholds"]["steps"]
    return [step["value"] for step in steps]


def test_lines_of_unproven_messages_are_the_defaults_of_the_guard():
    policy = Policy()

    assert steps_of("Unproven messages by country") == [
        None,
        policy.guard_pressure.default,
        policy.guard_wide.default,
    ]


def test_colors_of_the_budget_change_at_the_reported_levels():
    assert steps_of("Budget in use") == [None, *(level / 100 for level in LEVELS)]


@pytest.mark.parametrize(
    ("title", "name", "words"),
    [
        ("Policy", "sending", {"0": ("off", "red"), "1": ("on", "green")}),
        (
            "Policy",
            "newest version",
            {"0": ("accepted", "green"), "1": ("rejected", "red")},
        ),
        (
            "Locked factors (1 h)",
            "factor key",
            {"0": ("unusable", "red"), "1": ("usable", "green")},
        ),
    ],
)
def test_state_is_shown_as_a_word_in_its_color(title, name, words):
    panel = PANELS[title]
    [mapping] = [
        property_["value"][0]["options"]
        for override in panel["fieldConfig"]["overrides"]
        if override["matcher"]["options"] == name
        for property_ in override["properties"]
    ]

    assert name in [target["legendFormat"] for target in panel["targets"]]
    assert {
        value: (shown["text"], shown["color"]) for value, shown in mapping.items()
    } == words


def test_panels_of_the_dashboard_do_not_overlap():
    places = [panel["gridPos"] for panel in DASHBOARD_JSON["panels"]]
    cells = [
        (x, y)
        for place in places
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    ]

    assert len(cells) == len(set(cells))
    assert max(x for x, _ in cells) < 24


def problems_of(pytestconfig, dashboard):
    """Return what the types of Grafana reject in *dashboard*."""
    folder = node.install(pytestconfig.cache, DASHBOARD_TYPES)
    result = subprocess.run(
        [redis_server.program("node", required_by="OTP_REQUIRE_NODE"), "check.mjs"],
        cwd=folder,
        input=json.dumps(dashboard),
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    return result.stdout.splitlines()


@pytest.mark.e2e
def test_dashboard_conforms_to_the_types_of_grafana(pytestconfig):
    assert problems_of(pytestconfig, DASHBOARD_JSON) == []


@pytest.mark.e2e
def test_types_of_grafana_reject_a_misspelled_field_and_an_unknown_value(pytestconfig):
    panel = copy.deepcopy(PANELS["Budget in use"])
    panel["targets"][0]["legendFormt"] = "spent"
    panel["fieldConfig"]["defaults"]["thresholds"]["mode"] = "relative"

    problems = problems_of(pytestconfig, {"title": "One", "panels": [panel]})

    assert len(problems) == 2
    assert all(problem.startswith("Budget in use, ") for problem in problems)
    assert "legendFormt" in "".join(problems)


def test_share_of_a_country_has_the_colors_of_the_budget():
    assert steps_of("Share of the budget by country") == steps_of("Budget in use")
