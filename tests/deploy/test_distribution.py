"""`make dist`: what the wheel contains, and whether it runs where it is installed."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tarfile
import urllib.request
import zipfile
from contextlib import contextmanager
from pathlib import PurePosixPath

import markdown
import pytest
from packaging.metadata import Metadata

from tests.support import distributions, redis_server

pytestmark = pytest.mark.e2e

TIMEOUT = 120
NUMBER = "+919445012345"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("dist")
    distributions.build(folder)
    return folder


@pytest.fixture(scope="module")
def wheel(folder):
    (path,) = folder.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def constraints(folder):
    return distributions.write_constraints(folder)


@pytest.fixture(scope="module")
def metadata(wheel):
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith("/METADATA"))
        return Metadata.from_email(archive.read(name), validate=True)


def tracked(folder: str) -> set[str]:
    """Return the files below *folder* that belong to the repository."""
    command = ["git", "ls-files", "-co", "--exclude-standard", folder]
    listed = subprocess.run(
        command, cwd=distributions.ROOT, check=True, capture_output=True, text=True
    ).stdout.splitlines()
    return {name for name in listed if (distributions.ROOT / name).exists()}


def test_wheel_has_every_file_of_the_package_and_nothing_else(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    own = {name for name in names if ".dist-info/" not in name}

    assert own == tracked("otp_engine")


def test_source_distribution_has_the_package_and_no_tests(folder):
    (path,) = folder.glob("*.tar.gz")
    with tarfile.open(path) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
        owners = {member.uid for member in archive.getmembers()}

    folders = {PurePosixPath(name).parts[0] for name in names if "/" in name}
    assert folders == {"otp_engine", "otp_engine.egg-info"}
    assert tracked("otp_engine") <= names
    assert {"LICENSE", "CHANGELOG.md", "SECURITY.md", "requirements.txt"} <= names
    assert owners == {0}


def test_second_build_is_equal_byte_for_byte(folder, tmp_path):
    distributions.build(tmp_path)

    built = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert len(built) == 2
    assert built == {name: (folder / name).read_bytes() for name in built}


def test_metadata_names_version_license_and_extras(metadata):
    assert metadata.name == "otp-engine"
    assert str(metadata.version) == distributions.version()
    assert metadata.license_expression == "MIT"
    assert metadata.license_files == ["LICENSE"]
    assert str(metadata.requires_python) == ">=3.11"
    assert {"embedded", "apprise"} <= set(metadata.provides_extra or [])


def test_description_renders_and_needs_no_file_of_the_repository(metadata):
    text = metadata.description
    page = markdown.markdown(text, extensions=["tables", "fenced_code"])

    assert metadata.description_content_type == "text/markdown"
    assert page.count("<table>") == 1
    assert page.count("<pre><code") == 2
    assert "```" not in page
    targets = re.findall(r'(?:href|src)="([^"]*)"', page)
    assert [each for each in targets if "://" not in each] == []


@pytest.fixture(scope="module")
def installed(wheel, constraints, tmp_path_factory):
    """Install the wheel as an application of its own; return its program."""
    home = tmp_path_factory.mktemp("pipx")
    environ = distributions.clean_environ(
        PIPX_HOME=str(home), PIPX_BIN_DIR=str(home / "bin")
    )
    options = ["--quiet", "--python", sys.executable, "--backend", "uv"]
    subprocess.run(
        [
            *(str(distributions.SCRIPTS / "pipx"), "install", *options),
            *(f"--pip-args=--constraint={constraints}", str(wheel)),
        ],
        env=environ | {"PATH": f"{distributions.SCRIPTS}:{environ['PATH']}"},
        check=True,
        timeout=TIMEOUT,
    )
    return home / "bin" / "otp-engine"


def run(*command, **options):
    return subprocess.run(
        command,
        env=distributions.clean_environ(),
        capture_output=True,
        text=True,
        check=False,
        timeout=TIMEOUT,
        **options,
    )


def test_installed_program_shows_its_version_and_makes_a_pepper(installed):
    version = run(installed, "--version")
    pepper = run(installed, "keys", "pepper")

    assert distributions.version() in version.stdout
    assert re.fullmatch(r"OTP_PEPPER=\S{40,}", pepper.stdout.strip())


def test_dev_mode_without_the_extra_names_it(installed, tmp_path):
    result = run(installed, "serve", "--dev", "--port", "0", cwd=tmp_path)

    assert result.returncode == 1
    assert "extra `embedded`" in result.stderr


@contextmanager
def dev_mode(wheel, constraints, folder):
    """Run dev mode from the wheel without an installation; yield its URL."""
    port = redis_server.free_port()
    command = [
        *(distributions.SCRIPTS / "uv", "tool", "run", "--quiet"),
        *("--python", sys.executable, "--constraints", constraints),
        *("--from", f"{wheel}[embedded]", "otp-engine"),
        *("serve", "--dev", "--port", str(port)),
    ]
    with subprocess.Popen(
        command,
        env=distributions.clean_environ(),
        cwd=folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        try:
            redis_server.wait_until(
                lambda: process.poll() is not None or redis_server.listens(port)
            )
            assert process.poll() is None
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()


def post(url, body):
    request = urllib.request.Request(  # noqa: S310 - a URL of this test
        url, json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request) as response:  # noqa: S310 - as above
        return json.load(response)


def test_dev_mode_of_the_wheel_sends_and_checks_a_code(wheel, constraints, tmp_path):
    with dev_mode(wheel, constraints, tmp_path) as url:
        post(f"{url}/auth/send_otp", {"phone": NUMBER})
        inbox = f"{url}/dev/inbox.json?to=%2B{NUMBER[1:]}"
        with urllib.request.urlopen(inbox) as response:  # noqa: S310 - as above
            (message,) = json.load(response)["messages"]
        with urllib.request.urlopen(f"{url}/verify") as response:  # noqa: S310 - as above
            page = response.read().decode()
        answer = post(
            f"{url}/auth/verify_otp", {"phone": NUMBER, "otp": message["code"]}
        )

    assert answer == {"VerificationStatus": "approved"}
    assert "<form" in page
