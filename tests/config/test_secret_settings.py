from __future__ import annotations

import base64
import pickle

import pytest

from otp_engine import config
from otp_engine.config.secret_settings import FILES, SECRETS, read_files
from otp_engine.errors import InvalidSettings
from tests.support.twilio_server import ACCOUNT, SERVICE

SECRET = base64.b64encode(bytes(range(32))).decode()
OTHER = base64.b64encode(bytes(range(32, 64))).decode()
SECRET_VALUES = {
    "REDIS_URL": "redis://:redis-password@localhost:6379/0",
    "OTP_PEPPER": SECRET,
    "OTP_PEPPER_PREVIOUS": OTHER,
    "OTP_FACTOR_KEY": base64.b64encode(bytes(range(64, 96))).decode(),
    "OTP_FACTOR_KEY_PREVIOUS": base64.b64encode(bytes(range(96, 128))).decode(),
    "OTP_API_KEYS": f"shop:{'0123456789abcdeffedcba9876543210'}",
    "OTP_METRICS_KEY": "fedcba98765432100123456789abcdef",
    "OTP_CONSOLE_KEY": "alice:fedcba98765432100123456789abcdef",
    "OTP_PROOF_KEY": SECRET,
    "OTP_PROOF_KEY_PREVIOUS": OTHER,
    "OTP_PLUGIN_OPTIONS": "# no plug-in",
    "OTP_APPRISE_URLS": "clicksend://user:key-of-clicksend@{to}",
    "OTP_WEBHOOK_SECRETS": "gateway=bearer:token-of-the-gateway",
    "TWILIO_AUTH_TOKEN": "token-of-the-account",
    "TWILIO_API_SECRET": "secret-of-the-key",
    "OTP_SMTP_URL": "smtps://otp:password@mail.example.com",
    "AWS_SECRET_ACCESS_KEY": "secret-of-the-access-key",
    "AWS_SESSION_TOKEN": "token-of-the-session",
    "TELEGRAM_GATEWAY_TOKEN": "token-of-the-gateway",
    "OTP_EVENT_WEBHOOK_SECRET": f"whsec_{SECRET}",
}
PUBLIC = {
    "OTP_WEBHOOKS": "gateway:sms:from_to_body=https://gateway.example.com",
    "TWILIO_ACCOUNT_SID": ACCOUNT,
    "TWILIO_API_KEY": f"SK{'3' * 32}",
    "TWILIO_MESSAGING_SERVICE_SID": SERVICE,
    "OTP_SENDER": "twilio, aws, telegram",
    "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
    "AWS_REGION": "eu-west-1",
    "OTP_AWS_NOTIFY_CONFIGURATION": "nc-1",
    "OTP_EVENT_WEBHOOK_URL": "https://app.example.com/events",
}


def problems(environ):
    with pytest.raises(InvalidSettings) as error:
        config.load(environ)
    return error.value.problems


def test_environ_of_these_tests_covers_every_secret():
    assert set(SECRET_VALUES) == set(SECRETS)


@pytest.mark.parametrize(
    ("start", "end"),
    [("", ""), ("", "\n"), ("", "\r\n"), ("\ufeff", "\r\n"), (" \t", " \n\n")],
)
def test_secrets_in_files_give_the_same_settings(tmp_path, start, end):
    files = {}
    for name, value in SECRET_VALUES.items():
        path = tmp_path / name
        path.write_bytes((start + value + end).encode())
        files[FILES[name]] = str(path)

    assert config.load(PUBLIC | files) == config.load(PUBLIC | SECRET_VALUES)


def test_secret_file_loses_one_trailing_line_break(tmp_path):
    path = tmp_path / "token"
    path.write_text(" first\nsecond\n\n")

    values, problems = read_files({"TWILIO_AUTH_TOKEN_FILE": str(path)})

    assert values["TWILIO_AUTH_TOKEN"] == " first\nsecond\n"
    assert problems == {}


@pytest.mark.parametrize(
    ("start", "end"), [("", "\n"), (" ", " "), ("\ufeff", "\r\n"), ("\t", "\u00a0")]
)
def test_space_around_secrets_gives_the_same_settings(start, end):
    padded = {name: f"{start}{value}{end}" for name, value in SECRET_VALUES.items()}

    assert config.load(PUBLIC | padded) == config.load(PUBLIC | SECRET_VALUES)


def test_byte_order_mark_before_the_path_of_a_secret_is_ignored(tmp_path):
    (tmp_path / "pepper").write_text(SECRET)
    environ = {"OTP_PEPPER_FILE": f"\ufeff{tmp_path}/pepper", "OTP_PEPPER": "\ufeff"}

    values, reported = read_files(environ)

    assert values["OTP_PEPPER"] == SECRET
    assert reported == {}


