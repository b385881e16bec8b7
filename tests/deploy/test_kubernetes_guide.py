"""The values, the secrets and the rule that docs/kubernetes.md shows."""

from __future__ import annotations

import base64
import json
import re
import shlex
import subprocess
from typing import Any

import pytest
import yaml
from kubernetes_validate.utils import validate

from otp_engine import config
from tests.deploy.test_chart import GROUPS_OF_KUBERNETES, KUBERNETES, container_of
from tests.deploy.test_prometheus import exposed_names, queried_names
from tests.support import server_process
from tests.support.helm import ROOT, one

pytestmark = pytest.mark.e2e
METRICS_KEY = "metrics-secret-0123456789"
GUIDE = (ROOT / "docs" / "kubernetes.md").read_text()
YAML_BLOCKS = [
    yaml.safe_load(block)
    for block in re.findall(r"```yaml\n(.*?)```", GUIDE, re.DOTALL)
]
COMPLETE = next(block for block in YAML_BLOCKS if "image" in block)
ADAPTER = next(block for block in YAML_BLOCKS if "rules" in block)
CHANGES = [block for block in YAML_BLOCKS if "rules" not in block]


@pytest.mark.parametrize("change", CHANGES, ids=range(len(CHANGES)))
def test_values_of_the_guide_are_rendered(helm, change):
    resources = helm.render({**COMPLETE, **change})

    for resource in resources:
        if resource["apiVersion"] in GROUPS_OF_KUBERNETES:
            validate(resource, KUBERNETES[0], strict=True)
    assert one(resources, "Deployment")["metadata"]["name"] == "otp-otp-engine"


def test_settings_of_the_guide_start_the_service(helm):
    env = {
        item["name"]: item["value"]
        for item in container_of(helm.render(COMPLETE))["env"]
        if not item["name"].endswith("_FILE")
    }
    secrets = server_process.production("redis://redis", "http://twilio.invalid")
    mounted = {name: secrets.get(name, METRICS_KEY) for name in secrets_of(COMPLETE)}

    settings = config.load(env | mounted)

    assert settings.admin_port == 3002
    assert settings.trusted_proxies == 1


def secrets_of(values: dict[str, Any]) -> list[str]:
    settings: list[str] = values["secrets"]["settings"]
    return settings


def test_secret_of_the_guide_has_every_key_of_the_values(helm, tmp_path):
    command = re.search(r"^\$ kubectl .*(create secret .*)$", GUIDE, re.MULTILINE)
    written = re.findall(r"^\$ (otp-engine .* >secrets/\w+)$", GUIDE, re.MULTILINE)
    assert command
    folder = tmp_path / "secrets"
    folder.mkdir()
    for name in secrets_of(COMPLETE):
        (folder / name).write_text(f"value of {name}")
    program = shlex.join(server_process.PROGRAM)
    for line in written:
        subprocess.run(
            ["/bin/sh", "-ec", line.replace("otp-engine", program, 1)],
            cwd=tmp_path,
            env=server_process.PATH | {"PYTHONPATH": str(ROOT)},
            check=True,
        )

    result = helm.run_kubectl(
        *command[1].split(), "--dry-run=client", "-o", "json", folder=tmp_path
    )

    secret = json.loads(result)
    values = {name: base64.b64decode(v).decode() for name, v in secret["data"].items()}
    assert secret["metadata"]["name"] == COMPLETE["secrets"]["existingSecret"]
    assert set(values) == set(secrets_of(COMPLETE))
    generated = {name: values[name] for name in ("OTP_PEPPER", "OTP_METRICS_KEY")}
    production = server_process.production("redis://redis", "http://twilio.invalid")
    config.load(production | generated)


def test_commands_of_the_guide_name_existing_objects(helm):
    objects = helm.render(COMPLETE)
    named = set(re.findall(r"deploy(?:ment)?/([\w-]+)(?: |$)", GUIDE, re.MULTILINE))
    [address] = re.findall(r"`http://([\w-]+)\.otp`", GUIDE)

    assert named == {one(objects, "Deployment")["metadata"]["name"]}
    assert address == one(objects, "Service", "-engine")["metadata"]["name"]


def test_rule_of_the_adapter_provides_the_metric_of_the_autoscaler(helm):
    [rule] = ADAPTER["rules"]["custom"]
    resources = helm.render({**COMPLETE, **CHANGES[-1]})
    _, metric = one(resources, "HorizontalPodAutoscaler")["spec"]["metrics"]
    name = metric["pods"]["metric"]["name"]
    used = queried_names(rule["metricsQuery"] + rule["seriesQuery"])

    assert rule["name"]["as"] == name
    assert used <= exposed_names()
