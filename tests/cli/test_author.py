"""The author of a policy version: `--by`, `OTP_OPERATOR`, or user and machine."""

from __future__ import annotations

import json
import os
import shutil
import subprocess

import pytest

from otp_engine.cli.author import default_author
from otp_engine.config import command_settings
from otp_engine.crypto import api_keys
from tests.support import redis_server, server_process
from tests.support.command_line import run

SECRETS = [
    api_keys.generate(),
    "0123456789abcdef0123456789abcdef",
    "redis://:secret@redis",
    "sha256:00",
    "cGVwcGVyIHBlcHBlciBwZXBwZXI=",
]
NOT_PRINTABLE = ["alice\x1b[2J", "a\nb", "\u202eecila", "x" * 65, "x y" * 22]


@pytest.fixture
def environ(redis_url, real_redis):
    return server_process.production(redis_url, "http://127.0.0.1")


def authors(environ):
    result = run("policy", "history", "--json", **environ)
    return [version["author"] for version in json.loads(result.stdout)]


def raises(error):
    def function():
        raise error

    return function


def test_default_author_is_user_and_machine():
    assert default_author(user=lambda: "alice", machine=lambda: "ops") == "alice@ops"


# Python 3.13 raises OSError where earlier versions raise KeyError.
@pytest.mark.parametrize("error", [KeyError("getpwuid()"), OSError("no user name")])
def test_author_without_user_name_has_the_user_id(error):
    author = default_author(
        user=raises(error), user_id=lambda: 123456, machine=lambda: "ops"
    )

    assert author == "123456@ops"


@pytest.mark.parametrize("name", [*SECRETS, *NOT_PRINTABLE, "\udcff", ""])
def test_author_with_a_user_name_of_no_person_has_the_user_id(name):
    author = default_author(
        user=lambda: name, user_id=lambda: 123456, machine=lambda: "ops"
    )

    assert author == "123456@ops"


def test_option_by_precedes_the_setting(environ):
    run("policy", "set", "ttl", "5m", OTP_OPERATOR="Bob", **environ)
    run(
        "policy", "set", "ttl", "6m", "--by", "Alice Ray", OTP_OPERATOR="Bob", **environ
    )

    assert authors(environ) == ["Alice Ray", "Bob"]


@pytest.mark.parametrize(
    ("command", "arguments"), [("unset", ("ttl",)), ("rollback", ("0",))]
)
def test_every_change_has_its_author(environ, command, arguments):
    run("policy", "set", "ttl", "5m", **environ)

    run("policy", command, *arguments, "--by", "alice", **environ)

    assert authors(environ)[0] == "alice"


@pytest.mark.parametrize("name", ["alice", "Ada Ray-Löw", "अलीशा", "o'neil", "a.b@ops"])
def test_names_of_people_are_accepted(name):
    assert command_settings.operator_name(name) == name


@pytest.mark.parametrize("name", [*SECRETS, *NOT_PRINTABLE, ""])
def test_secret_or_unprintable_author_is_rejected_without_being_shown(environ, name):
    option = run("policy", "set", "ttl", "5m", "--by", name, **environ)

    assert option.exit_code == 2
    assert "must be the name of a person" in option.stderr
    assert not name or name not in option.stderr
    assert authors(environ) == []


def test_secret_in_the_setting_is_rejected_without_being_shown(environ):
    result = run("policy", "set", "ttl", "5m", OTP_OPERATOR=SECRETS[0], **environ)

    assert result.exit_code == 1
    assert "✗ OTP_OPERATOR must be the name of a person" in result.stderr
    assert SECRETS[0] not in result.stderr


def run_as_unknown_user(*arguments, **environ):
    """Run a command as a user that no passwd file lists, without HOME and USER."""
    return subprocess.run(
        [
            *("setpriv", "--reuid=123456", "--clear-groups"),
            # The Python of the tests can be in a folder that only root reads.
            *("--inh-caps=+dac_override", "--ambient-caps=+dac_override"),
            *(*server_process.PROGRAM, *arguments),
        ],
        env=server_process.PATH | environ,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.skipif(
    os.getuid() != 0 or not shutil.which("setpriv"),
    reason="only root can change its uid",
)
def test_process_without_passwd_entry_stores_its_user_id(environ, tmp_path):
    with redis_server.redis_on_a_port(tmp_path) as port:
        environ |= {"REDIS_URL": f"redis://127.0.0.1:{port}"}
        change = run_as_unknown_user("policy", "set", "sending", "off", **environ)
        stored = authors(environ)

    assert change.returncode == 0, change.stderr
    assert [author.partition("@")[0] for author in stored] == ["123456"]
