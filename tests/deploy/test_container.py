"""The `Dockerfile`: what it builds on, what it copies, and who runs the service."""

from __future__ import annotations

import re
from configparser import ConfigParser
from fnmatch import fnmatch
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCKERFILE = (ROOT / "Dockerfile").read_text()
JOINED = DOCKERFILE.replace("\\\n", " ")
INSTRUCTIONS = re.sub(r"^#.*\n", "", JOINED, flags=re.MULTILINE)
FINAL_STAGE = INSTRUCTIONS.rpartition("\nFROM ")[2]
DIGEST = re.compile(r"[a-z./-]+:[\w.-]+@sha256:[0-9a-f]{64}")


def instructions(name, text=INSTRUCTIONS):
    return re.findall(rf"^{name} +(.+)$", text, re.MULTILINE)


def pins(lock):
    text = (ROOT / lock).read_text()
    return dict(re.findall(r"^([\w.-]+)(?:\[.+\])?==(\S+)", text, re.MULTILINE))


def test_image_is_built_on_a_digest_only():
    stages = set()
    for line in instructions("FROM"):
        image, _, name = line.partition(" AS ")
        assert image in stages or DIGEST.fullmatch(image)
        stages.add(name)


def test_final_stage_runs_as_a_numeric_user_without_a_shell():
    (user,) = instructions("USER", FINAL_STAGE)
    uid, _, group = user.partition(":")

    assert int(uid) >= 10_000
    assert group == uid
    assert f"--uid {uid} " in FINAL_STAGE
    assert "--shell /usr/sbin/nologin" in FINAL_STAGE


def test_final_stage_installs_no_package_and_has_no_pip():
    (run,) = instructions("RUN", FINAL_STAGE)

    assert "apt" not in run
    assert "pip install" not in run
    assert re.search(r"rm -rf \S*/site-packages/pip\*", run)


def test_dependencies_are_wheels_with_the_locked_hashes():
    assert "--require-hashes -r requirements-image.txt" in INSTRUCTIONS
    assert "--only-binary :all:" in INSTRUCTIONS


def test_health_check_requests_readiness():
    (check,) = instructions("HEALTHCHECK", FINAL_STAGE)

    assert "http://127.0.0.1:3000/readyz" in check


@pytest.mark.parametrize(
    "name", ["version", "revision", "source", "licenses", "title", "description"]
)
def test_image_has_label(name):
    (labels,) = instructions("LABEL", FINAL_STAGE)
    value = re.search(rf'org\.opencontainers\.image\.{name}="([^"]+)"', labels)

    assert value
    if value[1].startswith("$"):
        assert re.search(rf"^ARG {value[1][1:]}=", FINAL_STAGE, re.MULTILINE)


def test_context_has_every_file_that_the_image_copies():
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    allowed = [line[1:] for line in ignored if line.startswith("!")]
    copied = [
        source
        for line in instructions("COPY")
        if "--from=" not in line
        for source in line.split()[:-1]
    ]

    assert ignored[0] == "*"
    assert sorted(copied) == sorted(allowed)
    for source in copied:
        assert (ROOT / source).exists()
        assert any(fnmatch(source, pattern) for pattern in allowed)


def test_image_has_the_locked_versions_and_the_embedded_store():
    image, service = pins("requirements-image.txt"), pins("requirements.txt")
    config = ConfigParser()
    config.read(ROOT / "setup.cfg")
    embedded = config["options.extras_require"]["embedded"]
    names = re.findall(r"^([\w-]+)", embedded, re.MULTILINE)

    assert service.items() <= image.items()
    assert names
    assert set(names) <= set(image)
    assert image.items() <= pins("requirements-dev.txt").items()
