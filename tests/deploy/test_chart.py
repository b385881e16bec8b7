"""The objects of the Helm chart: valid, and in agreement with each other."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from functools import cache

import pytest
import yaml
from kubernetes_validate.utils import latest_version, validate

from otp_engine import config
from otp_engine.config import secret_settings
from tests import chart_files
from tests.deploy import chart_values
from tests.deploy.chart_values import FULL, INGRESS, MINIMAL, SETS
from tests.deploy.test_prometheus import DASHBOARD, FOLDER
from tests.support import helm as helm_program
from tests.support.helm import CHART, Helm, Resource, one

pytestmark = pytest.mark.e2e
# The oldest release that the chart accepts, and the newest one with a schema.
KUBERNETES = ("1.27", latest_version())
GROUPS_OF_KUBERNETES = {
    "v1",
    "apps/v1",
    "autoscaling/v2",
    "networking.k8s.io/v1",
    "policy/v1",
}
NAMED = {"OTP_CONSOLE_USER_HEADER": "X-Forwarded-Email", "OTP_TRUSTED_PROXIES": "1"}
Render = Callable[[str], list[Resource]]


@pytest.fixture(scope="module")
def render(helm) -> Render:
    """Return a function that renders the chart with a set of values, once each."""
    return cache(lambda name: helm.render(SETS[name]))


by_set = pytest.mark.parametrize("name", SETS)


def pod_of(resources: list[Resource]) -> Resource:
    return one(resources, "Deployment")["spec"]["template"]


def container_of(resources: list[Resource]) -> Resource:
    [container] = pod_of(resources)["spec"]["containers"]
    return container


def selects(selector: dict[str, str], labels: dict[str, str]) -> bool:
    return bool(selector) and selector.items() <= labels.items()


@by_set
def test_helm_lint_accepts_the_chart(helm, name):
    result = helm.run("lint", "--strict", str(CHART), values=SETS[name])

    assert result.returncode == 0, result.stdout


@by_set
@pytest.mark.parametrize("version", KUBERNETES)
def test_objects_conform_to_the_schema_of_kubernetes(render, name, version):
    checked = [
        resource
        for resource in render(name)
        if resource["apiVersion"] in GROUPS_OF_KUBERNETES
    ]

    for resource in checked:
        validate(resource, version, strict=True)
    assert len(checked) >= 3


def test_custom_resources_conform_to_their_schemas(helm, render):
    custom = [
        resource
        for resource in render("full")
        if resource["apiVersion"] not in GROUPS_OF_KUBERNETES
    ]

    problems = helm.problems(custom)

    assert sorted(resource["kind"] for resource in custom) == [
        "ExternalSecret",
        "HTTPRoute",
        "PrometheusRule",
        "PrometheusRule",
        "ServiceMonitor",
    ]
    assert problems == [[]] * len(custom)


def test_schemas_reject_a_misspelled_field_and_a_wrong_type(helm, render):
    monitor = one(render("full"), "ServiceMonitor")
    [endpoint] = monitor["spec"]["endpoints"]
    misspelled = {**monitor, "spec": {**monitor["spec"], "endpointz": []}}
    wrong = {**monitor, "spec": {**monitor["spec"], "endpoints": [{"port": 1}]}}

    problems = helm.problems([misspelled, wrong])

    assert endpoint["port"] == "admin"
    assert problems[0] == ["unknown field endpointz"]
    assert "endpoints/0/port must be string" in problems[1][0]


@by_set
def test_names_are_unique_and_have_the_namespace(render, name):
    resources = render(name)
    names = [(item["kind"], item["metadata"]["name"]) for item in resources]

    assert len(set(names)) == len(names)
    assert {item["metadata"]["namespace"] for item in resources} == {
        helm_program.NAMESPACE
    }
    assert max(len(item) for _, item in names) <= 63


@by_set
def test_selectors_match_the_pods_of_the_service_only(render, name):
    resources = render(name)
    labels = pod_of(resources)["metadata"]["labels"]
    other = one(resources, "Pod")["metadata"]["labels"]
    selectors = [
        item["spec"]["selector"] for item in resources if item["kind"] == "Service"
    ]
    for kind, path in [
        ("Deployment", "selector"),
        ("PodDisruptionBudget", "selector"),
        ("NetworkPolicy", "podSelector"),
    ]:
        selectors += [
            item["spec"][path]["matchLabels"]
            for item in resources
            if item["kind"] == kind
        ]
    for spread in pod_of(resources)["spec"].get("topologySpreadConstraints", []):
        selectors.append(spread["labelSelector"]["matchLabels"])

    assert len(selectors) >= 2
    assert all(selects(selector, labels) for selector in selectors)
    assert not any(selects(selector, other) for selector in selectors)


@by_set
def test_ports_that_objects_name_exist(render, name):
    resources = render(name)
    ports = {port["name"]: port for port in container_of(resources)["ports"]}
    services = {
        item["metadata"]["name"]: item["spec"]["ports"]
        for item in resources
        if item["kind"] == "Service"
    }
    probes = [
        container_of(resources)[f"{probe}Probe"]["httpGet"]["port"]
        for probe in ("startup", "liveness", "readiness")
    ]
    used = [port["targetPort"] for item in services.values() for port in item]
    for policy in (item for item in resources if item["kind"] == "NetworkPolicy"):
        for rule in policy["spec"]["ingress"]:
            used += [port["port"] for port in rule["ports"]]

    assert set(probes) == {"admin"}
    assert set(used) <= set(ports)
    assert len({port["containerPort"] for port in ports.values()}) == len(ports)


def test_routes_lead_to_the_port_of_the_service(render):
    resources = render("full")
    service = one(resources, "Service", "-engine")
    [port] = service["spec"]["ports"]
    [rule] = one(resources, "Ingress")["spec"]["rules"]
    [path] = rule["http"]["paths"]
    [route] = one(resources, "HTTPRoute")["spec"]["rules"]

    assert path["backend"]["service"] == {
        "name": service["metadata"]["name"],
        "port": {"name": port["name"]},
    }
    assert route["backendRefs"] == [
        {"name": service["metadata"]["name"], "port": port["port"]}
    ]


def test_no_client_reaches_the_admin_listener_through_the_service(render):
    service = one(render("full"), "Service", "-engine")

    assert [port["targetPort"] for port in service["spec"]["ports"]] == ["http"]


@by_set
def test_secrets_are_files_and_never_variables(render, name):
    resources = render(name)
    container = container_of(resources)
    env = {item["name"]: item["value"] for item in container["env"]}
    wanted = SETS[name]["secrets"].get(
        "settings", ["REDIS_URL", "OTP_PEPPER", "OTP_API_KEYS"]
    )
    [mount] = [item for item in container["volumeMounts"] if item["name"] == "secrets"]
    [volume] = [
        item["secret"]
        for item in pod_of(resources)["spec"]["volumes"]
        if item["name"] == "secrets"
    ]

    assert set(env) & set(secret_settings.SECRETS) == set()
    assert "envFrom" not in container
    assert {name for name in env if name.endswith("_FILE")} - {"SSL_CERT_FILE"} == {
        secret_settings.FILES[secret] for secret in wanted
    }
    for secret in wanted:
        folder, _, file = env[secret_settings.FILES[secret]].rpartition("/")
        assert folder == mount["mountPath"]
        assert {"key": secret, "path": file} in volume["items"]
    # 0440 with the group of the pod, so no other user of the container reads them.
    assert volume["defaultMode"] == 0o440
    assert pod_of(resources)["spec"]["securityContext"]["fsGroup"]


def test_external_secret_has_every_key_of_the_volume(render):
    resources = render("full")
    external = one(resources, "ExternalSecret")["spec"]
    [volume] = [
        item["secret"]
        for item in pod_of(resources)["spec"]["volumes"]
        if item["name"] == "secrets"
    ]

    assert external["target"]["name"] == volume["secretName"]
    assert [item["secretKey"] for item in external["data"]] == [
        item["key"] for item in volume["items"]
    ]


@by_set
def test_every_volume_mount_has_a_volume(render, name):
    resources = render(name)
    volumes = {item["name"] for item in pod_of(resources)["spec"]["volumes"]}
    mounts = {item["name"] for item in container_of(resources)["volumeMounts"]}

    assert mounts == volumes


@by_set
def test_pods_conform_to_the_restricted_standard(render, name):
    resources = render(name)
    for spec in (pod_of(resources)["spec"], one(resources, "Pod")["spec"]):
        [container] = spec["containers"]
        assert spec["securityContext"]["runAsNonRoot"]
        # Kubernetes checks a numeric user only.
        assert spec["securityContext"]["runAsUser"] > 0
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert not spec["automountServiceAccountToken"]
        # OTP_ENGINE_PORT of a Service would look like a setting.
        assert not spec["enableServiceLinks"]


def test_rolling_update_keeps_every_replica(render):
    deployment = one(render("minimal"), "Deployment")["spec"]
    budget = one(render("minimal"), "PodDisruptionBudget")["spec"]

    assert deployment["strategy"]["rollingUpdate"]["maxUnavailable"] == 0
    assert budget["maxUnavailable"] < deployment["replicas"]


def test_autoscaler_decides_the_number_of_pods(render):
    deployment = one(render("full"), "Deployment")
    autoscaler = one(render("full"), "HorizontalPodAutoscaler")["spec"]
    kinds = [metric["type"] for metric in autoscaler["metrics"]]

    assert "replicas" not in deployment["spec"]
    assert autoscaler["scaleTargetRef"]["name"] == deployment["metadata"]["name"]
    assert kinds == ["Resource", "Pods"]


def test_network_policy_allows_what_the_service_uses(render):
    policy = one(render("full"), "NetworkPolicy")["spec"]
    incoming = {
        port["port"]: rule.get("from")
        for rule in policy["ingress"]
        for port in rule["ports"]
    }
    outgoing = {
        (port["port"], port["protocol"])
        for rule in policy["egress"]
        for port in rule["ports"]
    }
    test_pod = one(render("full"), "Pod")["metadata"]["labels"]
    [own] = [peer["podSelector"] for peer in incoming["http"] if "podSelector" in peer]

    assert policy["policyTypes"] == ["Ingress", "Egress"]
    assert incoming["http"][:1] == chart_values.INGRESS
    assert selects(own["matchLabels"], test_pod)
    assert incoming["admin"] == chart_values.PROMETHEUS
    assert outgoing == {
        (53, "UDP"),
        (53, "TCP"),
        (6379, "TCP"),
        (443, "TCP"),
        (587, "TCP"),
    }


def test_network_policy_allows_the_dns_of_the_cluster_and_of_the_node(render):
    policy = one(render("minimal"), "NetworkPolicy")["spec"]
    [peers] = [
        rule["to"] for rule in policy["egress"] if rule["ports"][0]["port"] == 53
    ]

    namespace, node = peers
    assert list(namespace) == ["namespaceSelector"]
    # NodeLocal DNSCache listens on an address of the node, which no selector matches.
    assert node == {"ipBlock": {"cidr": "169.254.20.10/32"}}


def test_rules_and_dashboard_are_those_of_deploy(render):
    resources = render("full")
    dashboard = one(resources, "ConfigMap", "-dashboard")["data"]["otp-engine.json"]

    for name in ("rules", "alerts"):
        rule = one(resources, "PrometheusRule", f"-{name}")
        shipped = yaml.safe_load((FOLDER / f"{name}.yml").read_text())
        assert rule["spec"] == shipped
    assert json.loads(dashboard) == json.loads(DASHBOARD.read_text())


def test_service_monitor_scrapes_each_pod_as_the_job_of_the_alerts(render):
    resources = render("full")
    monitor = one(resources, "ServiceMonitor")["spec"]
    service = one(resources, "Service", "-metrics")
    [endpoint] = monitor["endpoints"]
    jobs = set(re.findall(r'job="([^"]+)"', (FOLDER / "alerts.yml").read_text()))

    assert selects(monitor["selector"]["matchLabels"], service["metadata"]["labels"])
    assert not selects(
        monitor["selector"]["matchLabels"],
        one(resources, "Service", "-engine")["metadata"]["labels"],
    )
    assert service["spec"]["clusterIP"] == "None"
    assert [port["name"] for port in service["spec"]["ports"]] == [endpoint["port"]]
    assert jobs == {"otp-engine"}
    assert endpoint["relabelings"] == [
        {"targetLabel": "job", "replacement": "otp-engine"}
    ]
    assert endpoint["authorization"]["credentials"]["key"] == "OTP_METRICS_KEY"


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        ({}, "secrets.existingSecret"),
        ({**MINIMAL, "settings": {"OTP_PEPER": "x"}}, "OTP_PEPER"),
        ({**MINIMAL, "settings": {"OTP_PEPPER": "x"}}, "OTP_PEPPER"),
        ({**MINIMAL, "settings": {"OTP_DRAIN": "5s"}}, "OTP_DRAIN"),
        ({**MINIMAL, "settings": {"OTP_TRUSTED_PROXIES": 1}}, "string"),
        ({**MINIMAL, "drainSeconds": 90}, "drainSeconds"),
        ({**MINIMAL, "replicaCount": 3}, "replicaCount"),
        ({**MINIMAL, "serviceMonitor": {"enabled": True}}, "OTP_METRICS_KEY"),
        ({**MINIMAL, "settings": NAMED}, "networkPolicy.from"),
        (
            {
                **MINIMAL,
                "settings": NAMED,
                "networkPolicy": {"enabled": False, "from": INGRESS},
            },
            "networkPolicy.from",
        ),
        ({**MINIMAL, "adminPort": 3000}, "adminPort"),
        ({**MINIMAL, "ingress": {"enabled": True}}, "ingress.hosts"),
        ({**MINIMAL, "httpRoute": {"enabled": True}}, "httpRoute.parentRefs"),
        (
            {**MINIMAL, "autoscaling": {"enabled": True, "minReplicas": 7}},
            "autoscaling.minReplicas",
        ),
    ],
)
def test_helm_rejects_wrong_values(helm: Helm, values, problem):
    result = helm.run("template", "otp", str(CHART), values=values)

    assert result.returncode != 0
    assert problem in result.stderr


def test_every_plain_setting_reaches_the_container(helm):
    settings = {name: f"value of {name}" for name in chart_files.plain_settings()}

    resources = helm.render(
        {**MINIMAL, "settings": settings, "networkPolicy": {"from": INGRESS}}
    )

    env = {item["name"]: item["value"] for item in container_of(resources)["env"]}
    assert settings.items() <= env.items()


def test_every_setting_has_one_place_in_the_values():
    plain, files = set(chart_files.plain_settings()), secret_settings.FILES

    assert (
        plain | set(files) | set(files.values()) | set(chart_files.OWN_VALUES)
    ) == set(config.VARIABLES)


def test_full_values_set_a_digest(render):
    assert container_of(render("full"))["image"] == (
        f"registry.example/otp@{FULL['image']['digest']}"
    )


def test_package_of_the_chart_contains_the_linked_files(helm, render, tmp_path):
    packed = helm.run_plain("package", str(CHART), "--destination", str(tmp_path))
    [package] = tmp_path.glob("otp-engine-*.tgz")

    resources = helm.render(FULL, chart=package)

    assert packed.returncode == 0, packed.stderr
    assert resources == render("full")
