"""Compare the documents with the code."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import click
import pytest
import yaml

from otp_engine import config
from otp_engine.api import error_handlers
from otp_engine.cli import main
from otp_engine.config import secret_settings
from otp_engine.domain.policy.policy import Policy
from otp_engine.domain.recipients import PseudonymousRecipient
from otp_engine.errors import InvalidSettings, OTPError
from otp_engine.store.events.codec import EVENT_KINDS
from tests.support import (
    documented_blocks,
    pictures,
    redis_server,
    server_process,
)

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
README = (ROOT / "README.md").read_text()
CONFIGURATION = (DOCS / "configuration.md").read_text()
API = (DOCS / "api.md").read_text()
OPERATIONS = (DOCS / "operations.md").read_text()
MONITORING = (DOCS / "monitoring.md").read_text()
EXAMPLE = (ROOT / ".env.example").read_text()
COMPOSE = (ROOT / "docker-compose.yml").read_text()
PAGES = {
    path.relative_to(ROOT): path.read_text()
    for path in [
        *sorted(ROOT.glob("*.md")),
        *sorted(DOCS.rglob("*.md")),
        ROOT / "client" / "README.md",
        *sorted((ROOT / "examples").glob("**/README.md")),
    ]
}
# The names of all files that a page can refer to, with a leading slash.
FILES = [
    f"/{path.relative_to(ROOT)}"
    for folder in (
        ".github",
        "otp_engine",
        "tests",
        "deploy",
        "docs",
        "client",
        "examples",
        "tools",
    )
    for path in (ROOT / folder).rglob("*.*")
] + [f"/{path.name}" for path in ROOT.glob("*.*")]
MAX_README_LINES = 150
# Docker Compose reads these, and the service does not.
COMPOSE_ONLY = {"DOMAIN", "PORT", "REDIS_PASSWORD"}
# The SDKs of Twilio read these.
SDK_ONLY = {"TWILIO_REGION", "TWILIO_EDGE"}
# The tests read these.
TESTS_ONLY = re.compile(r"OTP_(REQUIRE_\w+|PICTURES)")


def first_cells(markdown: str) -> str:
    """Return the first cells of all table rows."""
    return "\n".join(re.findall(r"^\| ([^|]*) \|", markdown, re.MULTILINE))


def without_code(markdown: str) -> str:
    """Return a page without its code blocks."""
    return re.sub(r"^ *```.*?^ *```$", "", markdown, flags=re.MULTILINE | re.DOTALL)


def links(markdown: str) -> Iterator[tuple[str, str]]:
    """Yield the path and the anchor of each relative link or image of a page."""
    pattern = r"\]\(([^)\s]+)\)|<img src=\"([^\"]+)\""
    for link, image in re.findall(pattern, without_code(markdown)):
        target = link or image
        if "://" not in target and not target.startswith("mailto:"):
            path, _, anchor = target.partition("#")
            yield path, anchor


def anchors(markdown: str) -> set[str]:
    """Return the anchors that GitHub gives to the headings of a page."""
    headings = re.findall(r"^#+ (.+)$", without_code(markdown), re.MULTILINE)
    plain = [re.sub(r"[^\w\- ]", "", heading.lower()) for heading in headings]
    return {heading.replace(" ", "-") for heading in plain}


def test_readme_has_at_most_150_lines():
    assert len(README.splitlines()) <= MAX_README_LINES


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_relative_links_resolve(page):
    broken = []
    for path, anchor in links(PAGES[page]):
        target = (ROOT / page.parent / path).resolve() if path else ROOT / page
        if not target.exists():
            broken.append(path)
        elif anchor and anchor not in anchors(target.read_text()):
            broken.append(f"{path}#{anchor}")

    assert broken == []


def sections(markdown: str) -> list[str]:
    """Return the anchors of the headings of the second level."""
    headings = re.findall(r"^## (.+)$", without_code(markdown), re.MULTILINE)
    return [anchor for heading in headings for anchor in anchors(f"## {heading}")]


def test_operations_page_lists_its_sections():
    listed = re.findall(r"^- \[[^\]]+\]\(#([\w-]+)\)$", OPERATIONS, re.MULTILINE)

    assert listed == sections(OPERATIONS)


def test_readme_lists_its_sections():
    contents = next(line for line in README.splitlines() if line.startswith("[The"))

    assert re.findall(r"\(#([\w-]+)\)", contents) == sections(README)


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_named_files_exist(page):
    named = re.findall(r"`([\w.-][\w./-]*\.(?:py|lua|yml|md|conf))`", PAGES[page])

    missing = [
        name for name in named if not any(path.endswith(f"/{name}") for path in FILES)
    ]

    assert missing == []


def test_start_page_links_to_every_page_of_docs():
    linked = {path for path, _ in links((DOCS / "index.md").read_text())}

    assert {path.name for path in DOCS.glob("*.md")} - {"index.md"} <= linked


def test_changelog_has_each_entry_once():
    text = (ROOT / "CHANGELOG.md").read_text()
    # A merge by union adds an entry again that another branch has moved.
    entries = re.findall(r"^- .*", text, re.MULTILINE)

    assert len(entries) > 100
    assert [entry for entry, count in Counter(entries).items() if count > 1] == []


def test_every_setting_is_in_the_configuration_tables():
    documented = re.findall(r"`(\w+)`", first_cells(CONFIGURATION))

    assert set(config.VARIABLES) - set(documented) == set()


def test_every_setting_reaches_docker_compose():
    missing = [
        name for name in config.VARIABLES if f"  {name}: ${{{name}:-" not in COMPOSE
    ]

    assert missing == []


def test_every_setting_is_in_the_example():
    listed = re.findall(r"^(\w+)=$", EXAMPLE, re.MULTILINE)

    assert set(config.VARIABLES) - set(listed) == set()


def test_example_describes_each_setting_on_a_line_of_its_own():
    settings = re.findall(r"((?:#.*\n)*)^(\w+)=$", EXAMPLE, re.MULTILINE)

    undescribed = [
        name
        for comment, name in settings
        if not (name.endswith("_FILE") or re.search(r": .+\.\n$", comment))
    ]

    assert len(settings) > 40
    assert undescribed == []


@pytest.mark.parametrize("name", [field.name for field in fields(Policy)])
def test_example_shows_default_of_the_policy(name):
    shown = re.search(rf"^#.*: ([^:]+)\.\nOTP_{name.upper()}=$", EXAMPLE, re.MULTILINE)
    assert shown

    defaults = config.load({"OTP_DEV": "1"}).policy
    explicit = config.load({"OTP_DEV": "1", f"OTP_{name.upper()}": shown[1]}).policy

    assert explicit == defaults


def test_example_has_only_known_settings():
    listed = set(re.findall(r"^(\w+)=", EXAMPLE, re.MULTILINE))

    assert listed - COMPOSE_ONLY - set(config.VARIABLES) == set()


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_pages_name_only_known_settings(page):
    named = set(re.findall(r"\b((?:OTP|TWILIO)_[A-Z0-9_]*[A-Z0-9])\b", PAGES[page]))
    unknown = named - SDK_ONLY - COMPOSE_ONLY - set(config.VARIABLES)

    assert [name for name in unknown if not TESTS_ONLY.fullmatch(name)] == []


def test_every_secret_can_be_given_by_file():
    secrets = set(secret_settings.SECRETS)
    files = set(secret_settings.FILES.values())

    assert secrets | files < set(config.VARIABLES)
    for word in (
        *("PEPPER", "FACTOR_KEY", "TOKEN", "SECRET", "PROOF_KEY"),
        *("METRICS_KEY", "API_KEYS"),
    ):
        named = {name for name in config.VARIABLES if word in name}
        assert named - files <= secrets


def commands() -> set[str]:
    """Return every command line of `otp-engine`, such as `keys new`."""
    names = set()
    for name, command in main.commands.items():
        names.add(name)
        if isinstance(command, click.Group):
            names |= {f"{name} {child}" for child in command.commands}
    return names


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_pages_name_only_known_commands(page):
    code = re.findall(r"`[^`\n]+`|^.*\$ .*$", PAGES[page], re.MULTILINE)
    pattern = r"otp-engine (?!otp-engine)((?:keys|policy) [a-z]+|[a-z]+)"
    named = set(re.findall(pattern, "\n".join(code)))

    assert named - commands() == set()


def named_in_code(pattern: str) -> set[str]:
    """Return what the code in the text of all pages but the changelog names."""
    texts = [text for path, text in PAGES.items() if path.name != "CHANGELOG.md"]
    code = re.findall(r"`([^`\n]+)`", "\n".join(map(without_code, texts)))
    return {name for each in code for name in re.findall(pattern, each)}


def test_pages_name_only_targets_of_make():
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    named = named_in_code(r"^(?:.* )?make ([a-z-]+)")

    assert len(named) > 20
    assert named - set(targets) == set()


def test_pages_name_only_services_and_profiles_of_docker_compose():
    compose = yaml.safe_load(COMPOSE)["services"]
    profiles = {name for each in compose.values() for name in each.get("profiles", [])}
    started = named_in_code(r"docker compose (?:up|stop|logs)((?: [a-z-]+)*)")
    services = named_in_code(r"docker compose exec ([a-z-]+)")
    services |= {name for words in started for name in words.split() if name != "-d"}

    assert {"twilio", "caddy", "grafana"} <= services
    assert services - set(compose) == set()
    assert named_in_code(r"--profile ([a-z]+)") - profiles == set()


def test_pages_name_only_programs_of_the_tests_that_exist():
    named = named_in_code(r"python -m (tests\.[\w.]+)")
    files = {f"{ROOT / name.replace('.', '/')}.py" for name in named}

    assert len(named) > 1
    assert [path for path in files if not Path(path).is_file()] == []


@pytest.mark.parametrize("kind", EVENT_KINDS)
def test_page_of_events_lists_the_fields_of_each_event(kind):
    rows = re.findall(r"^\| `(\w+)` \|((?: `\w+`,?)*) \|", MONITORING, re.MULTILINE)
    documented = re.findall(r"`(\w+)`", dict(rows)[kind])

    own = [field.name for field in fields(EVENT_KINDS[kind])]
    assert documented == [name for name in own if name != "recipient"]


def test_page_of_events_lists_the_fields_of_every_recipient():
    names = [f"`{field.name}`" for field in fields(PseudonymousRecipient)]

    assert f"{', '.join(names[:-1])} and {names[-1]}" in MONITORING


def errors(kind: type[OTPError] = OTPError) -> Iterator[type[OTPError]]:
    """Yield *kind* and all of its subclasses."""
    yield kind
    for child in kind.__subclasses__():
        yield from errors(child)


def test_every_error_is_in_the_api_page():
    returned = {
        kind.error_code
        for kind in errors()
        if not kind.__subclasses__()
        and any(base in error_handlers.STATUS for base in kind.__mro__)
    }

    assert returned - set(re.findall(r"`(\w+)`", API)) == set()


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_linked_tests_exist(page):
    linked = re.findall(r"\[`(test_\w+)`\]\(([\w/.]+)\)", PAGES[page])

    missing = [
        test
        for test, path in linked
        if f"def {test}(" not in (ROOT / page.parent / path).read_text()
    ]

    assert missing == []


@pytest.mark.parametrize("block", documented_blocks.blocks(), ids=str)
def test_every_command_and_python_of_the_documents_is_run_by_a_test(block):
    assert block.is_run or block.elsewhere, (
        "Add the block to ELSEWHERE or PYTHON in tests/support/documented_blocks.py,"
        " with the test that runs it or verifies what it names."
    )


ELSEWHERE = [*documented_blocks.ELSEWHERE.values()]
RUNNING = {*(each.test for each in ELSEWHERE), *documented_blocks.PYTHON.values()}


@pytest.mark.parametrize("named", sorted(RUNNING))
def test_test_that_runs_a_block_exists(named):
    path, _, function = named.partition("::")

    assert f"def {function}(" in (ROOT / path).read_text()


def test_every_block_with_a_reason_exists():
    shown = documented_blocks.blocks()
    first = {block.commands[0].line for block in shown if block.language != "python"}
    python = {(block.page, block.heading) for block in shown}

    assert set(documented_blocks.ELSEWHERE) - first == set()
    assert set(documented_blocks.PYTHON) - python == set()


def test_every_picture_is_taken_by_a_test_and_shown_with_a_description():
    files = {path.stem for path in (DOCS / "images").glob("*.png")}
    tests = "".join(path.read_text() for path in (ROOT / "tests").rglob("test_*.py"))
    taken = set(re.findall(r"pictures\.take\(\w+, \"([\w-]+)\"\)", tests))
    markdown = "".join(PAGES.values())
    shown = re.findall(
        r"images/([\w-]+)\.png\" width=\"\d+\" alt=\"[^\"]{20,}\"", markdown
    )

    assert files == taken == set(pictures.stored()) == set(shown)


def test_all_ten_promises_are_in_the_readme():
    numbers = re.findall(r"^\| (\d+) \|", README, re.MULTILINE)

    assert numbers == [str(number) for number in range(1, 11)]


def test_all_compose_services_are_confined():
    services = COMPOSE[COMPOSE.index("\nservices:") : COMPOSE.index("\nnetworks:")]
    named = re.findall(r"^  ([a-z-]+):\n((?:    .*\n|\n)+)", services, re.MULTILINE)

    assert {name for name, _ in named} >= {"redis", "otp-engine", "twilio", "proxy"}
    for name, text in named:
        assert re.search(r"<<: \*(confined|engine)", text), name
        assert re.search(r"<<: \*engine|image: \S+:[\w.-]+\d", text), name
        assert "<<: *engine" in text or "mem_limit" in text, name


def compose_environment(service: str, **shell: str) -> dict[str, str]:
    """Return the environment of a service of `docker-compose.yml`.

    Args:
        service: Its name there.
        shell: The variables of the shell that runs `docker compose up`.
    """
    text = COMPOSE[COMPOSE.index("x-environment:") : COMPOSE.index("x-engine:")]
    own = re.search(rf"^  {service}:\n((?:    .*\n|\n)+)", COMPOSE, re.MULTILINE)
    assert own
    environment = {}
    for name, default in re.findall(r"^ +(\w+): \${\w+:-(.*)}$", text, re.MULTILINE):
        environment[name] = shell.get(name) or default
    for name, value in re.findall(r"^      (\w+): (.+)$", own[1], re.MULTILINE):
        fallback = re.fullmatch(r"\${(\w+):-(.*)}", value)
        environment[name] = (
            shell.get(fallback[1]) or fallback[2] if fallback else value.strip('"')
        )
    return environment


def test_local_stack_starts_without_settings():
    settings = config.load(compose_environment("otp-engine"))

    assert settings.dev
    assert settings.senders == ("console",)
    assert len(settings.warnings) == 1


PRODUCTION = {
    "OTP_PEPPER": "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=",
    "OTP_API_KEYS": f"shop:{'0123456789abcdeffedcba9876543210'}",
    "TWILIO_ACCOUNT_SID": f"AC{'0' * 32}",
    "TWILIO_AUTH_TOKEN": "token",
    "TWILIO_FROM": "+15005550006",
}


@pytest.mark.parametrize("by_file", [False, True])
def test_twilio_profile_starts_with_required_settings(tmp_path, by_file):
    shell = PRODUCTION
    if by_file:
        path = tmp_path / "pepper"
        path.write_text(PRODUCTION["OTP_PEPPER"])
        shell = PRODUCTION | {"OTP_PEPPER": "", "OTP_PEPPER_FILE": str(path)}

    settings = config.load(compose_environment("twilio", **shell))

    assert not settings.dev
    assert settings.senders == ("twilio",)
    assert settings.warnings == ()


@pytest.mark.parametrize("missing", [*PRODUCTION])
def test_twilio_profile_fails_without_required_setting(missing):
    environment = compose_environment("twilio", **PRODUCTION | {missing: ""})

    with pytest.raises(InvalidSettings, match=f"{missing} is not set"):
        config.load(environment)


def test_local_stack_refuses_sender_twilio_without_key_and_pepper():
    shell = PRODUCTION | {"OTP_PEPPER": "", "OTP_API_KEYS": "", "OTP_SENDER": "twilio"}

    with pytest.raises(InvalidSettings) as error:
        config.load(compose_environment("otp-engine", **shell))

    assert [problem.split()[0] for problem in error.value.problems] == [
        "OTP_API_KEYS",
        "OTP_PEPPER",
        "OTP_FACTOR_KEY",
    ]


@pytest.fixture(scope="module")
def dev_server() -> Iterator[server_process.ServerProcess]:
    """Yield a running `otp-engine serve --dev`."""
    with server_process.running_server("--dev") as server:
        yield server


@pytest.mark.e2e
def test_first_two_minutes_of_the_readme_work(dev_server):
    lines = re.findall(r"\$ curl localhost:3000(\S+) --json '(.*)'\n({.*)\n", README)
    (send_path, send_body, sent), (check_path, check_body, checked) = lines

    send = dev_server.post(send_path, json.loads(send_body))
    redis_server.wait_until(lambda: len(dev_server.stdout) > 0)
    printed = json.loads(dev_server.stdout[0])["message"]
    code = re.findall(r": ([0-9]{6}) is", printed)[0]
    check = dev_server.post(check_path, json.loads(check_body) | {"otp": code})

    assert send.body == json.loads(sent)
    assert printed.replace(code, "482913") in README
    assert check.body == json.loads(checked)


@pytest.mark.e2e
def test_fallback_of_the_readme_is_in_the_inbox():
    [routes] = re.findall(r'\$ OTP_ROUTES="(.*)" make run\n', README)
    [outcome] = re.findall(r"inbox/provider -d outcome=(\S+)\n", README)
    [(path, body)] = re.findall(r"3000(/\S+) --json '(.*)'\n```\n\nTwo sec", README)
    with server_process.running_server("--dev", OTP_ROUTES=routes) as server:
        server.post_form("/dev/inbox/provider", {"outcome": outcome})

        sent = server.post(path, json.loads(body))

        assert sent.status == 201
        redis_server.wait_until(lambda: len(_channels_in_inbox(server)) > 1)
        assert _channels_in_inbox(server) == ["sms", "whatsapp"]


def _channels_in_inbox(server: server_process.ServerProcess) -> list[str]:
    messages = server.get("/dev/inbox.json").body["messages"]
    return [message["channel"] for message in messages]


@pytest.mark.e2e
def test_every_metric_is_in_the_page_of_metrics(dev_server):
    page = dev_server.read("/metrics")
    exposed = re.findall(r"^# TYPE (otp_\w+) ", page, re.MULTILINE)
    documented = re.findall(r"`(\w+)`", first_cells(MONITORING))

    assert set(exposed) - set(documented) == set()


@pytest.mark.e2e
def test_every_rule_is_in_the_page_of_events(dev_server):
    page = dev_server.read("/metrics")
    counted = re.findall(r"^otp_refusals_total{.*limit=\"(\w+)\"", page, re.MULTILINE)
    documented = re.findall(r"`(\w+)`", first_cells(MONITORING))

    assert len(counted) > 0
    assert set(counted) - set(documented) == set()
