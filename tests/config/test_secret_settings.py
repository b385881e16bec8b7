"""Secrets as variables or as files."""

from __future__ import annotations

import base64
import pickle

import pytest

from otp_engine import config
from otp_engine.config.secret_settings import FILES, SECRETS, read_files
from otp_engine.errors import InvalidSettings
from tests.twilio_server import ACCOUNT, SERVICE

SECRET = base64.b64encode(bytes(range(32))).decode()
OTHER = base64.b64encode(bytes(range(32, 64))).decode()
GIVEN = {
    "REDIS_URL": "redis://:redis-password@localhost:6379/0",
    "OTP_PEPPER": SECRET,
    "OTP_PEPPER_PREVIOUS": OTHER,
    "OTP_API_KEYS": f"shop:{'0123456789abcdeffedcba9876543210'}",
    "OTP_METRICS_KEY": "fedcba98765432100123456789abcdef",
    "OTP_PROOF_KEY": SECRET,
    "OTP_PROOF_KEY_PREVIOUS": OTHER,
    "TWILIO_AUTH_TOKEN": "token-of-the-account",
    "TWILIO_API_SECRET": "secret-of-the-key",
}
PUBLIC = {
    "TWILIO_ACCOUNT_SID": ACCOUNT,
    "TWILIO_API_KEY": f"SK{'3' * 32}",
    "TWILIO_MESSAGING_SERVICE_SID": SERVICE,
}


def problems(environ):
    with pytest.raises(InvalidSettings) as error:
        config.read(environ)
    return error.value.problems


def test_the_values_here_cover_every_secret():
    assert set(GIVEN) == set(SECRETS)


@pytest.mark.parametrize("end", ["", "\n", "\r\n"])
def test_every_secret_can_be_given_by_file(tmp_path, end):
    files = {}
    for name, value in GIVEN.items():
        path = tmp_path / name
        path.write_bytes((value + end).encode())
        files[FILES[name]] = str(path)

    assert config.read(PUBLIC | files) == config.read(PUBLIC | GIVEN)


def test_only_one_line_break_at_the_end_of_a_file_is_dropped(tmp_path):
    path = tmp_path / "token"
    path.write_text(" first\nsecond\n\n")

    values, problems = read_files({"TWILIO_AUTH_TOKEN_FILE": str(path)})

    assert values["TWILIO_AUTH_TOKEN"] == " first\nsecond\n"
    assert problems == {}


@pytest.mark.parametrize("name", SECRETS)
def test_a_variable_and_a_file_for_one_secret_are_a_problem(tmp_path, name):
    path = tmp_path / "secret"
    path.write_text(GIVEN[name])

    told = problems(PUBLIC | GIVEN | {FILES[name]: str(path)})

    assert told == (f"{name} and {FILES[name]} are both set: set one of them",)


@pytest.mark.parametrize("name", SECRETS)
def test_a_file_that_is_not_there_is_the_only_problem(tmp_path, name):
    environ = PUBLIC | GIVEN | {name: "", FILES[name]: str(tmp_path / "none")}
    if name == "OTP_PROOF_KEY":
        environ["OTP_PROOF_KEY_PREVIOUS"] = ""

    told = problems(environ)

    assert told == (f"{FILES[name]} cannot be read: No such file or directory",)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is an empty file"),
        (b"\n", "is an empty file"),
        (b"caf\xe9-secret", "must be UTF-8 text"),
        (b"x" * 65_537, "must be at most 64 KiB"),
    ],
)
def test_a_file_that_holds_no_secret_is_a_problem_without_its_content(
    tmp_path, content, words
):
    path = tmp_path / "pepper"
    path.write_bytes(content)

    told = problems(PUBLIC | GIVEN | {"OTP_PEPPER": "", "OTP_PEPPER_FILE": str(path)})

    assert told == (f"OTP_PEPPER_FILE {words}",)


def test_a_folder_is_a_problem_with_the_systems_reason(tmp_path):
    told = problems(
        PUBLIC | GIVEN | {"OTP_PEPPER": "", "OTP_PEPPER_FILE": str(tmp_path)}
    )

    assert told == ("OTP_PEPPER_FILE cannot be read: Is a directory",)


def test_a_bad_secret_in_a_file_is_a_problem_that_does_not_repeat_it(tmp_path):
    path = tmp_path / "pepper"
    path.write_text("s3cr3t-and-wrong")

    told = " ".join(
        problems(PUBLIC | GIVEN | {"OTP_PEPPER": "", "OTP_PEPPER_FILE": str(path)})
    )

    assert "OTP_PEPPER must be base64" in told
    assert "s3cr3t" not in told


def test_the_variables_of_files_are_settings(tmp_path):
    path = tmp_path / "pepper"
    path.write_text(SECRET)
    environ = PUBLIC | GIVEN | {"OTP_PEPPER": "", "OTP_PEPPER_FILE": str(path)}

    warnings = config.read(environ).warnings

    assert not any("is not a setting" in warning for warning in warnings)


def test_no_secret_stays_in_the_environment():
    environ = GIVEN | PUBLIC | {"PATH": "/bin"}

    config.remove_secrets(environ)

    assert environ == PUBLIC | {"PATH": "/bin"}


def test_settings_can_be_handed_to_a_worker_that_is_spawned():
    """Where workers are not forked, what they are given is pickled."""
    settings = config.read(PUBLIC | GIVEN)

    assert pickle.loads(pickle.dumps(settings)) == settings  # noqa: S301 - our own
