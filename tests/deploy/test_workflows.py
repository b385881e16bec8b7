"""The workflows of GitHub: least permissions, pinned actions, commands that exist."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / ".github" / "workflows"
WORKFLOWS = {path.name: yaml.safe_load(path.read_text()) for path in FOLDER.iterdir()}
TEXTS = {path.name: path.read_text() for path in FOLDER.iterdir()}
RELEASE = WORKFLOWS["release.yml"]
# YAML 1.1 reads the key `on` as true.
TRIGGERS = {name: workflow[True] for name, workflow in WORKFLOWS.items()}
JOBS = {
    f"{name}:{job}": body
    for name, workflow in WORKFLOWS.items()
    for job, body in workflow["jobs"].items()
}
STEPS = {
    f"{job}:{number}": step
    for job, body in JOBS.items()
    for number, step in enumerate(body.get("steps", []))
}
# What each job of a release may write, and why.
WRITES = {
    "tests": set(),
    "build": set(),
    "image": {"attestations", "id-token", "packages"},
    "packages": {"id-token"},
    "release": {"attestations", "contents", "id-token"},
}


def writes(permissions):
    return {name for name, level in permissions.items() if level == "write"}


def test_every_action_is_pinned_by_commit_with_its_version():
    uses = re.findall(r"uses: (.+)$", "\n".join(TEXTS.values()), re.MULTILINE)
    remote = [each for each in uses if not each.startswith("./")]

    assert remote
    for each in remote:
        assert re.fullmatch(r"[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", each), each


def test_one_action_has_one_commit():
    pins = re.findall(r"uses: ([\w./-]+)@([0-9a-f]{40})", "\n".join(TEXTS.values()))

    assert len(dict(pins)) == len(set(pins))


@pytest.mark.parametrize("name", WORKFLOWS)
def test_workflow_itself_can_write_nothing(name):
    assert writes(WORKFLOWS[name]["permissions"]) == set()


@pytest.mark.parametrize("job", WRITES)
def test_job_of_a_release_has_only_its_permissions(job):
    assert set(RELEASE["jobs"]) == set(WRITES)
    assert writes(RELEASE["jobs"][job]["permissions"]) == WRITES[job]


def test_other_workflows_grant_no_permission_to_a_job():
    granted = [
        job
        for job, body in JOBS.items()
        if not job.startswith("release.yml:") and "permissions" in body
    ]

    assert granted == []


def test_jobs_that_publish_run_no_code_of_the_repository():
    for job, allowed in WRITES.items():
        runs = " ".join(
            step.get("run", "") for step in RELEASE["jobs"][job].get("steps", [])
        )
        if allowed:
            assert not re.search(r"\b(make|pip|pipx|uv|npm|python)\b", runs), job


def test_release_needs_the_tests_before_it_publishes():
    for job in ("image", "packages"):
        assert set(RELEASE["jobs"][job]["needs"]) == {"tests", "build"}
    assert set(RELEASE["jobs"]["release"]["needs"]) == {"image", "packages"}
    assert RELEASE["jobs"]["tests"]["uses"] == "./.github/workflows/ci.yml"
    assert "workflow_call" in TRIGGERS["ci.yml"]
    assert TRIGGERS["release.yml"] == {"push": {"tags": ["v*"]}}


@pytest.mark.parametrize("job", JOBS)
def test_job_ends_by_itself(job):
    assert JOBS[job].get("timeout-minutes") or "uses" in JOBS[job]


@pytest.mark.parametrize("step", [key for key, step in STEPS.items() if "run" in step])
def test_command_contains_no_expression(step):
    # An expression is replaced before the shell parses the text, so a name of a branch
    # could be a command.
    assert "${{" not in STEPS[step]["run"]


def test_commands_of_make_exist():
    targets = set(
        re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    )
    named = {
        word
        for step in STEPS.values()
        for line in step.get("run", "").splitlines()
        if line.startswith("make ")
        for word in shlex.split(line)[1:]
        if re.fullmatch(r"[a-z-]+", word)
    }

    assert {"check", "coverage", "dist", "sbom", "image"} <= named
    assert named <= targets


def test_checkout_leaves_no_credentials():
    checkouts = [
        step
        for step in STEPS.values()
        if step.get("uses", "").startswith("actions/checkout@")
    ]

    assert checkouts
    for step in checkouts:
        assert step["with"]["persist-credentials"] is False


def test_image_is_built_for_both_platforms_and_signed_by_digest():
    steps = RELEASE["jobs"]["image"]["steps"]
    (build,) = (
        step["with"]
        for step in steps
        if step.get("uses", "").startswith("docker/build-push-action@")
    )
    (sign,) = (step for step in steps if "cosign sign" in step.get("run", ""))

    assert build["platforms"] == "linux/amd64,linux/arm64"
    assert build["sbom"] is True
    assert build["provenance"] == "mode=max"
    assert "@${{ steps.image.outputs.digest }}" in sign["env"]["IMAGE"]
    arguments = dict(line.split("=", 1) for line in build["build-args"].splitlines())
    dockerfile = (ROOT / "Dockerfile").read_text()
    assert set(arguments) == set(re.findall(r"^ARG (\w+)=", dockerfile, re.MULTILINE))


def test_published_paths_are_those_that_the_build_uploads():
    steps = RELEASE["jobs"]["build"]["steps"]
    (upload,) = (
        step["with"]["path"].split()
        for step in steps
        if step.get("uses", "").startswith("actions/upload-artifact@")
    )
    text = TEXTS["release.yml"]
    used = set(re.findall(r"build/[\w.]+", text.partition("  image:\n")[2]))

    assert used <= set(upload)


def test_documented_commands_verify_what_the_workflow_publishes():
    page = (ROOT / "SECURITY.md").read_text()
    signed = set(
        re.findall(r"^\$ cosign verify REGISTRY/OWNER/(\S+):", page, re.MULTILINE)
    )
    attested = re.findall(r"^\$ gh attestation verify (\S+) ", page, re.MULTILINE)
    workflow = re.findall(r"--certificate-identity \S+/OWNER/otp-engine/(\S+)@", page)
    subjects = [
        step["with"]
        for step in STEPS.values()
        if step.get("uses", "").startswith("actions/attest-build-provenance@")
    ]

    assert signed == {"otp-engine", "charts/otp-engine"}
    assert "/charts" in TEXTS["release.yml"]
    assert {*workflow} == {".github/workflows/release.yml"}
    assert (ROOT / workflow[0]).is_file()
    assert [name.startswith("oci://") for name in attested] == [True, False]
    assert sum("subject-digest" in each for each in subjects) == 1
    assert any("build/dist/*" in each.get("subject-path", "") for each in subjects)


def test_git_reads_the_repository_in_every_container():
    # The user of the runner owns the files, and git refuses them to root.
    containers = [body for body in JOBS.values() if "container" in body]

    assert containers
    for body in containers:
        runs = [step.get("run", "") for step in body["steps"]]
        tests = next(n for n, run in enumerate(runs) if run.startswith("make "))
        assert any("safe.directory" in run for run in runs[:tests])


def test_failure_in_a_pipe_ends_the_job():
    piped = [step for step in STEPS.values() if "| tee" in step.get("run", "")]

    # Without a name, the shell runs without `pipefail`.
    assert [step["shell"] for step in piped] == ["bash"]
