"""The files in `deploy/` for Prometheus and Grafana match the metrics."""

from __future__ import annotations

import json
import re
import subprocess
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from otp_engine.ops.metrics import Metrics
from tests import processes, servers

ROOT = Path(__file__).parent.parent.parent
FOLDER = ROOT / "deploy" / "prometheus"
DASHBOARD = ROOT / "deploy" / "grafana" / "dashboards" / "otp-engine.json"
ALERTS = re.findall(r"- alert: (\w+)", (FOLDER / "alerts.yml").read_text())
RECORDED = set(re.findall(r"- record: (\S+)", (FOLDER / "rules.yml").read_text()))
KEY = "metrics-secret-0123456789"


@pytest.fixture
def promtool():
    program = servers.program("promtool", required_by="OTP_REQUIRE_PROMETHEUS")

    def run(*words):
        return subprocess.run(
            [program, *words], cwd=FOLDER, capture_output=True, text=True, check=False
        )

    return run


def expressions() -> Iterator[str]:
    """Every query of the dashboard, as Prometheus would see it."""
    panels = json.loads(DASHBOARD.read_text())["panels"]
    for panel in panels:
        for target in panel.get("targets", []):
            filled = target["expr"].replace("$__rate_interval", "1m")
            yield filled.replace("$__range", "1h").replace("$country", ".*")


def told() -> set[str]:
    """Return the name of every series that the service can report."""
    page = Metrics().page("text/plain")[0].decode()
    kinds = dict(re.findall(r"^# TYPE (\S+) (\w+)$", page, re.MULTILINE))
    parts = {"histogram": ("_bucket", "_sum", "_count"), "counter": ("",)}
    return {
        name + part for name, kind in kinds.items() for part in parts.get(kind, ("",))
    }


def asked(text: str) -> set[str]:
    return set(re.findall(r"\botp[_:][a-z0-9_:]+", text)) - {"otp_engine"}


@pytest.mark.parametrize(
    "words",
    [
        ("check", "config", "--syntax-only", "prometheus.yml"),
        ("check", "rules", "rules.yml", "alerts.yml"),
        ("test", "rules", "alerts_test.yml"),
    ],
)
def test_prometheuss_own_tool_accepts_what_is_shipped(promtool, words):
    result = promtool(*words)

    assert result.returncode == 0, result.stdout + result.stderr


def test_every_alert_is_tried():
    tried = re.findall(r"alertname: (\w+)", (FOLDER / "alerts_test.yml").read_text())

    assert set(tried) == set(ALERTS)


@pytest.mark.parametrize("alert", ALERTS)
def test_every_alert_is_explained(alert):
    assert f"`{alert}`" in (ROOT / "docs" / "operations.md").read_text()


@pytest.mark.parametrize("file", ["rules.yml", "alerts.yml"])
def test_rules_ask_for_what_is_told(file):
    assert asked((FOLDER / file).read_text()) <= told() | RECORDED


def test_the_dashboard_asks_for_what_is_told():
    names = asked(" ".join(expressions()))

    assert names <= told() | RECORDED
    assert len(names) > 15


def test_every_query_of_the_dashboard_can_be_read(promtool, tmp_path):
    rules = [
        {"record": f"panel:{n}", "expr": query} for n, query in enumerate(expressions())
    ]
    file = tmp_path / "dashboard.yml"
    # JSON is YAML.
    file.write_text(json.dumps({"groups": [{"name": "panels", "rules": rules}]}))

    result = promtool("check", "rules", str(file))

    assert result.returncode == 0, result.stdout + result.stderr


@pytest.fixture
def prometheus(tmp_path):
    """Run a Prometheus as it is shipped, but that it scrapes one instance, at once."""
    program = servers.program("prometheus", required_by="OTP_REQUIRE_PROMETHEUS")
    port = servers.free_port()
    environ = {"OTP_METRICS_KEY": KEY, "OTP_DEV": "1"}
    with processes.serving("--dev", **environ) as served:
        for file in FOLDER.glob("*.yml"):
            (tmp_path / file.name).write_text(_here(file.read_text(), tmp_path, served))
        (tmp_path / "metrics_key").write_text(KEY)
        with subprocess.Popen(
            [
                program,
                f"--config.file={tmp_path / 'prometheus.yml'}",
                f"--storage.tsdb.path={tmp_path / 'data'}",
                f"--web.listen-address=127.0.0.1:{port}",
            ],
            stderr=subprocess.DEVNULL,
        ) as process:
            servers.wait_until(lambda: servers.listens(port))
            yield served, port
            process.terminate()


def _here(text, folder, served):
    discovery = re.compile(r"dns_sd_configs:.*?port: 3000\n", re.DOTALL)
    found = f"static_configs: [{{targets: ['127.0.0.1:{served.port}']}}]\n"
    text = discovery.sub(found, text).replace(": 15s", ": 1s")
    return text.replace("/tmp/metrics_key", str(folder / "metrics_key"))  # noqa: S108 - a path of the container


def test_a_prometheus_with_what_is_shipped_sees_the_service(prometheus):
    served, port = prometheus
    served.post("/auth/send_otp", {"phone": "9445012345"})

    servers.wait_until(lambda: ask(port, 'sum(otp_sends_total{country="IN"})') == ["1"])

    assert ask(port, 'up{job="otp-engine"}') == ["1"]
    assert ask(port, "otp_policy_sending") == ["1"]
    servers.wait_until(lambda: ask(port, "otp:sends:increase1h") != [])


def ask(port, query):
    words = urllib.parse.urlencode({"query": query})
    url = f"http://127.0.0.1:{port}/api/v1/query?{words}"
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            found = json.load(answer)["data"]["result"]
    except urllib.error.HTTPError:
        # It listens before it is ready.
        return []
    return [one["value"][1] for one in found]
