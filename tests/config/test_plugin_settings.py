from __future__ import annotations

import re

import pytest

from otp_engine.config import plugin_settings
from otp_engine.config.env_reader import EnvReader
from otp_engine.config.plugin_settings import PluginSettings
from otp_engine.domain.models import Channel
from tests.support import plugins

PROVIDER = """
class Provider:
    channels = ("whatsapp", "sms")

    def __init__(self, options):
        self.options = options

    def send(self, message):
        return "m-1"
"""


@pytest.fixture
def install(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)

    def install(source, name="acme", module="acme_otp"):
        plugins.write(tmp_path, name, module, source)

    return install


def load(*names, options=""):
    env = EnvReader({"OTP_PLUGIN_OPTIONS": options})
    loaded = plugin_settings.load(names, env)
    return loaded, env.problems


def test_installed_plugin_is_found(install):
    install(PROVIDER)

    assert "acme" in plugin_settings.installed()


def test_plugin_has_channels_and_options(install):
    install(PROVIDER, module="acme_channels")

    loaded, problems = load("acme", options="acme.token=a=b, acme.url=https://x")

    assert problems == []
    assert loaded == (
        PluginSettings(
            name="acme",
            channels=(Channel.WHATSAPP, Channel.SMS),
            options={"token": "a=b", "url": "https://x"},
        ),
    )
    assert loaded[0].create().options["token"] == "a=b"


def test_options_on_lines_can_contain_commas(install):
    install(PROVIDER, module="acme_lines")

    loaded, problems = load("acme", options="# of acme\nacme.token=a,b\n\nacme.x=1")

    assert problems == []
    assert loaded[0].options == {"token": "a,b", "x": "1"}


def test_representation_contains_no_option():
    settings = PluginSettings(
        name="acme", channels=(Channel.SMS,), options={"token": "s3cret"}
    )

    assert "s3cret" not in repr(settings)


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        ("import no_such_module", "cannot be imported.*ModuleNotFoundError$"),
        ("x = 1", "cannot be imported.*AttributeError$"),
        ("raise SystemError('s3cret')", "cannot be imported.*SystemError$"),
        ("class Provider:\n    channels = ['fax']", "no valid channels.*'fax'"),
        ("class Provider:\n    channels = None", "no valid channels: TypeError$"),
        ("class Provider:\n    channels = []", "has no channels"),
        ("class Provider:\n    channels = ['sms']", "does not start: TypeError$"),
        (
            PROVIDER.replace("self.options = options", "raise ValueError('no token')"),
            "does not start: ValueError: no token$",
        ),
        (
            PROVIDER.replace("self.options = options", "raise KeyError('s3cret')"),
            "does not start: KeyError$",
        ),
        (
            PROVIDER.replace("self.options = options", "raise SystemExit('s3cret')"),
            "does not start: SystemExit$",
        ),
        (PROVIDER.replace("def send", "def deliver"), "it has no send$"),
    ],
    ids=str,
)
def test_problem_names_the_plugin(install, request, source, problem):
    module = f"acme_{abs(hash(request.node.name))}"
    install(source, module=module)

    loaded, (found,) = load("acme")

    assert loaded == ()
    assert found.startswith("the plug-in acme ")
    assert re.search(problem, found)


def test_name_of_two_distributions_is_a_problem(install):
    install(PROVIDER, module="acme_first")
    install(PROVIDER, module="acme_second")

    _, (found,) = load("acme")

    assert "2 distributions have this name" in found


@pytest.mark.parametrize(
    "options",
    ["token=s3cret", "acme=s3cret", "acme.token", "acme.token=1,acme.token=2"],
)
def test_malformed_options_are_a_problem_without_their_text(options):
    _, (found,) = load(options=options)

    assert found.startswith("OTP_PLUGIN_OPTIONS must")
    assert "s3cret" not in found


def test_options_of_another_plugin_are_a_problem():
    _, (found,) = load(options="acme.token=s3cret")

    assert "has options of acme" in found
    assert "s3cret" not in found
