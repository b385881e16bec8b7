"""The rules, alerts and dashboard of `deploy/` against the metrics of the service."""

from __future__ import annotations

import json
import re
import subprocess
import urllib.error
import urllib.parse
import urllib.request
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

from otp_engine.domain.channels import Channel
from otp_engine.domain.money.budget import BudgetRules
from otp_engine.domain.money.ledger import Ledger
from otp_engine.domain.money.report import Spending
from otp_engine.domain.routing.steps import Step
from otp_engine.ops.prometheus import PrometheusMetrics
from tests.support import redis_server, server_process

ROOT = Path(__file__).parent.parent.parent
FOLDER = ROOT / "deploy" / "prometheus"
DASHBOARD = ROOT / "deploy" / "grafana" / "dashboards" / "otp-engine.json"
ALERTS = re.findall(r"- alert: (\w+)", (FOLDER / "alerts.yml").read_text())
RECORDED = set(re.findall(r"- record: (\S+)", (FOLDER / "rules.yml").read_text()))
LABELS = {"otp_docs_url"}
KEY = "metrics-secret-0123456789"


@pytest.fixture
def promtool():
    """Return a function that runs promtool in `deploy/prometheus`."""
    program = redis_server.program("promtool", required_by="OTP_REQUIRE_PROMETHEUS")

    def run(*arguments):
        return subprocess.run(
            [program, *arguments],
            cwd=FOLDER,
            capture_output=True,
            text=True,
            check=False,
        )

    return run


VARIABLES = {
    "$__rate_interval": "1m",
    "$__range": "1h",
    "$country": ".*",
    "$job": ".*",
    "$instance": ".*",
    "$objective": "99.9",
}
DASHBOARD_JSON = json.loads(DASHBOARD.read_text())
PANELS = {
    panel["title"]: panel
    for panel in DASHBOARD_JSON["panels"]
    if panel["type"] != "row"
}
OPERATIONS = (ROOT / "docs" / "operations.md").read_text()


def anchors_of_operations() -> set[str]:
    """Return the anchors of the headings of the operations page."""
    headings = re.findall(r"^#+ (.+)$", OPERATIONS, re.MULTILINE)
    plain = [re.sub(r"[^\w\- ]", "", heading.lower()) for heading in headings]
    return {heading.replace(" ", "-") for heading in plain}


def annotations_of_alerts(name: str) -> dict[str, str]:
    """Return the value of an annotation of each alert."""
    text = (FOLDER / "alerts.yml").read_text()
    rules = re.split(r"^ +- alert: ", text, flags=re.MULTILINE)[1:]
    found = {}
    for rule in rules:
        alert = rule.partition("\n")[0]
        if value := re.search(rf'^ +{name}: "(.+)"$', rule, re.MULTILINE):
            found[alert] = value[1]
    return found


def dashboard_queries() -> Iterator[str]:
    """Yield every query of the dashboard with its variables filled in."""
    for panel in PANELS.values():
        for target in panel.get("targets", []):
            query = target["expr"]
            for variable, value in VARIABLES.items():
                query = query.replace(variable, value)
            yield query


def metrics_page() -> str:
    """Return the metrics of a service that has not served a request yet."""
    metrics = PrometheusMetrics(countries=["IN"])
    metrics.add_guard(list).refresh()
    metrics.add_budget(
        lambda: Spending(whole=Ledger(hour=0, first=0), by_country={}),
        lambda: BudgetRules(amount=None, currency="USD"),
    )
    metrics.add_providers(dict, [Step(Channel.SMS, "twilio")])
    metrics.add_factor_key(lambda: True).refresh()
    return metrics.render("text/plain")[0].decode()


def exposed_names() -> set[str]:
    """Return the name of every series that the service exposes."""
    types = dict(re.findall(r"^# TYPE (\S+) (\w+)$", metrics_page(), re.MULTILINE))
    suffixes = {"histogram": ("_bucket", "_sum", "_count"), "counter": ("",)}
    return {
        name + suffix
        for name, kind in types.items()
        for suffix in suffixes.get(kind, ("",))
    }


def queried_names(text: str) -> set[str]:
    return set(re.findall(r"\botp[_:][a-z0-9_:]+", text)) - {"otp_engine"} - LABELS


def exposed_label_values() -> dict[tuple[str, str], set[str]]:
    """Return the values of each (metric, label) that start at 0."""
    values = defaultdict(set)
    for name, labels in re.findall(r"^(otp_\w+)\{(.*)\}", metrics_page(), re.MULTILINE):
        for label, value in re.findall(r'(\w+)="([^"]*)"', labels):
            values[name, label].add(value)
    return values


def queried_label_values(text: str) -> Iterator[tuple[str, str, str]]:
    """Yield (metric, label, value) of every selector; a regex yields each branch."""
    for name, selectors in re.findall(r"\b(otp_\w+)\{([^}]*)\}", text):
        for label, pattern in re.findall(r'(\w+)(?:=~|!=|=)"([^"]*)"', selectors):
            for value in pattern.split("|"):
                yield name, label, value


@pytest.mark.e2e
@pytest.mark.parametrize(
    "arguments",
    [
        ("check", "config", "--syntax-only", "prometheus.yml"),
        ("check", "rules", "rules.yml", "alerts.yml"),
        ("test", "rules", "alerts_test.yml"),
    ],
)
def test_promtool_accepts_shipped_configuration(promtool, arguments):
    result = promtool(*arguments)

    assert result.returncode == 0, result.stdout + result.stderr


def test_every_alert_has_a_promtool_test():
    tested = re.findall(r"alertname: (\w+)", (FOLDER / "alerts_test.yml").read_text())

    assert set(tested) == set(ALERTS)