@pytest.mark.parametrize("name", SECRETS)
def test_quotes_around_the_path_of_a_secret_are_a_problem(tmp_path, name):
    (tmp_path / "secret").write_text(SECRET_VALUES[name])
    environ = PUBLIC | SECRET_VALUES | {FILES[name]: f'"{tmp_path}/secret"'}

    reported = problems(environ | {name: ""})

    expected = f"{FILES[name]} has quotes around its value: remove them"
    assert expected in reported


@pytest.mark.parametrize("name", SECRETS)
def test_secret_as_variable_and_as_file_is_a_problem(tmp_path, name):
    path = tmp_path / "secret"
    path.write_text(SECRET_VALUES[name])

    reported = problems(PUBLIC | SECRET_VALUES | {FILES[name]: str(path)})

    assert reported == (f"{name} and {FILES[name]} are both set: remove one of them",)


@pytest.mark.parametrize("name", SECRETS)
def test_missing_secret_file_is_the_only_problem(tmp_path, name):
    environ = PUBLIC | SECRET_VALUES | {name: "", FILES[name]: str(tmp_path / "none")}
    if name == "OTP_PROOF_KEY":
        environ["OTP_PROOF_KEY_PREVIOUS"] = ""

    reported = problems(environ)

    assert reported == (f"{FILES[name]} cannot be read: No such file or directory",)


@pytest.mark.parametrize(
    ("content", "phrase"),
    [
        (b"", "is an empty file"),
        (b"\n", "is an empty file"),
        (b"caf\xe9-secret", "must be UTF-8 text"),
        (b"x" * 65_537, "must be at most 64 KiB"),
    ],
)
def test_unusable_secret_file_is_a_problem_without_its_content(
    tmp_path, content, phrase
):
    path = tmp_path / "pepper"
    path.write_bytes(content)

    reported = problems(
        PUBLIC | SECRET_VALUES | {"OTP_PEPPER": "", "OTP_PEPPER_FILE": str(path)}
    )

    assert reported == (f"OTP_PEPPER_FILE {phrase}",)


def test_folder_as_secret_file_is_a_problem(tmp_path):
    reported = problems(
        PUBLIC | SECRET_VALUES | {"OTP_PEPPER": "", "OTP_PEPPER_FILE": str(tmp_path)}
    )

    assert reported == ("OTP_PEPPER_FILE cannot be read: Is a directory",)


def test_problem_with_secret_in_file_omits_its_value(tmp_path):
    path = tmp_path / "pepper"
    path.write_text("s3cr3t-and-wrong")

    reported = " ".join(
        problems(
            PUBLIC | SECRET_VALUES | {"OTP_PEPPER": "", "OTP_PEPPER_FILE": str(path)}
        )
    )

    assert "OTP_PEPPER must be base64" in reported
    assert "s3cr3t" not in reported


def test_file_variables_are_known_settings(tmp_path):
    path = tmp_path / "pepper"
    path.write_text(SECRET)
    environ = PUBLIC | SECRET_VALUES | {"OTP_PEPPER": "", "OTP_PEPPER_FILE": str(path)}

    warnings = config.load(environ).warnings

    assert not any("is not a setting" in warning for warning in warnings)


def test_remove_secrets_keeps_only_other_variables():
    environ = SECRET_VALUES | PUBLIC | {"PATH": "/bin"}

    config.remove_secrets(environ)

    assert environ == PUBLIC | {"PATH": "/bin"}


def test_settings_can_be_pickled_for_spawned_workers():
    settings = config.load(PUBLIC | SECRET_VALUES)

    assert pickle.loads(pickle.dumps(settings)) == settings  # noqa: S301 - our own


@pytest.mark.parametrize(
    "name",
    [
        *("OTP_PUBLIC_URL", "OTP_CALLBACK_URL", "TWILIO_API_BASE_URL"),
        *("OTP_CORS_ORIGINS", "OTP_RETURN_ORIGINS"),
    ],
)
@pytest.mark.parametrize(
    "url",
    [
        *("https://u:s3cr3t@h", "https://u:s3cr3t@h?x", "https://u:s3cr3t@h#x"),
        *(
            "https://u:s3cr3t@",
            "u:s3cr3t@h",
            "https://u:s3cr3t@h:x",
            "ftp://u:s3cr3t@h",
        ),
    ],
)
def test_password_in_a_url_is_a_problem_and_not_shown(name, url):
    (problem,) = problems(PUBLIC | SECRET_VALUES | {"OTP_DEV": "1", name: url})

    assert problem.startswith(f"{name} must")
    assert "s3cr3t" not in problem


@pytest.mark.parametrize(
    "name",
    ["OTP_PUBLIC_URL", "OTP_CALLBACK_URL", "TWILIO_API_BASE_URL", "OTP_TERMS_URL"],
)
def test_url_with_half_of_an_ipv6_address_is_a_problem(name):
    (problem,) = problems({"OTP_DEV": "1", name: "https://[::1"})

    assert problem == f"{name} must have an IPv6 address inside of [ ]"
