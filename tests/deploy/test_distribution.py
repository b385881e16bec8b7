"""`make dist`: what the wheel contains, and whether it runs where it is installed."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tarfile
import urllib.request
import zipfile
from pathlib import PurePosixPath

import markdown
import pytest
from packaging.metadata import Metadata

from tests.support import distributions, redis_server, repository

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
    (path,) = folder.glob("otp_engine-*.whl")
    return path


@pytest.fixture(scope="module")
def client_wheel(folder):
    (path,) = folder.glob("otp_engine_client-*.whl")
    return path


@pytest.fixture(scope="module")
def constraints(folder):
    return distributions.write_constraints(folder)


@pytest.fixture(scope="module")
def metadata(wheel):
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith("/METADATA"))
        return Metadata.from_email(archive.read(name), validate=True)


def test_wheel_has_every_file_of_the_package_and_nothing_else(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    own = {name for name in names if ".dist-info/" not in name}

    assert own == repository.list_files("otp_engine")


def test_wheel_of_the_client_has_its_package_and_types(client_wheel):
    names = set(zipfile.ZipFile(client_wheel).namelist())
    own = {f"client/{name}" for name in names if ".dist-info/" not in name}

    assert own == repository.list_files("client/otp_engine_client")
    assert "client/otp_engine_client/py.typed" in own
    assert [name for name in names if name.endswith("/licenses/LICENSE")]


def test_source_distribution_has_the_package_and_no_tests(folder):
    (path,) = folder.glob("otp_engine-*.tar.gz")
    with tarfile.open(path) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
        owners = {member.uid for member in archive.getmembers()}

    folders = {PurePosixPath(name).parts[0] for name in names if "/" in name}
    assert folders == {"otp_engine", "otp_engine.egg-info"}
    assert repository.list_files("otp_engine") <= names
    assert {"LICENSE", "CHANGELOG.md", "SECURITY.md", "requirements.txt"} <= names
    assert owners == {0}


def test_second_build_is_equal_byte_for_byte(folder, tmp_path):
    distributions.build(tmp_path)

    built = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert len(built) == 4
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


@pytest.fixture(scope="module")
def dev_mode(wheel, constraints, tmp_path_factory):
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
        cwd=tmp_path_factory.mktemp("dev"),
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


def newest_code(url):
    inbox = f"{url}/dev/inbox.json?to=%2B{NUMBER[1:]}"
    with urllib.request.urlopen(inbox) as response:  # noqa: S310 - a URL of this test
        return json.load(response)["messages"][0]["code"]


def test_dev_mode_of_the_wheel_sends_and_checks_a_code(dev_mode):
    post(f"{dev_mode}/auth/send_otp", {"phone": NUMBER})
    with urllib.request.urlopen(f"{dev_mode}/verify") as response:  # noqa: S310 - a URL of this test
        page = response.read().decode()
    check = {"phone": NUMBER, "otp": newest_code(dev_mode)}
    answer = post(f"{dev_mode}/auth/verify_otp", check)

    assert answer == {"VerificationStatus": "approved"}
    assert "<form" in page


def test_installed_client_sends_a_code(dev_mode, client_wheel):
    program = (
        "import sys, otp_engine_client;"
        "client = otp_engine_client.Client(sys.argv[1]);"
        "print(client.send_otp('+919445067890').expires_in.total_seconds() > 0)"
    )
    result = run(
        *(distributions.SCRIPTS / "uv", "run", "--quiet", "--no-project", "--isolated"),
        *("--python", sys.executable, "--with", client_wheel),
        *("python", "-c", program, dev_mode),
    )

    assert (result.stdout.strip(), result.stderr) == ("True", "")
