from __future__ import annotations

import pytest

from otp_engine import config
from otp_engine.config import VARIABLES
from otp_engine.errors import InvalidSettings
from tests.support.settings import PRODUCTION

EVERY_SENDER = {
    "OTP_SENDER": "twilio, aws, telegram",
    "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
    "AWS_SECRET_ACCESS_KEY": "secret",
    "AWS_REGION": "eu-west-1",
    "OTP_AWS_NOTIFY_CONFIGURATION": "nc-1",
    "TELEGRAM_GATEWAY_TOKEN": "token",
}
SETTINGS = [name for name in VARIABLES if not name.endswith("_FILE")]


def problems_of(name, value):
    """Return what is invalid where one setting has a value."""
    # Each setting is read in dev mode with every sender.
    base = {"OTP_DEV": "1", **EVERY_SENDER}
    if name == "HTTP_PROXY":
        base["TWILIO_API_BASE_URL"] = "http://127.0.0.1"
    try:
        config.load(PRODUCTION | base | {name: value})
    except InvalidSettings as error:
        return error.problems
    return ()


@pytest.mark.parametrize("quotes", ['""', "''", "\u201c\u201d"])
def test_quotes_around_a_value_are_a_problem_of_its_own(quotes):
    value = f"{quotes[0]}s3cr3t{quotes[1]}"

    problems = {name: problems_of(name, value) for name in SETTINGS}

    for name, found in problems.items():
        assert f"{name} has quotes around its value: remove them" in found
        assert "s3cr3t" not in "".join(found)


@pytest.mark.parametrize("value", ['"', "'", "Lil' Shop", '"A" and "B', '5"'])
def test_other_quotes_in_a_value_are_part_of_it(value):
    assert config.load(PRODUCTION | {"OTP_BRAND": value}).brand == value


@pytest.mark.parametrize("prefix", ["", "export "])
def test_name_of_a_variable_in_its_value_is_a_problem_of_its_own(prefix):
    problems = {name: problems_of(name, f"{prefix}{name}=s3cr3t") for name in SETTINGS}

    for name, found in problems.items():
        assert f"{name} has its own name in its value: remove it" in found
        assert "s3cr3t" not in "".join(found), name