@pytest.mark.parametrize("alert", ALERTS)
def test_operations_page_documents_alert(alert):
    assert f"`{alert}`" in (ROOT / "docs" / "operations.md").read_text()


@pytest.mark.parametrize("alert", ALERTS)
def test_alert_has_summary_description_and_runbook(alert):
    runbook = annotations_of_alerts("runbook_url")[alert]
    folder, _, anchor = runbook.partition("/operations.md#")

    assert annotations_of_alerts("summary")[alert]
    assert annotations_of_alerts("description")[alert].endswith(".")
    assert folder == (
        "{{ with $externalLabels.otp_docs_url }}{{ . }}{{ else }}docs{{ end }}"
    )
    assert anchor == alert.lower()
    assert anchor in anchors_of_operations()


@pytest.mark.parametrize("file", ["rules.yml", "alerts.yml"])
def test_rules_query_exposed_metrics_only(file):
    assert queried_names((FOLDER / file).read_text()) <= exposed_names() | RECORDED


@pytest.mark.parametrize("file", ["rules.yml", "alerts.yml"])
def test_rules_select_exposed_label_values_only(file):
    exposed = exposed_label_values()

    for name, label, value in queried_label_values((FOLDER / file).read_text()):
        assert value in exposed[name, label], f'{name}{{{label}="{value}"}}'


def test_dashboard_queries_exposed_metrics_only():
    names = queried_names(" ".join(dashboard_queries()))

    assert names <= exposed_names() | RECORDED
    assert len(names) > 15


def test_promtool_parses_every_dashboard_query(promtool, tmp_path):
    rules = [
        {"record": f"panel:{n}", "expr": query}
        for n, query in enumerate(dashboard_queries())
    ]
    file = tmp_path / "dashboard.yml"
    # JSON is a subset of YAML.
    file.write_text(json.dumps({"groups": [{"name": "panels", "rules": rules}]}))

    result = promtool("check", "rules", str(file))

    assert result.returncode == 0, result.stdout + result.stderr


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory):
    """Run Prometheus with the shipped files; it scrapes one instance every second."""
    program = redis_server.program("prometheus", required_by="OTP_REQUIRE_PROMETHEUS")
    port, tmp_path = redis_server.free_port(), tmp_path_factory.mktemp("prometheus")
    environ = {"OTP_METRICS_KEY": KEY, "OTP_DEV": "1", "OTP_ADMIN_PORT": "0"}
    with server_process.running_server("--dev", **environ) as service:
        for file in FOLDER.glob("*.yml"):
            adapted = _for_one_instance(file.read_text(), tmp_path, service.admin_port)
            (tmp_path / file.name).write_text(adapted)
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
            redis_server.wait_until(lambda: redis_server.listens(port))
            yield service, port
            process.terminate()


def _for_one_instance(text, folder, port):
    discovery = re.compile(r"dns_sd_configs:.*?port: 3002\n", re.DOTALL)
    instance = f"static_configs: [{{targets: ['127.0.0.1:{port}']}}]\n"
    text = discovery.sub(instance, text).replace(": 15s", ": 1s")
    return text.replace("/tmp/metrics_key", str(folder / "metrics_key"))  # noqa: S108 - a path of the container


RULE_OF_THE_ADAPTER = re.search(
    r"metricsQuery: \|-\n(.*?)```",
    (ROOT / "docs" / "kubernetes.md").read_text(),
    re.DOTALL,
)


@pytest.mark.e2e
def test_prometheus_answers_every_query_of_the_dashboard(prometheus):
    service, port = prometheus
    check = {"phone": "9445012346", "otp": "000000"}
    service.post("/auth/send_otp", {"phone": "9445012346"})
    service.post("/auth/verify_otp", check)
    redis_server.wait_until(
        lambda: query(port, 'sum(otp_checks_total{outcome="wrong"})') == ["1"]
    )

    queries = list(dashboard_queries())

    def with_series():
        # An error while a query runs, such as many series on both sides, fails here.
        return sum(read_values(port, expression) != [] for expression in queries)

    # A rate needs two scrapes, and some events do not happen here.
    redis_server.wait_until(lambda: with_series() > len(queries) / 2)


@pytest.mark.e2e
def test_rule_of_the_adapter_returns_the_wait_of_each_instance(prometheus):
    service, port = prometheus
    assert RULE_OF_THE_ADAPTER
    rule = RULE_OF_THE_ADAPTER[1].replace("<<.GroupBy>>", "instance")
    rule = rule.replace("<<.LabelMatchers>>", 'job="otp-engine"')
    service.post("/auth/send_otp", {"phone": "9445012347"})

    redis_server.wait_until(lambda: query(port, rule) != [])

    [wait] = query(port, rule)
    assert 0 <= float(wait) < 1


@pytest.mark.e2e
def test_prometheus_with_shipped_files_scrapes_the_service(prometheus):
    service, port = prometheus
    service.post("/auth/send_otp", {"phone": "9445012345"})

    redis_server.wait_until(
        lambda: query(port, 'sum(otp_sends_total{country="IN"}) > 0') != []
    )

    assert query(port, 'up{job="otp-engine"}') == ["1"]
    assert query(port, "otp_policy_sending_enabled") == ["1"]
    redis_server.wait_until(lambda: query(port, "otp:sends:increase1h") != [])


def query(port, expression):
    try:
        return read_values(port, expression)
    except urllib.error.HTTPError:
        # Prometheus listens before it is ready.
        return []


def read_values(port, expression):
    """Return the values of the series that *expression* has now."""
    parameters = urllib.parse.urlencode({"query": expression})
    url = f"http://127.0.0.1:{port}/api/v1/query?{parameters}"
    with urllib.request.urlopen(url, timeout=10) as response:
        series = json.load(response)["data"]["result"]
    return [sample["value"][1] for sample in series]
