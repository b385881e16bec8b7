"""The documents say what is so."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from otp_engine import config
from otp_engine.api import responses
from otp_engine.config import secret_settings
from otp_engine.errors import InvalidSettings, OTPError
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


def environment_of_compose(service, **given):
    """What `docker compose up` gives to *service* where the shell has *given*."""
    text = COMPOSE[COMPOSE.index("x-environment:") : COMPOSE.index("x-engine:")]
    own = re.search(rf"^  {service}:\n((?:    .*\n|\n)+)", COMPOSE, re.MULTILINE)
    assert own
    found = {}
    for name, default in re.findall(r"^ +(\w+): \${\w+:-(.*)}$", text, re.MULTILINE):
        found[name] = given.get(name) or default
    for name, value in re.findall(r"^      (\w+): (.+)$", own[1], re.MULTILINE):
        fallback = re.fullmatch(r"\${(\w+):-(.*)}", value)
        found[name] = (
            given.get(fallback[1]) or fallback[2] if fallback else value.strip('"')
        )
    return found


def test_the_local_stack_starts_with_nothing_set():
    settings = config.read(environment_of_compose("otp-engine"))

    assert settings.dev
    assert settings.senders == ("console",)
    assert len(settings.warnings) == 1


REAL = {
    "OTP_PEPPER": "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=",
    "OTP_API_KEYS": f"shop:{'0123456789abcdeffedcba9876543210'}",
    "TWILIO_ACCOUNT_SID": f"AC{'0' * 32}",
    "TWILIO_AUTH_TOKEN": "token",
    "TWILIO_FROM": "+15005550006",
}


def test_the_profile_twilio_starts_with_what_the_example_asks_for(tmp_path):
    path = tmp_path / "pepper"
    path.write_text(REAL["OTP_PEPPER"])
    by_file = REAL | {"OTP_PEPPER": "", "OTP_PEPPER_FILE": str(path)}

    for given in (REAL, by_file):
        settings = config.read(environment_of_compose("twilio", **given))
        assert not settings.dev
        assert settings.senders == ("twilio",)
        assert settings.warnings == ()


@pytest.mark.parametrize("missing", [*REAL])
def test_the_profile_twilio_does_not_start_without_one_of_them(missing):
    with pytest.raises(InvalidSettings, match=f"{missing} is not set"):
        config.read(environment_of_compose("twilio", **REAL | {missing: ""}))


def test_the_local_stack_sends_nothing_for_real_by_a_slip_in_the_shell():
    given = REAL | {"OTP_PEPPER": "", "OTP_API_KEYS": "", "OTP_SENDER": "twilio"}

    with pytest.raises(InvalidSettings) as refusal:
        config.read(environment_of_compose("otp-engine", **given))

    assert [problem.split()[0] for problem in refusal.value.problems] == [
        "OTP_API_KEYS",
        "OTP_PEPPER",
    ]


def test_every_secret_can_be_given_by_file_and_is_documented_so():
    secrets = set(secret_settings.SECRETS)

    assert secrets < set(config.VARIABLES)
    assert set(secret_settings.FILES.values()) < set(config.VARIABLES)
    for word in ("PEPPER", "TOKEN", "SECRET", "PROOF_KEY", "METRICS_KEY", "API_KEYS"):
        named = {name for name in config.VARIABLES if word in name}
        assert named - set(secret_settings.FILES.values()) <= secrets


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


@pytest.mark.e2e
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
