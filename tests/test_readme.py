"""The documents say what is so."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from otp_engine import config
from otp_engine.api import responses
from otp_engine.errors import OTPError
from tests import processes, servers

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
EXAMPLE = (ROOT / ".env.example").read_text()
COMPOSE = (ROOT / "docker-compose.yml").read_text()
PROMISES = re.findall(r"\[`(test_\w+)`\]\(([\w/.]+)\)", README)


@pytest.mark.parametrize("variable", config.VARIABLES)
def test_every_setting_is_in_the_readmes_table(variable):
    assert re.search(rf"^\|[^|]*`{variable}`", README, re.MULTILINE)


@pytest.mark.parametrize("variable", config.VARIABLES)
def test_every_setting_reaches_the_local_stack(variable):
    assert f"  {variable}: ${{{variable}:-" in COMPOSE


@pytest.mark.parametrize("variable", config.VARIABLES)
def test_every_setting_is_in_the_example(variable):
    assert re.search(rf"^{variable}=$", EXAMPLE, re.MULTILINE)


def test_the_example_has_no_setting_that_is_not_read():
    named = set(re.findall(r"^(\w+)=", EXAMPLE, re.MULTILINE))

    assert named - {"PORT", "REDIS_PASSWORD"} <= set(config.VARIABLES)


def test_every_service_of_the_local_stack_is_confined():
    services = COMPOSE[COMPOSE.index("\nservices:") : COMPOSE.index("\nnetworks:")]
    named = re.findall(r"^  ([a-z-]+):\n((?:    .*\n|\n)+)", services, re.MULTILINE)

    assert {name for name, _ in named} >= {"redis", "otp-engine", "twilio", "proxy"}
    for name, text in named:
        assert re.search(r"<<: \*(confined|engine)", text), name
        assert re.search(r"<<: \*engine|image: \S+:[\w.-]+\d", text), name
        assert "<<: *engine" in text or "mem_limit" in text, name


def test_the_readme_names_no_setting_that_is_not_read():
    named = set(re.findall(r"`((?:OTP|TWILIO)_[A-Z0-9_]+)", README))

    assert named <= set(config.VARIABLES)


@pytest.mark.parametrize(("test", "path"), PROMISES)
def test_every_promise_leads_to_the_test_that_keeps_it(test, path):
    assert f"def {test}(" in (ROOT / path).read_text()


def test_all_nine_promises_are_in_the_readme():
    numbers = re.findall(r"^\| ([1-9]) \|", README, re.MULTILINE)

    assert numbers == list("123456789")


def errors(kind: type[OTPError] = OTPError):
    yield kind
    for child in kind.__subclasses__():
        yield from errors(child)


def test_every_error_that_a_client_can_meet_is_in_the_readme():
    answered = {
        kind.name
        for kind in errors()
        if not kind.__subclasses__()
        and any(base in responses.STATUS for base in kind.__mro__)
    }

    for name in answered:
        assert f"`{name}`" in README, name


def test_the_readmes_first_two_minutes_go_as_it_says():
    lines = re.findall(r"\$ curl localhost:3000(\S+) --json '(.*)'\n(.*)\n", README)
    assert len(lines) == 2
    (send, sent_body, sent), (verify, verified_body, verified) = lines

    with processes.serving("--dev") as served:
        first = served.post(send, json.loads(sent_body))
        servers.wait_until(lambda: len(served.stdout) > 0)
        printed = served.stdout[0].strip()
        code = re.findall(r": ([0-9]{6}) is", printed)[0]
        second = served.post(verify, json.loads(verified_body) | {"otp": code})

    assert first.body == json.loads(sent)
    assert printed.replace(code, "482913") in README
    assert second.body == json.loads(verified)
